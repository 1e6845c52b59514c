/** What an identity may do, as Azure tells it beforehand (Microsoft.Authorization, Permissions - List For Resource). */
import { getJson, type UncheckedPaths } from "./arm-json.ts";

export type { UncheckedPaths } from "./arm-json.ts";

/** One role's permissions on a resource; patterns with `*` for any part (Azure built-in roles, "Actions format"). */
export interface Permission {
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
}

const PERMISSIONS_API = "2022-04-01";

/** Rejects as the SDK does, for `toCloudError`. */
export async function listPermissions(
  context: UncheckedPaths,
  resourceId: string,
  abortSignal: AbortSignal,
): Promise<Permission[]> {
  const path = `${resourceId}/providers/Microsoft.Authorization/permissions?api-version=${PERMISSIONS_API}`;
  const { value } = (await getJson(context, path, abortSignal)) as { value?: Permission[] };
  return value ?? [];
}

export function isAllowed(permissions: readonly Permission[], action: string): boolean {
  return permissions.some(
    ({ actions = [], notActions = [] }) =>
      actions.some((pattern) => matches(pattern, action)) && !notActions.some((pattern) => matches(pattern, action)),
  );
}

function matches(pattern: string, action: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "i").test(action);
}
