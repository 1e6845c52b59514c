/** Requirements 5.3 and 5.4: behaviours by their number, and the guides' verification procedures. */
import { type Requirement, WITH_THE_MIRROR } from "./row.ts";

const behaviour = (row: string, holds: string, later?: string): Requirement => ({
  section: "5.3",
  row,
  holds,
  ...(later === undefined ? {} : { later }),
});
const procedure = (row: string, holds: string): Requirement => ({ section: "5.4", row, holds });

export const BEHAVIOURS: readonly Requirement[] = [
  behaviour("1", "a monitor exists with its resource; nobody creates one"),
  behaviour("2", "a start delay after activation before a fresh record is judged"),
  behaviour("3", "the standby's port must be closed; the active listener: 3 reactivations, then failover"),
  behaviour("3b", "repair in place first for every pointer; fail over only when the repair fails"),
  behaviour("4", "the zone monitor's target is the member itself"),
  behaviour("5", "an API failure never fails a name over by default; a wrong or unresolved value does"),
  behaviour("6", "an unreadable record is no failure; a start with the record already right succeeds"),
  behaviour("7", "a passed preflight repeats where the virtual IP cannot be reached from"),
  behaviour("8", "a shutdown from outside is a clean stop and a planned move"),
  behaviour("9", "an outage of the cloud's endpoint moves nothing and deletes nothing"),
  behaviour("10", "the p99 of the measured call time stands beside the timeout"),
  behaviour("11", "presets and validation for freezes of up to 30 s"),
  behaviour("12", "round-trip time and added latency of the mirror are shown", WITH_THE_MIRROR),
  behaviour(
    "13",
    "works with secure boot on: no kernel module of its own",
    "nothing loads a kernel module today; shown on a machine with secure boot when the mirror attaches its device",
  ),
  behaviour("14", "dependencies: the service after the record, the record after the address"),
  behaviour("15", "two regions, one zone, a resolver per site, peering"),
  behaviour("16", "verification mode: simulate-fault on each resource"),
  behaviour("17", "what is applied is validated first, also offline"),
  behaviour("18 final action", "suppressed while no other member is up"),
  behaviour("18 dirty stop", "automatic start is held after an unclean stop"),
  behaviour("18 double activation", "two active members are noticed and the grant's holder survives"),
  behaviour("18 delay warnings", "heartbeat and monitor warn at a rate of their timeout"),
  behaviour("18 details", "details are collected when a monitor fails"),
  behaviour("18 switches", "recovery can be switched off, for one group and for all"),
  behaviour("18 group wait", "a cold start waits for earlier members of the list"),
  behaviour("18 site", "members of the own region first; other regions only by a person where asked"),
];

export const PROCEDURES: readonly Requirement[] = [
  procedure(
    "Azure DNS",
    "delete the record by hand: repaired in place; moved only when the repair fails; read at the zone's server",
  ),
  procedure("Public LB", "simulated fault on the probe: 3 reactivations, failover, frontend reachable"),
  procedure("Internal LB", "the same; with DSR the client sees the frontend address on replies"),
  procedure("AWS VIP", "route changed by hand: 56, repaired"),
  procedure("AWS EIP", "association changed by hand: 7, repaired"),
  procedure("AWS DNS", "record deleted or changed by hand: 7 and 8, repaired"),
  procedure("Multi-region", "the guide's seven steps with both VPN links"),
  procedure("LifeKeeper", "a start with the record already right succeeds; more attempts can be set"),
  procedure("NP test", "isolated, suspended and cut off members stop and stay stopped"),
];
