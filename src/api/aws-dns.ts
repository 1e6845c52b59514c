/**
 * AwsDns: an A record in Route 53 that names the active member, or a fixed address.
 */
import { ADDRESS_OR_MEMBERS_RULE, dnsMonitor, dnsStatus, dnsTarget, dnsTimeouts, dnsWrite } from "./dns-schemas.ts";
import { AWS_DNS } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { ACTIVE_COLUMN, AGE_COLUMN, GROUP_COLUMN, READY_COLUMN, conditionColumn } from "./printer-columns.ts";
import { choice, immutable, integer, object, text, time, withRules } from "./schema.ts";
import { ROOT_NAME_RULE, credentials, duration, resourceStatus } from "./shared-schemas.ts";

const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
const TOP_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

const spec = object(
  "The record and what it says.",
  {
    hostedZoneId: immutable(
      text("Public or private hosted zone. Cannot be changed.", { maxLength: 32, pattern: "^[A-Za-z0-9]{1,32}$" }),
    ),
    name: withRules(
      text("Name of the A record: a lower-case FQDN; the last dot is optional. Cannot be changed.", {
        minLength: 1,
        maxLength: 254,
      }),
      {
        rule: `self.matches('^(${LABEL}[.])+${TOP_LABEL}[.]?$')`,
        message: "name must be a lower-case FQDN such as srv.hz1.local.",
      },
      {
        rule: "self == oldSelf || self + '.' == oldSelf || self == oldSelf + '.'",
        message: "cannot be changed after creation",
      },
    ),
    ...dnsTarget("AwsDnsMember"),
    write: dnsWrite(),
    sync: object(
      "Reading the INSYNC state of a change: only reported, activation never waits for it.",
      {
        interval: duration("Time between two readings.", "1s", "10m", { default: "20s" }),
        attempts: integer("Readings.", 1, 20, { default: 5 }),
      },
      { defaulted: true, typeName: "DnsSync" },
    ),
    monitor: dnsMonitor(),
    timeouts: dnsTimeouts(),
    credentials: credentials(
      "Needs route53:GetHostedZone, ListResourceRecordSets, ChangeResourceRecordSets, GetChange; for a private zone also ec2:DescribeNetworkInterfaces, DescribeVpcAttribute.",
    ),
  },
  { required: ["hostedZoneId", "name"], typeName: "AwsDnsSpec", rules: [ADDRESS_OR_MEMBERS_RULE] },
);

const status = object(
  "What was found and applied; written by the controller.",
  resourceStatus({
    ...dnsStatus("AwsDnsMemberStatus"),
    change: object(
      "The last change sent.",
      {
        id: text("Change of Route 53.", { maxLength: 64 }),
        state: choice("Whether all name servers have it.", ["Pending", "InSync"], { typeName: "DnsChangeState" }),
        submittedAt: time("When it was sent."),
      },
      { required: ["id", "state"], typeName: "DnsChangeStatus" },
    ),
  }),
  { typeName: "AwsDnsStatus" },
);

export const awsDns: KindDefinition = {
  kind: AWS_DNS,
  description: "An AwsDns is an A record in a Route 53 hosted zone that follows the active member.",
  spec,
  status,
  rules: [ROOT_NAME_RULE],
  printerColumns: [
    { name: "Name", type: "string", jsonPath: ".spec.name", description: "Name of the record" },
    { name: "Address", type: "string", jsonPath: ".status.record.address", description: "Address in the record" },
    { name: "TTL", type: "integer", jsonPath: ".status.record.ttl", description: "Seconds" },
    GROUP_COLUMN,
    ACTIVE_COLUMN,
    READY_COLUMN,
    conditionColumn("Propagated", "Propagated", "All name servers have the change"),
    AGE_COLUMN,
  ],
};
