/** In loopback mode, on real sockets: whose machine answers at an Elastic IP. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import { guestAddress, loopbackTopology } from "../loopback/topology.ts";
import { buildEc2World } from "../world/ec2-world.ts";
import type { Ground } from "../world/emulator.ts";
import { PublicAddress } from "./public-address.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Answers every connection with its name. */
async function listen(host: string, port: number, name: string): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => socket.destroy()).end(name));
  server.listen(port, host);
  await once(server, "listening");
  cleanups.push(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function world() {
  const topology = loopbackTopology("e19a5c", "two-zones-internet");
  const region = new VirtualEc2({ region: topology.region }, { clock: new FakeClock(), random: seededRandom() });
  const ec2World = buildEc2World(region, topology);
  const [first, second] = topology.vms;
  if (first === undefined || second === undefined) throw new Error("the topology has two machines");
  const port = await listen(guestAddress(first), 0, "node1");
  await listen(guestAddress(second), port, "node2");
  const cut = new Set<string>();
  const ground = {
    regions: [region],
    ec2World,
    publish: () => Promise.resolve(),
    reachAddress: (vm: string) => guestAddress(vm === first.name ? first : second),
    isReachable: (vm: string) => !cut.has(vm),
  } as unknown as Ground;
  const { allocationId } = region.allocateAddress(topology.publicIp);
  const relay = new PublicAddress({ address: topology.publicIp, port }, ground);
  await relay.start();
  cleanups.push(() => relay.close());
  const associate = (vm: string): string =>
    region.associateAddress({ allocationId, networkInterfaceId: ec2World.eniOf(vm), allowReassociation: true });
  return { region, ec2World, cut, associate, at: { host: topology.publicIp, port } };
}

async function answerOf(at: { readonly host: string; readonly port: number }): Promise<string> {
  const socket: Socket = connect(at);
  cleanups.push(() => socket.destroy());
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer.toString();
}

/** Connected, as to an address of AWS that leads nowhere, and without an answer once the relay has looked. */
async function isSilent(at: { readonly host: string; readonly port: number }): Promise<boolean> {
  const socket = connect(at);
  cleanups.push(() => socket.destroy());
  const heard: string[] = [];
  socket.on("data", (chunk: Buffer) => heard.push(chunk.toString()));
  await once(socket, "connect");
  socket.write("anybody?");
  await new Promise((resolve) => setImmediate(resolve));
  return heard.length === 0 && !socket.destroyed;
}

it("leads to the machine with which the address is associated, and follows it", async () => {
  const { associate, at } = await world();
  associate("node1");
  expect(await answerOf(at)).toBe("node1");
  associate("node2");
  expect(await answerOf(at)).toBe("node2");
});

it("answers nobody while it is associated with nothing, or with a machine that is cut off or stopped", async () => {
  const { region, ec2World, associate, cut, at } = await world();
  expect(await isSilent(at)).toBe(true);
  associate("node1");
  cut.add("node1");
  expect(await isSilent(at)).toBe(true);
  cut.clear();
  region.setInstanceState(ec2World.instanceOf("node1"), "stopped");
  expect(await isSilent(at)).toBe(true);
});
