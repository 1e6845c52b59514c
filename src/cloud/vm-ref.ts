/** From a Node's provider id to the machine that a fencer can stop. Pure. */
import { parseAwsProviderId } from "./aws/provider-id.ts";
import { parseAzureProviderId } from "./azure/provider-id.ts";
import type { VmRef } from "./fencing-ports.ts";

/** Undefined when the text names no machine of a cloud that is known here. */
export function parseVmRef(providerId: string): VmRef | undefined {
  const aws = parseAwsProviderId(providerId);
  if (aws !== undefined) return { provider: "aws", region: aws.region, instanceId: aws.instanceId };
  return parseAzureProviderId(providerId);
}
