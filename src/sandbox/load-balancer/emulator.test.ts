/**
 * In loopback mode, on real sockets. The behaviour is Azure's as documented on "Azure Load Balancer health probes"
 * (learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview), sections "Probe protocols" and "Probe
 * down behavior".
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../host/system-clock.ts";
import { VirtualNetworks } from "../arm/network-state.ts";
import { guestAddress, loopbackTopology } from "../loopback/topology.ts";
import type { Ground } from "../world/emulator.ts";
import { LoadBalancerEmulator } from "./emulator.ts";

const NAMED = { resourceGroup: "g", name: "lb" };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function listen(host: string, port: number, answer: string): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(answer));
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, "close");
  };
  cleanups.push(close);
  return { port: typeof address === "object" && address !== null ? address.port : 0, close };
}

async function freePort(host: string): Promise<number> {
  const probe = await listen(host, 0, "");
  await probe.close();
  return probe.port;
}

async function world() {
  const topology = loopbackTopology("7e57", "vnet");
  const guests = topology.vms.map((vm) => guestAddress(vm));
  const [first = "", second = ""] = guests;
  const probePort = await freePort(first);
  const servicePort = await freePort(first);
  const frontendPort = await freePort(topology.frontendIp);
  const networks = new VirtualNetworks({ subscriptionId: "s" });
  for (const { name, address } of topology.vms)
    networks.putInterface({ resourceGroup: "g", name: `${name}-nic`, address, machine: name });
  const rule = { name: "r", frontend: "f", frontendPort, backendPort: servicePort, isFloatingIp: false } as const;
  networks.putLoadBalancer({
    ...NAMED,
    frontends: [{ name: "f", address: topology.frontendIp }],
    probes: [{ name: "p", protocol: "Tcp", port: probePort, intervalSeconds: 5, threshold: 2 }],
    rules: [{ ...rule, protocol: "Tcp", probe: "p", pool: "b" }],
    pools: [{ name: "b", interfaces: topology.vms.map(({ name }) => `${name}-nic`) }],
  });
  const ground = {
    topology,
    mode: "loopback",
    clock: systemClock,
    publish: () => Promise.resolve(),
    lead: () => Promise.resolve(),
    reachAddress: (vm: string) => guests[topology.vms.findIndex(({ name }) => name === vm)] ?? "",
    isReachable: () => true,
  } as unknown as Ground;
  const balancer = new LoadBalancerEmulator({ networks, ...NAMED, pace: 0.004 }, ground);
  await balancer.start();
  cleanups.push(() => balancer.close());
  const until = (...names: string[]): Promise<void> =>
    vi.waitFor(() => expect(balancer.healthy("p")).toEqual(names), 3_000);
  const frontend = { host: topology.frontendIp, port: frontendPort };
  return { balancer, first, second, probePort, servicePort, frontend, until };
}

/** A connection of a client and what it is answered, in order. */
async function flow(to: { host: string; port: number }) {
  const socket = connect(to);
  cleanups.push(() => socket.destroy());
  socket.on("error", () => undefined);
  const ask = async (): Promise<string> => {
    socket.write("?");
    const timeout = new Promise<string>((resolve) => void systemClock.setTimer(300, () => resolve("silence")));
    const answer = once(socket, "data").then(([chunk]) => String(chunk));
    return await Promise.race([answer, once(socket, "close").then(() => "closed"), timeout]);
  };
  return { ask };
}

describe("the virtual load balancer", () => {
  it("sends new flows to backends whose probe port answers, and to nobody, in silence, while none does", async () => {
    const { first, second, probePort, servicePort, frontend, until } = await world();
    await listen(first, servicePort, "node1");
    await listen(second, servicePort, "node2");
    expect(await (await flow(frontend)).ask()).toBe("silence");
    const open = await listen(first, probePort, "");
    await until("node1");
    expect(await (await flow(frontend)).ask()).toBe("node1");
    await open.close();
    await listen(second, probePort, "");
    await until("node2");
    expect(await (await flow(frontend)).ask()).toBe("node2");
  });

  it("keeps an established flow with its backend after the probe went down, with another one up and with none", async () => {
    const { first, second, probePort, servicePort, frontend, until } = await world();
    await listen(first, servicePort, "node1");
    await listen(second, servicePort, "node2");
    const open = await listen(first, probePort, "");
    await until("node1");
    const established = await flow(frontend);
    expect(await established.ask()).toBe("node1");
    await open.close();
    await until();
    expect(await established.ask()).toBe("node1");
    await listen(second, probePort, "");
    await until("node2");
    expect(await established.ask()).toBe("node1");
  });

  it("shares new flows between all that are up: why only the active member may answer the probe", async () => {
    const { first, second, probePort, servicePort, frontend, until } = await world();
    for (const [host, name] of [
      [first, "node1"],
      [second, "node2"],
    ] as const) {
      await listen(host, servicePort, name);
      await listen(host, probePort, "");
    }
    await until("node1", "node2");
    const answers = new Set<string>();
    for (let n = 0; n < 4; n++) answers.add(await (await flow(frontend)).ask());
    expect([...answers].sort()).toEqual(["node1", "node2"]);
  });
});
