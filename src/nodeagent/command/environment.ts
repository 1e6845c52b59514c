/** The environment of host commands (API.md 1.1), which is also what ties a daemon to its group. Pure. */
import type { GrantRef } from "../guard-protocol.ts";
import type { ProcessSelector } from "./port.ts";

/** Where host programs look for others; the agent's own PATH belongs to its container. */
const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function commandEnvironment(node: string, grant: GrantRef, cause: string): Readonly<Record<string, string>> {
  return {
    PATH: HOST_PATH,
    UNDERSTUDY_GROUP: grant.group,
    UNDERSTUDY_NAMESPACE: grant.namespace,
    UNDERSTUDY_NODE: node,
    UNDERSTUDY_EPOCH: String(grant.epoch),
    UNDERSTUDY_CAUSE: cause,
  };
}

/** Processes of the group, of whatever epoch. */
export function groupSelector(environment: Readonly<Record<string, string>>): ProcessSelector {
  const names = ["UNDERSTUDY_GROUP", "UNDERSTUDY_NAMESPACE", "UNDERSTUDY_NODE"];
  return { sessions: [], environment: Object.fromEntries(names.map((name) => [name, environment[name] ?? ""])) };
}
