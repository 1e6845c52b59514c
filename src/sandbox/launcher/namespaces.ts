/** Making and removing the namespaces of a sandbox, and whether this machine can have any. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { ip, run } from "../network/ip-command.ts";
import { creationCommands, namespacesOf } from "../network/topology.ts";
import type { Topology } from "../network/topology.ts";
import { killAll, pidsInNamespace } from "./processes.ts";

const NETNS_DIRECTORY = "/run/netns";

/** Why no namespace can be used here; undefined when they can. Leaves nothing behind. */
export async function whyNoNamespaces(id: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "not started as root";
  const namespace = `us-${id}-probe`;
  try {
    await ip(["netns", "add", namespace]);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  try {
    await ip(["-n", namespace, "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"]);
    await ip(["-n", namespace, "rule", "add", "pref", "50", "iif", "probe0", "blackhole"]);
    await ip(["netns", "exec", namespace, "true"]);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    await ip(["netns", "del", namespace]);
  }
}

export async function createNamespaces(topology: Topology): Promise<void> {
  for (const command of creationCommands(topology)) await ip(command);
}

/** Kills what lives in them and removes them; links and addresses go with them. Returns how many there were. */
export async function removeNamespaces(namespaces: readonly string[]): Promise<number> {
  const existing = namespaces.filter((name) => existsSync(`${NETNS_DIRECTORY}/${name}`));
  killAll(() => existing.flatMap((name) => pidsInNamespace(name)));
  for (const name of existing) await ip(["netns", "del", name]);
  return existing.length;
}

export function namespacesOfSandbox(topology: Topology): string[] {
  return [...namespacesOf(topology), `us-${topology.id}-probe`];
}

export function netnsDirectoryIsMounted(): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === NETNS_DIRECTORY);
}

/** Undoes what the first `ip netns add` of a machine does to the host, unless somebody uses it by now. */
export async function unmountNetnsDirectory(): Promise<void> {
  if (!netnsDirectoryIsMounted() || readdirSync(NETNS_DIRECTORY).length > 0) return;
  await run("umount", [NETNS_DIRECTORY]);
  rmdirSync(NETNS_DIRECTORY);
}
