import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeDatagrams } from "../../../test/fakes/fake-datagrams.ts";
import { FakeLeaseApi } from "../../../test/fakes/fake-lease-api.ts";
import { LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { presetTimings } from "../../api/timings.ts";
import { silentLog } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { decode, encode, type PeerMessage, withSignature } from "./codec.ts";
import { PeerChannel } from "./peer-channel.ts";
import { initialPeers, type PeersEvent, stepPeers } from "./peers-machine.ts";
import { newSigner, newVerifier, type Signer } from "./signing.ts";

const timings = presetTimings("default");
const { heartbeatIntervalMs: interval, heartbeatLostAfterMs: lostAfter } = timings;

interface Node {
  readonly channel: PeerChannel;
  readonly signer: Signer;
  readonly session: string;
  readonly heard: string[];
  alive: readonly string[];
  lost: readonly string[];
  readonly counted: Map<string, number>;
  dropped(reason: string): number;
}

class World {
  readonly clock = new FakeClock();
  readonly api = new FakeLeaseApi(this.clock);
  readonly network = new FakeDatagrams();
  readonly signers = new Map<string, Signer>();

  /** A life of the guard on `node`, its session in its Lease. */
  start(node: string, life: number, peers: readonly string[]): Node {
    const signer = newSigner();
    const session = `${node}_life${life}`;
    this.api.put({
      metadata: { name: node, annotations: { [LEASE_ANNOTATIONS.publicKey]: signer.publicKey } },
      spec: { holderIdentity: session },
    } as Lease);
    const counted = new Map<string, number>();
    const metrics: Metrics = {
      count: (name, labels) => {
        const key = `${name} ${Object.values(labels ?? {}).join(",")}`;
        counted.set(key, (counted.get(key) ?? 0) + 1);
      },
      set: () => undefined,
      observe: () => undefined,
    };
    const modules = {
      kube: this.api,
      datagrams: this.network.port(`ip-${node}`),
      signer,
      verifier: newVerifier(),
      clock: this.clock,
      log: silentLog,
      metrics,
    };
    const result = { alive: [] as readonly string[], lost: [] as readonly string[], heard: [] as string[] };
    const channel = new PeerChannel({ node, namespace: "ns", timings }, modules, {
      onLiveness: ({ alive, lost }) => Object.assign(started, { alive, lost }),
      onHeard: () => undefined,
      onPause: () => undefined,
      onPromise: (_node, _session, payload) => result.heard.push(payload),
    });
    const started: Node = {
      ...result,
      channel,
      signer,
      session,
      counted,
      dropped: (reason) => counted.get(`understudy_heartbeat_dropped_total ${reason}`) ?? 0,
    };
    channel.sessionHeld(session);
    channel.setPeers(peers.map((peer) => ({ node: peer, address: `ip-${peer}` })));
    return started;
  }

  forge(signer: Signer, message: Partial<PeerMessage>): Uint8Array {
    const signed = encode({
      kind: "heartbeat",
      sender: "a",
      senderSession: "a_life1",
      receiver: "b",
      receiverSession: "b_life1",
      sequence: 1_000,
      lastSeen: 0,
      heldMs: 0,
      sentMs: 0,
      payload: "",
      ...message,
    });
    return withSignature(signed, signer.sign(signed));
  }
}

async function pair() {
  const world = new World();
  const a = world.start("a", 1, ["b"]);
  const b = world.start("b", 1, ["a"]);
  await world.clock.advance(3 * interval);
  return { world, a, b };
}

describe("heartbeats", () => {
  test("make two nodes alive to each other and measure the round trip [REQ 5.1 Heartbeat]", async () => {
    const { a, b } = await pair();
    expect(a.alive).toEqual(["b"]);
    expect(b.alive).toEqual(["a"]);
    expect(b.channel.state.peers.get("a")?.rttMs).toBe(0);
    for (const reason of ["malformed", "forged", "replayed", "foreign"]) expect(a.dropped(reason)).toBe(0);
  });

  test("a peer that falls silent is lost after the time for it, and alive again when it speaks [REQ 5.1 Heartbeat]", async () => {
    const { world, b } = await pair();
    world.network.passes = ({ to }) => to !== "ip-b";
    await world.clock.advance(lostAfter + interval);
    expect(b).toMatchObject({ alive: [], lost: ["a"] });
    world.network.passes = () => true;
    await world.clock.advance(interval);
    expect(b).toMatchObject({ alive: ["a"], lost: [] });
  });

  test("a wall clock that is stepped makes nobody lost", async () => {
    const { world, b } = await pair();
    world.clock.stepWall(3_600_000);
    await world.clock.advance(interval);
    expect(b.alive).toEqual(["a"]);
  });

  test("the API server's outage makes nobody lost", async () => {
    const { world, b } = await pair();
    world.api.standing = "hang";
    await world.clock.advance(60_000);
    expect(b.alive).toEqual(["a"]);
  });

  test("a restarted peer is known by its new key", async () => {
    const { world, a, b } = await pair();
    a.channel.close();
    world.start("a", 2, ["b"]);
    await world.clock.advance(3 * interval);
    expect(b.channel.state.peers.get("a")?.identity?.session).toBe("a_life2");
    expect(b.alive).toEqual(["a"]);
  });

  test("a new session of the same life needs no look-up: the key is the same", async () => {
    const { world, a, b } = await pair();
    world.api.standing = "hang";
    a.channel.sessionHeld("a_life1-2");
    await world.clock.advance(2 * interval);
    expect(b.channel.state.peers.get("a")?.identity?.session).toBe("a_life1-2");
  });
});

describe("the pace of the clocks", () => {
  const session = { a: "a_1", b: "b_1", c: "c_1" };
  const isSignedBy = (): boolean => true;

  /** Node a hears b and c each second; both send at their own time, a's clock may stand still meanwhile. */
  function world() {
    let state = initialPeers("a", timings);
    let nowMs = 1_000;
    let sequence = 0;
    const found: number[] = [];
    const step = (event: PeersEvent): void => {
      const result = stepPeers(state, event, { monotonicMs: nowMs, wallMs: 0 });
      state = result.state;
      for (const effect of result.effects) if (effect.type === "paused") found.push(effect.pauseMs);
    };
    step({ type: "ownSession", session: session.a });
    step({
      type: "peers",
      peers: [
        { node: "b", address: "ip-b" },
        { node: "c", address: "ip-c" },
      ],
    });
    for (const node of ["b", "c"] as const)
      step({ type: "lookedUp", node, identity: { session: session[node], publicKey: node } });
    const hear = (node: "b" | "c", sentMs: number): void => {
      const addressed = { sender: node, senderSession: session[node], receiver: "a", receiverSession: session.a };
      const numbers = { sequence: ++sequence, lastSeen: 0, heldMs: 0, sentMs };
      step({
        type: "received",
        incoming: { message: { kind: "heartbeat", payload: "", ...addressed, ...numbers }, isSignedBy },
      });
    };
    const pass = (ownMs: number): void => {
      nowMs += ownMs;
    };
    return { hear, pass, found };
  }

  test("a pause that the own clock does not show is found once, by its length, whoever is heard first", () => {
    const { hear, pass, found } = world();
    for (let second = 0; second < 5; second++) {
      pass(1_000);
      hear("b", 50_000 + second * 1_000);
      hear("c", 7_000 + second * 1_000);
    }
    pass(100); // in truth 5,100
    hear("c", 16_100);
    hear("b", 59_100);
    pass(1_000);
    hear("b", 60_100);
    expect(found).toEqual([5_000]);
  });

  test("late datagrams, lost datagrams and clocks that differ by rho are no pause", () => {
    const { hear, pass, found } = world();
    for (let second = 0; second < 60; second++) {
      pass(1_000);
      if (second % 7 !== 0) hear("b", second * 1_050);
      if (second % 5 !== 0) hear("c", second * 1_000 - (second % 3) * 900 + 2_000);
    }
    expect(found).toEqual([]);
  });
});

describe("dropped and counted", () => {
  test("bytes that are no datagram of ours", async () => {
    const { world, b } = await pair();
    const good = world.network.last("ip-a", "ip-b");
    const bad = [
      new Uint8Array(0),
      new Uint8Array(5_000),
      Buffer.from("hello"),
      good.slice(0, -1),
      Buffer.concat([good, Buffer.from([0])]),
      Buffer.concat([Buffer.from("XXXX"), good.slice(4)]),
    ];
    for (const datagram of bad) world.network.deliver("ip-b", datagram);
    expect(b.dropped("malformed")).toBe(bad.length);
  });

  test("a forged datagram under the peer's own session", async () => {
    const { world, b } = await pair();
    world.network.deliver("ip-b", world.forge(newSigner(), {}));
    expect(b.dropped("forged")).toBe(1);
    const changed = Uint8Array.from(world.network.last("ip-a", "ip-b"));
    changed[changed.length - 70] = (changed[changed.length - 70] ?? 0) ^ 1;
    world.network.deliver("ip-b", changed);
    expect(b.dropped("forged") + b.dropped("malformed")).toBe(2);
  });

  test("a forged datagram under an unknown session, after at most one look-up per second", async () => {
    const { world, b } = await pair();
    await world.clock.advance(2_000);
    const reads = (): number => world.api.sent.filter((request) => request.verb === "get").length;
    const before = reads();
    for (let n = 0; n < 20; n++)
      world.network.deliver("ip-b", world.forge(newSigner(), { senderSession: `a_life${n + 5}` }));
    await world.clock.advance(10);
    expect(reads()).toBe(before + 1);
    expect(b.dropped("forged")).toBeGreaterThan(0);
    expect(b.channel.state.peers.get("a")?.identity?.session).toBe("a_life1");
  });

  test("a recording played again", async () => {
    const { world, b } = await pair();
    const recording = world.network.last("ip-a", "ip-b");
    world.network.deliver("ip-b", recording);
    expect(b.dropped("replayed")).toBe(1);
  });

  test("a recording played to the receiver's next life does not make the sender alive", async () => {
    const { world, b } = await pair();
    const recording = world.network.last("ip-a", "ip-b");
    world.network.passes = () => false;
    b.channel.close();
    const next = world.start("b", 2, ["a"]);
    await world.clock.advance(interval);
    world.network.deliver("ip-b", recording);
    await world.clock.advance(interval);
    expect(next.alive).toEqual([]);
    expect(next.dropped("replayed")).toBe(1);
  });

  test("a recording of a peer that was removed and added again", async () => {
    const { world, b } = await pair();
    const recording = world.network.last("ip-a", "ip-b");
    world.network.passes = () => false;
    b.channel.setPeers([]);
    await world.clock.advance(lostAfter + interval);
    b.channel.setPeers([{ node: "a", address: "ip-a" }]);
    world.network.deliver("ip-b", recording);
    expect(b.dropped("replayed")).toBe(1);
    expect(b.alive).toEqual([]);
  });

  test("a datagram that was overtaken, the second time it comes and when it was overtaken by many", async () => {
    const { world, a, b } = await pair();
    const held: Uint8Array[] = [];
    world.network.passes = (sent) => {
      if (sent.to !== "ip-b") return true;
      held.push(sent.datagram);
      return false;
    };
    a.channel.sendPromise("b", "answer");
    a.channel.sendPromise("b", "ask");
    await world.clock.advance(20 * interval);
    const [answer, ask, ...later] = held;
    const last = later.at(-1);
    if (answer === undefined || ask === undefined || last === undefined) throw new Error("nothing was held back");
    world.network.deliver("ip-b", ask);
    world.network.deliver("ip-b", answer);
    expect(b.heard).toEqual(["ask", "answer"]);
    expect(b.dropped("replayed")).toBe(0);
    world.network.deliver("ip-b", answer);
    expect(b.dropped("replayed")).toBe(1);
    world.network.deliver("ip-b", last);
    for (const datagram of later.slice(0, 2)) world.network.deliver("ip-b", datagram);
    expect(b.dropped("replayed")).toBe(3);
    expect(b.alive).toEqual(["a"]);
  });

  test("a foreign node, and a datagram for another receiver", async () => {
    const { world, a, b } = await pair();
    const stranger = newSigner();
    world.network.deliver("ip-b", world.forge(stranger, { sender: "x", senderSession: "x_1" }));
    world.network.deliver("ip-b", world.forge(a.signer, { receiver: "c" }));
    expect(b.dropped("foreign")).toBe(2);
  });

  test("a flood costs a bounded number of judgements per interval", async () => {
    const { world, b } = await pair();
    for (let n = 0; n < 5_000; n++) world.network.deliver("ip-b", new Uint8Array(3));
    expect(b.dropped("malformed")).toBeLessThan(200);
    await world.clock.advance(interval);
    expect(b.alive).toEqual(["a"]);
  });
});

test("a datagram survives encoding", () => {
  const message: PeerMessage = {
    kind: "promise",
    sender: "ü",
    senderSession: "s",
    receiver: "r",
    receiverSession: "",
    sequence: 2 ** 48 - 1,
    lastSeen: 0,
    heldMs: 12,
    sentMs: 1_234_567,
    payload: '{"x":1}',
  };
  const datagram = withSignature(encode(message), new Uint8Array(64));
  expect(decode(datagram)?.message).toEqual(message);
  expect(() => encode({ ...message, payload: "x".repeat(1_500) })).toThrow(RangeError);
});
