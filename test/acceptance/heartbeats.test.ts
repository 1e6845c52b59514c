/**
 * Datagrams at the UDP port of a running agent. The test plays the guard of a third member: it has a session Lease with
 * a key of its own, so that its heartbeats are authentic, and all others are told apart from them by a metric.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LEASE, LEASE_ANNOTATIONS, type Lease } from "../../src/api/session-lease.ts";
import { systemClock } from "../../src/host/system-clock.ts";
import { decode, encode, type PeerMessage, withSignature } from "../../src/nodeagent/heartbeat/codec.ts";
import { newSigner, type Signer } from "../../src/nodeagent/heartbeat/signing.ts";
import { SYSTEM_NAMESPACE } from "../../src/sandbox/world/kube-world.ts";
import { NODE } from "../../src/sandbox/world/manifests.ts";
import { parseExposition, valueOf } from "./exposition.ts";
import { until } from "./facts.ts";
import { Installation, type Machine } from "./installation.ts";
import { failoverGroup, service } from "./objects.ts";

const PEER_PORT = 29_740;

let site: Installation;
let agent: Machine;
let socket: Socket;
let third: { readonly node: string; readonly session: string; readonly signer: Signer };
/** The session under which the agent speaks to the third member. */
let agentSession = "";
let sequence = 0;

beforeAll(async () => {
  site = await Installation.start({ hasController: false });
  [agent] = site.machines;
  const node = agent.node.replace("node1", "node3");
  const address = agent.address.replace(/\.1$/, ".3");
  third = { node, session: `${node}_a-life-of-its-own`, signer: newSigner() };
  socket = createSocket("udp4").bind(PEER_PORT, address);
  await once(socket, "listening");
  await introduce(node, address);
  await site.apply("ha", failoverGroup("failover1", [...site.nodes, node], [service()]));
  agentSession = await new Promise((resolve) => {
    socket.on("message", (bytes: Uint8Array) => {
      const message = decode(bytes)?.message;
      if (message?.sender === agent.node) resolve(message.senderSession);
    });
  });
}, 60_000);

afterAll(async () => {
  socket.close();
  await site.close();
}, 60_000);

/** The third member's Node and session Lease, as its kubelet and its guard would have written them. */
async function introduce(node: string, address: string): Promise<void> {
  await site.api.create(NODE, { apiVersion: "v1", kind: "Node", metadata: { name: node } });
  const status = { addresses: [{ type: "InternalIP", address }] };
  const key = { namespace: "", name: node };
  await site.api.patch(NODE, key, { type: "merge", body: { status } }, { subresource: "status" });
  await site.api.create<Lease>(LEASE, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: node,
      namespace: SYSTEM_NAMESPACE,
      annotations: { [LEASE_ANNOTATIONS.publicKey]: third.signer.publicKey },
    },
    spec: { holderIdentity: third.session },
  });
}

function heartbeat(changes: Partial<PeerMessage> = {}, signer: Signer = third.signer): Uint8Array {
  sequence += 1;
  const signed = encode({
    kind: "heartbeat",
    sender: third.node,
    senderSession: third.session,
    receiver: agent.node,
    receiverSession: agentSession,
    sequence,
    lastSeen: 0,
    heldMs: 0,
    sentMs: systemClock.monotonicMs(),
    payload: "",
    ...changes,
  });
  return withSignature(signed, signer.sign(signed));
}

async function count(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  return valueOf(parseExposition(await agent.metrics()), name, labels) ?? 0;
}

const dropped = async (reason: string): Promise<number> =>
  await count("understudy_heartbeat_dropped_total", { reason });
const heard = async (): Promise<number> => await count("understudy_heartbeat_received_total", { peer: third.node });

/** Sends until it is seen to be dropped for exactly this reason: UDP may lose one. */
async function isDropped(bytes: () => Uint8Array, reason: string): Promise<void> {
  const before = await dropped(reason);
  const heardBefore = await heard();
  await until(`a heartbeat is dropped as ${reason}`, async () => {
    socket.send(bytes(), PEER_PORT, agent.address);
    return (await dropped(reason)) > before ? true : undefined;
  });
  expect(await heard()).toBe(heardBefore);
}

describe("an agent's peer port", { timeout: 60_000 }, () => {
  test("accepts what the key in the sender's Lease has signed, and then knows that the peer lives", async () => {
    await until("an authentic heartbeat is heard", async () => {
      socket.send(heartbeat(), PEER_PORT, agent.address);
      return (await heard()) > 0 ? true : undefined;
    });
    expect(await count("understudy_peer_alive", { peer: third.node })).toBe(1);
  });

  test("drops what another key has signed", async () => {
    const stranger = newSigner();
    await isDropped(() => heartbeat({}, stranger), "forged");
  });

  test("drops what was changed on the way", async () => {
    await isDropped(() => {
      const bytes = heartbeat();
      const at = bytes.length - 70;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes;
    }, "forged");
  });

  test("drops a recording", async () => {
    const recorded = heartbeat();
    const before = await heard();
    await until("it is heard the first time", async () => {
      socket.send(recorded, PEER_PORT, agent.address);
      return (await heard()) > before ? true : undefined;
    });
    await isDropped(() => recorded, "replayed");
  });

  test("drops what was meant for an earlier life of its guard", async () => {
    await isDropped(() => heartbeat({ receiverSession: `${agent.node}_an-earlier-life` }), "replayed");
  });

  test("drops what is meant for another node, and what comes from a node that is no peer", async () => {
    await isDropped(() => heartbeat({ receiver: site.nodes[1] }), "foreign");
    await isDropped(() => heartbeat({ sender: "node9", senderSession: "node9_life" }), "foreign");
  });

  test("drops what is no datagram of ours", async () => {
    await isDropped(() => Buffer.from("GET / HTTP/1.1\r\n\r\n"), "malformed");
    await isDropped(() => heartbeat().subarray(0, 80), "malformed");
  });

  test("goes on with the peer as if nothing had happened", async () => {
    const before = await heard();
    await until("the next authentic heartbeat is heard", async () => {
      socket.send(heartbeat(), PEER_PORT, agent.address);
      return (await heard()) > before ? true : undefined;
    });
  });
});
