import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { LinuxAddresses } from "../../../src/nodeagent/linux/addresses.ts";
import { connectionFilter, LinuxConnections } from "../../../src/nodeagent/linux/connections.ts";
import { unlikelyNeighbour } from "../../../src/nodeagent/linux/gratuitous-arp.ts";
import { inNamespace, namespaceReason, type TestNamespace } from "./namespace.ts";

const open: TestNamespace[] = [];

afterEach(async () => {
  for (const namespace of open.splice(0)) await namespace.close();
});

/** Connects to itself on the address and prints how the client's end of the connection ended. */
const PAIR = `
const net = require("node:net");
const server = net.createServer(() => undefined).listen(8080, "10.1.0.20", () => {
  const client = net.connect(8080, "10.1.0.20");
  client.on("connect", () => console.log("connected"));
  client.on("error", (error) => { console.log(error.code); process.exit(0); });
});
server.on("connection", (socket) => socket.on("error", () => undefined));
`;

describe.skipIf(namespaceReason !== undefined)(`ss -K in a throw-away namespace${namespaceReason ?? ""}`, () => {
  for (const target of [
    { addresses: ["10.1.0.20"], ports: [] },
    { addresses: [], ports: [8080] },
  ])
    test(`resets connections by ${target.ports.length > 0 ? "port" : "address"}`, async () => {
      const namespace = await inNamespace();
      open.push(namespace);
      const addresses = new LinuxAddresses({ clock: systemClock, command: namespace.command });
      await addresses.add("lo", "10.1.0.20");
      const child = spawn("ip", ["netns", "exec", namespace.name, process.execPath, "-e", PAIR], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe("connected");
      const connections = new LinuxConnections({
        log: silentLog,
        command: ["ip", "netns", "exec", namespace.name, "ss"],
      });
      expect(await connections.reset(target)).toBe(true);
      expect((await lines.next()).value).toMatch(/ECONNRESET|ECONNABORTED/);
      await exited;
      addresses.close();
    });
});

describe("the filter for ss", () => {
  test("joins addresses and ports by or", () => {
    expect(connectionFilter({ addresses: ["10.1.0.20"], ports: [80, 443] })?.join(" ")).toBe(
      "( src 10.1.0.20 or sport = :80 or sport = :443 )",
    );
  });

  test("never becomes a filter that matches everything", () => {
    expect(connectionFilter({ addresses: [], ports: [] })).toBeUndefined();
    expect(connectionFilter({ addresses: ["or"], ports: [0, 70_000] })).toBeUndefined();
  });
});

test("an announcement goes to the last host of the network", () => {
  expect(unlikelyNeighbour("10.0.1.10/24")).toBe("10.0.1.254");
  expect(unlikelyNeighbour("10.0.1.10/32")).toBeUndefined();
});
