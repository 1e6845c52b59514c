/** Which actions an identity of the emulated Azure may carry out, and how it is told so. */
import { type ArmAnswer, ArmError, type ArmIdentity } from "./provider.ts";

/** Microsoft.Authorization, Permissions - List For Resource; at any resource. */
const PERMISSIONS = /^\/subscriptions\/.+\/providers\/microsoft\.authorization\/permissions$/i;

export function isPermissionsPath(method: string, path: string): boolean {
  return method === "GET" && PERMISSIONS.test(path);
}

export function permissionsAnswer({ allowedActions }: ArmIdentity): ArmAnswer {
  return { status: 200, body: { value: [{ actions: allowedActions ?? ["*"], notActions: [] }] } };
}

/** By its role's actions, at or below the scopes where the role is assigned (Azure RBAC, "Understand scope"). */
export function assertAllowed(identity: ArmIdentity, action: string, path: string): void {
  const { clientId, allowedActions = ["*"], scopes = ["/"] } = identity;
  const isInScope = scopes.some((scope) =>
    `${path}/`.toLowerCase().startsWith(`${scope}/`.replace(/\/+$/, "/").toLowerCase()),
  );
  if (isInScope && allowedActions.some((pattern) => matches(pattern, action))) return;
  const text = `The client '${clientId}' does not have authorization to perform action '${action}' over scope '${path}'.`;
  throw new ArmError(403, "AuthorizationFailed", text);
}

function matches(pattern: string, action: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "i").test(action);
}
