/**
 * The least that an identity must be allowed, as an IAM policy document, from the calls it makes and what they are made
 * on. What is not known yet (a table that preflight has not found) is `*` within its type. Pure; the same needs give the
 * same text.
 */
import { AWS_CALLS, type AwsCall, type AwsResourceType } from "./aws-calls.ts";

export interface AwsResource {
  readonly type: AwsResourceType;
  /** Undefined: not known, or any. */
  readonly id: string | undefined;
  /** Undefined: not known; without meaning for Route 53. */
  readonly region?: string | undefined;
}

/** One call, and everything that it is made on; calls without resources have none. */
export interface AwsNeed {
  readonly call: AwsCall;
  readonly on: readonly AwsResource[];
}

export interface IamStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

export interface IamPolicy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly IamStatement[];
}

/** `regions`: those of the machines; they tell which partition it is. */
export function iamPolicy(needs: readonly AwsNeed[], regions: readonly string[]): IamPolicy {
  const partition = partitionOf(regions);
  const arnsOf = new Map<AwsCall, Set<string>>();
  for (const { call, on } of needs) {
    const arns = arnsOf.get(call) ?? new Set<string>();
    for (const arn of arnsFor(call, on, partition)) arns.add(arn);
    arnsOf.set(call, arns);
  }
  const calls = [...arnsOf.keys()].sort();
  const byResources = Map.groupBy(calls, (call) => JSON.stringify([...(arnsOf.get(call) ?? [])].sort()));
  const Statement = [...byResources].map(([resources, same]): IamStatement => {
    const Resource: string[] = JSON.parse(resources);
    return { Sid: sidOf(same, Resource), Effect: "Allow", Action: same.map(actionOf), Resource };
  });
  return { Version: "2012-10-17", Statement };
}

function arnsFor(call: AwsCall, on: readonly AwsResource[], partition: string): string[] {
  const { service, resources } = AWS_CALLS[call];
  if (resources.length === 0) return ["*"];
  return resources.flatMap((type) => {
    const named = on.filter((resource) => resource.type === type);
    const known = named.length === 0 ? [{ type, id: undefined }] : named;
    return known.map(({ id = "*", region = "*" }: AwsResource) =>
      // The account is left open: ids are unique, and a policy acts on its own account's resources only.
      service === "route53"
        ? `arn:${partition}:route53:::${type}/${id}`
        : `arn:${partition}:ec2:${region}:*:${type}/${id}`,
    );
  });
}

function actionOf(call: AwsCall): string {
  return `${AWS_CALLS[call].service}:${call}`;
}

/** Letters and digits only, unique in the policy (IAM user guide, "IAM JSON policy elements: Sid"). */
function sidOf(calls: readonly AwsCall[], resources: readonly string[]): string {
  return resources.join() === "*" ? "Read" : calls.join("");
}

/** "Amazon Resource Names": `aws-cn` for the regions in China, `aws-us-gov` for GovCloud. */
function partitionOf(regions: readonly string[]): string {
  const [region = ""] = regions;
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
