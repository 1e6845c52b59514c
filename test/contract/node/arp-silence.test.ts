import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { inNamespace, namespaceReason } from "./namespace.ts";

const run = promisify(execFile);

/** Runs inside the namespace, as the worker does: the settings are those of the network namespace of the process. */
const KEEP = `
const { LinuxArpSilence } = await import(process.argv[1] + "/src/nodeagent/linux/arp-silence.ts");
const { silentLog } = await import(process.argv[1] + "/src/lib/log.ts");
let text;
const record = { read: async () => text, write: async (next) => { text = next; } };
const silence = new LinuxArpSilence({ bootId: "b" }, { record, log: silentLog });
await silence.keep("10.5.0.200");
process.stdout.write("kept\\n");
process.stdin.once("data", async () => { await silence.end("10.5.0.200"); process.stdout.write("ended\\n"); process.exit(0); });
`;

/** Whether a neighbour is told the MAC of `address`. */
async function isAnswered(neighbour: string, address: string): Promise<boolean> {
  await run("ip", ["-n", neighbour, "neigh", "flush", "dev", "eth0"]);
  await run("ip", ["netns", "exec", neighbour, "ping", "-c", "1", "-W", "1", address]).catch(() => undefined);
  const { stdout } = await run("ip", ["-n", neighbour, "neigh", "show", address]);
  return /lladdr/.test(stdout);
}

describe.skipIf(namespaceReason !== undefined)(
  `a frontend address on the loopback of a throw-away namespace${namespaceReason ?? ""}`,
  () => {
    test("is not told to neighbours while the silence is kept, and the node's own address still is", async () => {
      const [node, neighbour] = [await inNamespace(), await inNamespace()];
      const ip = (...words: string[]): Promise<unknown> => run("ip", words);
      try {
        const peer = ["peer", "name", "eth0", "netns", neighbour.name];
        await ip("-n", node.name, "link", "add", "eth0", "type", "veth", ...peer);
        await ip("-n", node.name, "addr", "add", "10.5.0.110/24", "dev", "eth0");
        await ip("-n", neighbour.name, "addr", "add", "10.5.0.4/24", "dev", "eth0");
        await ip("-n", node.name, "link", "set", "eth0", "up");
        await ip("-n", neighbour.name, "link", "set", "eth0", "up");
        await ip("-n", node.name, "addr", "add", "10.5.0.200/32", "dev", "lo");
        expect(await isAnswered(neighbour.name, "10.5.0.200")).toBe(true);
        const program = [process.execPath, "--input-type=module", "-e", KEEP, process.cwd()];
        const keeper = execFile("ip", ["netns", "exec", node.name, ...program]);
        const said = async (): Promise<string> =>
          await new Promise((resolve) => keeper.stdout?.once("data", (text) => resolve(String(text).trim())));
        expect(await said()).toBe("kept");
        expect(await isAnswered(neighbour.name, "10.5.0.200")).toBe(false);
        expect(await isAnswered(neighbour.name, "10.5.0.110")).toBe(true);
        keeper.stdin?.write("end\n");
        expect(await said()).toBe("ended");
        expect(await isAnswered(neighbour.name, "10.5.0.200")).toBe(true);
      } finally {
        await node.close();
        await neighbour.close();
      }
    }, 20_000);
  },
);
