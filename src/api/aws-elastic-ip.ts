/**
 * AwsElasticIP: a public address that is associated with the active member's ENI.
 */
import { ENI_PATTERN } from "./aws-virtual-ip.ts";
import { AWS_ELASTIC_IP } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { AGE_COLUMN, RESOURCE_COLUMNS } from "./printer-columns.ts";
import { choice, immutable, object, text } from "./schema.ts";
import {
  ROOT_NAME_RULE,
  callTime,
  cloudTimeouts,
  credentials,
  foundAddress,
  foundMembers,
  memberOverrides,
  monitor,
  resourceStatus,
} from "./shared-schemas.ts";

const spec = object(
  "The allocation and whom it may be associated with.",
  {
    allocationId: immutable(
      text("Allocation of the Elastic IP. Cannot be changed.", { maxLength: 64, pattern: "^eipalloc-[0-9a-f]+$" }),
    ),
    members: memberOverrides(
      "Overrides of what is found: the primary ENI.",
      { eniId: text("ENI to associate with.", { maxLength: 64, pattern: ENI_PATTERN }) },
      "AwsElasticIPMember",
    ),
    whenStopped: choice("When the group stops or is deleted, never in a move.", ["Keep", "Disassociate"], {
      default: "Keep",
    }),
    monitor: monitor("Checks the association.", { interval: "10s", timeout: "5s", retries: 2, startDelay: "0s" }),
    timeouts: cloudTimeouts(),
    credentials: credentials("Needs ec2:DescribeAddresses and AssociateAddress."),
  },
  { required: ["allocationId"], typeName: "AwsElasticIPSpec" },
);

const status = object(
  "What was found and applied; written by the controller.",
  resourceStatus({
    publicIp: foundAddress("The public address of the allocation."),
    associationId: text("The association now.", { maxLength: 64 }),
    members: foundMembers(
      {
        eniId: text("ENI in use.", { maxLength: 64 }),
        publicIp: foundAddress("The member's own public address, which it loses while it holds the Elastic IP."),
      },
      "AwsElasticIPMemberStatus",
    ),
    callTime: callTime(),
  }),
  { typeName: "AwsElasticIPStatus" },
);

export const awsElasticIP: KindDefinition = {
  kind: AWS_ELASTIC_IP,
  description: "An AwsElasticIP is a public address that is associated with the active member.",
  spec,
  status,
  rules: [ROOT_NAME_RULE],
  printerColumns: [
    { name: "Allocation", type: "string", jsonPath: ".spec.allocationId", description: "Allocation" },
    { name: "Public-IP", type: "string", jsonPath: ".status.publicIp", description: "Public address" },
    ...RESOURCE_COLUMNS,
    AGE_COLUMN,
  ],
};
