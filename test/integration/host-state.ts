/** What a sandbox could leave behind on the host: everything that a run must give back. */
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { allPids } from "../../src/sandbox/launcher/processes.ts";
import { run } from "../../src/sandbox/network/ip-command.ts";

/** The host's own network and mounts: no sandbox may change them, whichever runs. */
export interface HostState {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly rules: readonly string[];
  readonly mounts: readonly string[];
  readonly forwarding: string;
}

export async function hostState(): Promise<HostState> {
  const lines = async (...argv: string[]): Promise<string[]> =>
    (await run("ip", argv)).split("\n").filter((line) => line !== "");
  return {
    links: (await lines("-o", "link", "show")).map((line) => line.split(":")[1]?.trim() ?? ""),
    addresses: await lines("-br", "addr", "show"),
    routes: await lines("route", "show", "table", "all"),
    rules: await lines("rule", "show"),
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .flatMap((line) => line.split(" ")[4] ?? [])
      .filter((path) => !path.startsWith("/run/netns/")),
    forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim(),
  };
}

/** Processes, namespaces and directories of one sandbox; other sandboxes on this machine are not its business. */
export function leftoversOf(id: string): string[] {
  if (!/^[0-9a-f]{6}$/.test(id)) throw new RangeError(`no sandbox id: ${id}`);
  const namespaces = entriesOf("/run/netns").filter((name) => name.startsWith(`us-${id}-`));
  const directories = entriesOf(tmpdir()).filter((name) => name === `understudy-sandbox-${id}`);
  return [...processesOf(id), ...namespaces, ...directories];
}

/** By marker, by the files they use, or by the namespace they were started for: all of these carry the id. */
function processesOf(id: string): string[] {
  const isOurs = new RegExp(`(UNDERSTUDY_SANDBOX(_VM)?=|understudy-sandbox-|us-)${id}`);
  return allPids().flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").replaceAll("\0", " ");
      return isOurs.test(`${command} ${environment}`) ? [`${pid} ${command.slice(0, 160)}`] : [];
    } catch {
      return []; // it ended while we looked
    }
  });
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // it is removed with its last entry
  }
}
