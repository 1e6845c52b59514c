/** Requirements 5.2: errors with the number under which the guides list them. */
import { type Requirement, WITH_THE_MIRROR } from "./row.ts";

const error = (row: string, holds: string, later?: string): Requirement => ({
  section: "5.2",
  row,
  holds,
  ...(later === undefined ? {} : { later }),
});

export const ERRORS: readonly Requirement[] = [
  error("AWS VIP start 51", "CredentialsMissing: no way to credentials"),
  error("AWS VIP start 50", "the call fails: its code, action and remedy; the metadata path and the region are named"),
  error("AWS VIP start 50 not found", "NotFound: VPC, interface or table with its id"),
  error(
    "AWS VIP start 50 not authorised",
    "NotAuthorized: names the action; all tables that hold the VIP must be allowed",
  ),
  error("AWS VIP start 9", "a timeout: ActivationTimeout, CallTimeout"),
  error("AWS VIP start 53", "AddressInsideVpc"),
  error("AWS VIP up, no ping", "SourceDestCheckOn"),
  error("AWS VIP monitor 56", "RouteWrong, repaired in place; a rival that writes the same route is named"),
  error("EIP start 99", "CredentialsMissing: nothing to install, but credentials are needed"),
  error("EIP start 5", "NotFound or the call's failure"),
  error("EIP start 6", "a timeout; a member's own public address is warned about"),
  error("EIP monitor 7", "AssociationWrong, associated again; a second claim is named"),
  error("AWS DNS start 99", "CredentialsMissing"),
  error(
    "AWS DNS start 5",
    "the call fails: invalid record set, VPC not associated, DNS off in the VPC, upper case, endpoint",
  ),
  error("AWS DNS start 5 hosted zone not found", "NotFound with the zone's id"),
  error("AWS DNS start 6", "a timeout; the measured p99 stands beside the timeout"),
  error("AWS DNS slow to resolve", "no absent moment, a small TTL, and a start delay before a fresh name is judged"),
  error("AWS DNS monitor 7", "RecordMissing, written again in place"),
  error("AWS DNS monitor 8", "RecordWrong, written again in place"),
  error("AWS DNS monitor 9", "NotResolved, as seen by the member's resolver"),
  error("AWS DNS monitor 10", "ResolvedElsewhere, e.g. by a hosts file"),
  error("AWS DNS monitor 106", "CallTimeout as a warning; 6 with whenUnreadable Recover"),
  error("AZ monitor 105", "the call fails or the zone is invalid: warning; 5 as an error"),
  error("AZ monitor 106", "a timeout: warning; 6 as an error"),
  error("Azure DNS", "codes, causes and remedies of our own"),
  error("LB probe", "codes, causes and remedies of our own"),
  error("Mirror", "codes, causes and remedies of our own", WITH_THE_MIRROR),
  error("code + 100", "the same fault as a warning: whenUnreadable Warn (default), Ignore, Recover"),
];
