/**
 * LbProbePort: the port that a load balancer's health probe asks; open on the active member only.
 */
import { RESOURCE_GROUP_PATTERN, UUID_PATTERN } from "./azure-dns.ts";
import { LB_PROBE_PORT } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { AGE_COLUMN, RESOURCE_COLUMNS } from "./printer-columns.ts";
import { choice, flag, integer, list, object, text } from "./schema.ts";
import {
  ROOT_NAME_RULE,
  address,
  credentials,
  foundAddress,
  foundMembers,
  localTimeouts,
  monitor,
  resourceStatus,
} from "./shared-schemas.ts";

const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const CIDR_PATTERN = `^(${OCTET}\\.){3}${OCTET}/([0-9]|[12][0-9]|3[0-2])$`;

const spec = object(
  "The port and who may ask it.",
  {
    port: integer(
      "TCP port of the load balancer's health probe; open on the active member only. On standbys the monitor wants it free.",
      1,
      65535,
    ),
    sourceRanges: list(
      "Who may probe; omitted: anybody.",
      32,
      text("An IPv4 range.", { maxLength: 18, pattern: CIDR_PATTERN }),
    ),
    dsr: object(
      "Direct Server Return. Presence switches it on.",
      {
        frontendAddress: address("Frontend address, put on the loopback of the active member, without ARP answers."),
      },
      { required: ["frontendAddress"], typeName: "DirectServerReturn" },
    ),
    azureLoadBalancer: object(
      "The load balancer, read for preflight only.",
      {
        name: text("Its name.", { minLength: 1, maxLength: 80 }),
        resourceGroup: text("Its resource group; found otherwise as for the VMs.", {
          minLength: 1,
          maxLength: 90,
          pattern: RESOURCE_GROUP_PATTERN,
        }),
        subscriptionId: text("Its subscription; found otherwise as for the VMs.", {
          maxLength: 36,
          pattern: UUID_PATTERN,
        }),
      },
      { required: ["name"], typeName: "AzureLoadBalancerReference" },
    ),
    monitor: monitor("Checks the listener.", { interval: "5s", timeout: "2s", retries: 2, startDelay: "0s" }),
    timeouts: localTimeouts("30s", "30s"),
    credentials: credentials("Needs read access to the load balancer; only used with azureLoadBalancer."),
  },
  { required: ["port"], typeName: "LbProbePortSpec" },
);

const status = object(
  "What was found and applied; written by the controller.",
  resourceStatus({
    frontends: list("Frontend addresses of the load balancer.", 32, foundAddress("A frontend address.")),
    members: foundMembers(
      {
        listening: flag("Whether the probe port is open there."),
        inBackendPool: choice("Whether the load balancer's backend pool holds the member.", ["Yes", "No", "Unknown"], {
          typeName: "BackendPoolState",
        }),
      },
      "LbProbePortMemberStatus",
    ),
  }),
  { typeName: "LbProbePortStatus" },
);

export const lbProbePort: KindDefinition = {
  kind: LB_PROBE_PORT,
  description:
    "An LbProbePort answers a load balancer's health probe on the active member only, so that traffic goes there.",
  spec,
  status,
  rules: [ROOT_NAME_RULE],
  printerColumns: [
    { name: "Port", type: "integer", jsonPath: ".spec.port", description: "Probe port" },
    { name: "Frontend", type: "string", jsonPath: ".status.frontends[0]", description: "First frontend address" },
    ...RESOURCE_COLUMNS,
    AGE_COLUMN,
  ],
};
