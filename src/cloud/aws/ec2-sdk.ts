/**
 * The part of the AWS SDK that is used, as a module of its own: imported when the first client is made, and, because
 * the names are fixed here, all that a bundle has to carry. It is the SDK's own code with the rest left out
 * (`scripts/generate/ec2-sdk.ts` says why).
 */
export {
  AssociateAddressCommand,
  DescribeAddressesCommand,
  DescribeAvailabilityZonesCommand,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeVpcAttributeCommand,
  DescribeVpcsCommand,
  DisassociateAddressCommand,
  EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
  ReplaceRouteCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from "./generated/ec2-sdk.js";
