import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { inNamespace, namespaceReason, type TestNamespace } from "./namespace.ts";

const run = promisify(execFile);

/** A machine on a network segment: `eth0` with the address, joined to the other end by a veth pair. */
async function segment(): Promise<{ node: TestNamespace; neighbour: TestNamespace }> {
  const [node, neighbour] = [await inNamespace(), await inNamespace()];
  const ip = (...words: string[]): Promise<unknown> => run("ip", words);
  await ip("-n", node.name, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", neighbour.name);
  await ip("-n", node.name, "addr", "add", "10.0.1.10/24", "dev", "eth0");
  await ip("-n", neighbour.name, "addr", "add", "10.0.1.11/24", "dev", "eth0");
  await ip("-n", node.name, "link", "set", "eth0", "up");
  await ip("-n", neighbour.name, "link", "set", "eth0", "up");
  // Neighbours ignore changes within a second of the last one (neigh/locktime); the test makes its own just before.
  await run("ip", ["netns", "exec", neighbour.name, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/neigh/eth0/locktime"]);
  return { node, neighbour };
}

/** Runs inside the namespace, as the worker does: the announcement uses sockets of its own process. */
const ANNOUNCE = `
const { systemClock } = await import(process.argv[1] + "/src/host/system-clock.ts");
const { LinuxAddresses } = await import(process.argv[1] + "/src/nodeagent/linux/addresses.ts");
const { GratuitousArp } = await import(process.argv[1] + "/src/nodeagent/linux/gratuitous-arp.ts");
const { silentLog } = await import(process.argv[1] + "/src/lib/log.ts");
const addresses = new LinuxAddresses({ clock: systemClock });
await addresses.add("eth0", "10.1.0.20");
new GratuitousArp({ addresses, clock: systemClock, log: silentLog }).announce("eth0", "10.1.0.20");
setTimeout(() => addresses.close(), 1_500);
`;

describe.skipIf(namespaceReason !== undefined)(
  `announcing an address in throw-away namespaces${namespaceReason ?? ""}`,
  () => {
    test("corrects what a neighbour believes about it", async () => {
      const { node, neighbour } = await segment();
      try {
        const stale = ["neigh", "replace", "10.1.0.20", "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale"];
        await run("ip", ["-n", neighbour.name, ...stale]);
        const { stdout } = await run("ip", ["-n", node.name, "-j", "link", "show", "eth0"]);
        const [{ address: mac }] = JSON.parse(stdout) as [{ address: string }];
        await run("ip", [
          "netns",
          "exec",
          node.name,
          process.execPath,
          "--input-type=module",
          "-e",
          ANNOUNCE,
          process.cwd(),
        ]);
        let believed = "";
        while (!believed.includes(mac))
          believed = (await run("ip", ["-n", neighbour.name, "neigh", "show", "10.1.0.20"])).stdout;
        expect(believed).toContain(mac);
      } finally {
        await node.close();
        await neighbour.close();
      }
    });
  },
);
