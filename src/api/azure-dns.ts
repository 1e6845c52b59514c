/**
 * AzureDns: an A record in a public or private Azure DNS zone that names the active member, or a fixed address.
 */
import { ADDRESS_OR_MEMBERS_RULE, dnsMonitor, dnsStatus, dnsTarget, dnsTimeouts, dnsWrite } from "./dns-schemas.ts";
import { AZURE_DNS } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { ACTIVE_COLUMN, AGE_COLUMN, GROUP_COLUMN, READY_COLUMN } from "./printer-columns.ts";
import { choice, immutable, keepsPresence, object, text } from "./schema.ts";
import { ROOT_NAME_RULE, credentials, resourceStatus } from "./shared-schemas.ts";

const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
export const UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
export const RESOURCE_GROUP_PATTERN = "^[-\\w._()]+$";

const spec = object(
  "The record and what it says.",
  {
    resourceGroup: immutable(
      text("Resource group of the zone. Cannot be changed.", {
        minLength: 1,
        maxLength: 90,
        pattern: RESOURCE_GROUP_PATTERN,
      }),
    ),
    zone: immutable(text("Name of the zone, lower-case. Cannot be changed.", { pattern: `^${LABEL}(\\.${LABEL})*$` })),
    record: immutable(
      text("Relative name of the A record, lower-case, or @ for the zone itself. Cannot be changed.", {
        pattern: `^(@|${LABEL}(\\.${LABEL})*)$`,
      }),
    ),
    zoneType: immutable(
      choice("Public or private zone. Cannot be changed.", ["Public", "Private"], {
        default: "Public",
        typeName: "ZoneVisibility",
      }),
    ),
    subscriptionId: immutable(
      text("Subscription of the zone. Found otherwise: that of the members' VMs. Cannot be changed.", {
        maxLength: 36,
        pattern: UUID_PATTERN,
      }),
    ),
    ...dnsTarget("AzureDnsMember"),
    write: dnsWrite(),
    monitor: dnsMonitor(),
    timeouts: dnsTimeouts(),
    credentials: credentials(
      "Needs the actions A/read and A/write on the zone, A/delete with whenStopped: Delete, virtualNetworkLinks/read for a private zone, and permissions/read.",
    ),
  },
  {
    required: ["resourceGroup", "zone", "record"],
    typeName: "AzureDnsSpec",
    rules: [ADDRESS_OR_MEMBERS_RULE, ...keepsPresence("subscriptionId")],
  },
);

const status = object(
  "What was found and applied; written by the controller.",
  resourceStatus({
    ...dnsStatus("AzureDnsMemberStatus"),
    etag: text("Version of the record set that was last read.", { maxLength: 128 }),
  }),
  { typeName: "AzureDnsStatus" },
);

export const azureDns: KindDefinition = {
  kind: AZURE_DNS,
  description: "An AzureDns is an A record in an Azure DNS zone that follows the active member.",
  spec,
  status,
  rules: [ROOT_NAME_RULE],
  printerColumns: [
    { name: "Record", type: "string", jsonPath: ".spec.record", description: "Relative name" },
    { name: "Zone", type: "string", jsonPath: ".spec.zone", description: "Zone" },
    { name: "Address", type: "string", jsonPath: ".status.record.address", description: "Address in the record" },
    { name: "TTL", type: "integer", jsonPath: ".status.record.ttl", description: "Seconds" },
    GROUP_COLUMN,
    ACTIVE_COLUMN,
    READY_COLUMN,
    AGE_COLUMN,
  ],
};
