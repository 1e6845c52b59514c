/** What an identity may do, as Azure tells it beforehand (Microsoft.Authorization, Permissions - List For Resource). */

/** One role's permissions on a resource; patterns with `*` for any part (Azure built-in roles, "Actions format"). */
export interface Permission {
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
}

const PERMISSIONS_API = "2022-04-01";

/** The SDK clients' way to a path that they have no method for. */
export interface UncheckedPaths {
  pathUnchecked(path: string): {
    get(options: {
      readonly abortSignal: AbortSignal;
    }): PromiseLike<{ readonly status: string; readonly body: unknown }>;
  };
}

/** Rejects as the SDK does, for `toCloudError`. */
export async function listPermissions(
  context: UncheckedPaths,
  resourceId: string,
  abortSignal: AbortSignal,
): Promise<Permission[]> {
  const path = `${resourceId}/providers/Microsoft.Authorization/permissions?api-version=${PERMISSIONS_API}`;
  const { status, body } = await context.pathUnchecked(path).get({ abortSignal });
  const { value, error } = body as { value?: Permission[]; error?: { code?: string; message?: string } };
  if (status === "200") return value ?? [];
  const text = error?.message ?? `status ${status}`;
  throw Object.assign(new Error(text), { statusCode: Number(status), code: error?.code });
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
