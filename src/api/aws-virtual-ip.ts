/**
 * AwsVirtualIP: an address outside the VPC that routes point to the active member's ENI.
 */
import { AWS_VIRTUAL_IP } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { AGE_COLUMN, RESOURCE_COLUMNS } from "./printer-columns.ts";
import { choice, immutable, list, listMap, object, text } from "./schema.ts";
import {
  ROOT_NAME_RULE,
  address,
  callTime,
  cloudTimeouts,
  credentials,
  foundMembers,
  memberOverrides,
  monitor,
  resourceStatus,
} from "./shared-schemas.ts";

export const ENI_PATTERN = "^eni-[0-9a-f]+$";
const eniId = (description: string) => text(description, { maxLength: 64, pattern: ENI_PATTERN });
const interfaceName = (description: string) => text(description, { minLength: 1, maxLength: 15 });

const spec = object(
  "The address and where it is routed.",
  {
    address: immutable(
      address("The virtual IP, routed as /32; it must lie outside the CIDRs of the VPC. Cannot be changed."),
    ),
    routeTableIds: list(
      "Only these route tables. Found otherwise: every table of the members' VPCs that has an entry for the address. Entries are never created.",
      100,
      text("A route table.", { maxLength: 64, pattern: "^rtb-[0-9a-f]+$" }),
    ),
    sourceDestCheck: choice(
      "Verify: report a member whose source/destination check is on. Repair: switch it off.",
      ["Verify", "Repair"],
      { default: "Verify", typeName: "SourceDestCheckPolicy" },
    ),
    members: memberOverrides(
      "Overrides of what is found: the primary ENI, and the interface with its MAC. Several VPCs need no entry: the ENI names its VPC.",
      { eniId: eniId("ENI that the routes point to."), interface: interfaceName("Interface that gets the address.") },
      "AwsVirtualIPMember",
    ),
    monitor: monitor("Checks address and routes.", { interval: "10s", timeout: "5s", retries: 2, startDelay: "0s" }),
    timeouts: cloudTimeouts(),
    credentials: credentials("Needs ec2:DescribeRouteTables, ReplaceRoute and what the reference lists."),
  },
  { required: ["address"], typeName: "AwsVirtualIPSpec" },
);

const status = object(
  "What was found and applied; written by the controller.",
  resourceStatus({
    members: foundMembers(
      {
        eniId: text("ENI in use.", { maxLength: 64 }),
        vpcId: text("VPC of the ENI.", { maxLength: 64 }),
        interface: text("Interface in use.", { maxLength: 15 }),
        zone: text("Availability zone.", { maxLength: 64 }),
        sourceDestCheck: choice("The ENI's source/destination check.", ["On", "Off", "Unknown"], {
          typeName: "SourceDestCheckState",
        }),
      },
      "AwsVirtualIPMemberStatus",
    ),
    routeTables: listMap(
      "Every route table that carries the address.",
      "id",
      100,
      object(
        "One route table.",
        {
          id: text("Route table.", { maxLength: 64 }),
          vpcId: text("Its VPC.", { maxLength: 64 }),
          target: text("Where the entry points now.", { maxLength: 128 }),
          state: choice("Right: points to the active member's ENI.", ["Right", "Wrong", "Unknown"], {
            typeName: "RouteTableState",
          }),
        },
        { required: ["id", "state"], typeName: "RouteTableStatus" },
      ),
    ),
    callTime: callTime(),
  }),
  { typeName: "AwsVirtualIPStatus" },
);

export const awsVirtualIP: KindDefinition = {
  kind: AWS_VIRTUAL_IP,
  description:
    "An AwsVirtualIP is an address outside the VPC that the VPC's route tables send to the active member. It cannot be reached from the internet, from other VPCs or through peering.",
  spec,
  status,
  rules: [ROOT_NAME_RULE],
  printerColumns: [
    { name: "Address", type: "string", jsonPath: ".spec.address", description: "The virtual IP" },
    ...RESOURCE_COLUMNS,
    AGE_COLUMN,
  ],
};
