/**
 * Identity policies as the emulated AWS enforces them (IAM user guide, "Policy evaluation logic"): nothing is allowed
 * unless a statement allows the action on every resource that the request names. Only `Allow` statements are known;
 * `*` stands for any characters, `?` for one.
 */

export interface PolicyStatement {
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  /** ARNs with wildcards; `*` alone for actions without resources (service authorization reference). */
  readonly Resource: readonly string[];
}

export interface Policy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly PolicyStatement[];
}

/** What an emulated identity may do; with neither field, everything. */
export interface Allowance {
  /** Actions without their service, on everything. */
  readonly allowedActions?: readonly string[];
  readonly policy?: Policy;
}

/** The first resource on which `action` (`ec2:ReplaceRoute`) is not allowed; undefined: all are. */
export function refusedResource(
  { allowedActions, policy }: Allowance,
  action: string,
  resources: readonly string[],
): string | undefined {
  const [named = ""] = resources;
  if (allowedActions !== undefined && !allowedActions.includes(action.slice(action.indexOf(":") + 1))) return named;
  if (policy === undefined) return undefined;
  return resources.find(
    (resource) =>
      !policy.Statement.some(
        (statement) =>
          statement.Action.some((pattern) => isMatch(pattern, action, "i")) &&
          statement.Resource.some((pattern) => isMatch(pattern, resource, "")),
      ),
  );
}

/** Action names ignore case, ARNs do not (IAM user guide, "IAM JSON policy elements: Action"). */
function isMatch(pattern: string, text: string, flags: "" | "i"): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, flags).test(text);
}
