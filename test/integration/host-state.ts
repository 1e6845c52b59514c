/** What a sandbox could leave behind on the host: everything that a run must give back. */
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { allPids, SANDBOX_MARKER } from "../../src/sandbox/launcher/processes.ts";
import { run } from "../../src/sandbox/network/ip-command.ts";

export interface HostState {
  readonly processes: readonly string[];
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly addressesAndRoutes: readonly string[];
  readonly mounts: readonly string[];
  readonly directories: readonly string[];
  readonly forwarding: string;
}

export async function hostState(): Promise<HostState> {
  const lines = async (...argv: string[]): Promise<string[]> =>
    (await run("ip", argv)).split("\n").filter((line) => line !== "");
  return {
    processes: sandboxProcesses(),
    namespaces: await namespaces(),
    links: (await lines("-o", "link", "show")).map((line) => line.split(":")[1]?.trim() ?? ""),
    addressesAndRoutes: [...(await lines("-br", "addr", "show")), ...(await lines("route", "show", "table", "all"))],
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .flatMap((line) => line.split(" ")[4] ?? []),
    directories: readdirSync(tmpdir()).filter((name) => name.startsWith("understudy-sandbox-")),
    forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim(),
  };
}

async function namespaces(): Promise<string[]> {
  const text = await run("ip", ["netns", "list"]);
  return text.split("\n").filter((line) => /^us-[0-9a-f]{6}-/.test(line));
}

/** Processes of any sandbox: by its marker, or because they run a program of one of its machines. */
function sandboxProcesses(): string[] {
  return allPids()
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const isMarked = readFileSync(`/proc/${pid}/environ`, "utf8").includes(SANDBOX_MARKER);
        return isMarked || /understudy-sandbox-[0-9a-f]{6}\/vms\//.test(command) ? [command.slice(0, 160)] : [];
      } catch {
        return []; // it ended while we looked
      }
    })
    .sort();
}
