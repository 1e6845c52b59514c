/**
 * Heartbeats over datagrams: sends one to each peer per interval, feeds what arrives to the machine, looks up peers'
 * keys in their session Leases. Never throws at a datagram, whatever it holds; never waits for anything.
 */
import { LEASE, LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import type { KubeApi } from "../../kube/ports.ts";
import { type Clock, readInstant, type Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { PeerRef } from "../guard-protocol.ts";
import { decode, encode, type PeerMessage, withSignature } from "./codec.ts";
import {
  initialPeers,
  messageTo,
  type PeerIdentity,
  type PeersEffect,
  type PeersEvent,
  type PeersState,
  stepPeers,
} from "./peers-machine.ts";
import type { Signer, Verifier } from "./signing.ts";

export interface DatagramPort {
  /** Best effort; an error is no news about the peer. */
  send(datagram: Uint8Array, address: string): void;
  onReceive(handle: (datagram: Uint8Array) => void): void;
  close(): void;
}

export interface PeerChannelOptions {
  readonly node: string;
  readonly namespace: string;
  readonly timings: Timings;
}

export interface PeerChannelModules {
  readonly kube: KubeApi;
  readonly datagrams: DatagramPort;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface PeerListener {
  onLiveness(peers: { readonly alive: readonly string[]; readonly lost: readonly string[] }): void;
  /** An authentic datagram came from this session of the peer. */
  onHeard(node: string, senderSession: string): void;
  /** This machine stood still for about so long, unseen by its own clocks. */
  onPause(pauseMs: number): void;
  /** A promise message of a live, authenticated peer. */
  onPromise(node: string, senderSession: string, payload: string): void;
}

/** Datagrams judged per interval and peer; a flood costs no more than this many signatures. */
const MAX_PER_INTERVAL = 64;

export class PeerChannel {
  readonly #options: PeerChannelOptions;
  readonly #modules: PeerChannelModules;
  readonly #listener: PeerListener;
  #state: PeersState;
  #timer: Timer | undefined;
  #judged = 0;
  #isClosed = false;

  constructor(options: PeerChannelOptions, modules: PeerChannelModules, listener: PeerListener) {
    this.#options = options;
    this.#modules = modules;
    this.#listener = listener;
    this.#state = initialPeers(options.node, options.timings);
    modules.datagrams.onReceive((datagram) => this.#receive(datagram));
    this.#beat();
  }

  get state(): PeersState {
    return this.#state;
  }

  setPeers(peers: readonly PeerRef[]): void {
    this.#dispatch({ type: "peers", peers });
  }

  /** This life of the guard holds a session of this name from now on: others can find its key. */
  sessionHeld(session: string): void {
    if (this.#state.ownSessions.at(-1) !== session) this.#dispatch({ type: "ownSession", session });
  }

  /** Sends a promise message; false when the node is no peer or this node has no session yet. */
  sendPromise(node: string, payload: string): boolean {
    return this.#send(node, { kind: "promise", payload });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#modules.datagrams.close();
  }

  #beat(): void {
    if (this.#isClosed) return;
    const { clock } = this.#modules;
    this.#judged = 0;
    this.#dispatch({ type: "tick" });
    for (const { node } of this.#state.peers.values()) this.#send(node, { kind: "heartbeat", payload: "" });
    this.#timer = clock.setTimer(this.#options.timings.heartbeatIntervalMs, () => this.#beat());
  }

  #send(node: string, content: Pick<PeerMessage, "kind" | "payload">): boolean {
    const { datagrams, signer, clock, log } = this.#modules;
    if (!this.#state.peers.has(node) || this.#state.ownSessions.length === 0) return false;
    this.#dispatch({ type: "sending", node });
    const peer = this.#state.peers.get(node);
    const message = messageTo(this.#state, node, content, readInstant(clock));
    if (message === undefined || peer === undefined) return false;
    try {
      const signed = encode(message);
      datagrams.send(withSignature(signed, signer.sign(signed)), peer.address);
      return true;
    } catch (thrown) {
      log.warn("datagram not sent", { peer: node, error: messageOf(thrown) });
      return false;
    }
  }

  #receive(datagram: Uint8Array): void {
    const { verifier, metrics } = this.#modules;
    this.#judged += 1;
    if (this.#judged > MAX_PER_INTERVAL * (this.#state.peers.size + 1)) return;
    const decoded = decode(datagram);
    if (decoded === undefined) return metrics.count("understudy_heartbeat_dropped_total", { reason: "malformed" });
    const { message, signed, signature } = decoded;
    const isSignedBy = (publicKey: string): boolean => verifier.verify(publicKey, signed, signature);
    this.#dispatch({ type: "received", incoming: { message, isSignedBy } });
  }

  #dispatch(event: PeersEvent): void {
    const { state, effects } = stepPeers(this.#state, event, readInstant(this.#modules.clock));
    this.#state = state;
    for (const effect of effects) this.#apply(effect);
  }

  #apply(effect: PeersEffect): void {
    const { metrics, log } = this.#modules;
    switch (effect.type) {
      case "lookUp":
        void this.#lookUp(effect.node);
        return;
      case "dropped":
        log.debug("datagram dropped", { reason: effect.reason });
        return metrics.count("understudy_heartbeat_dropped_total", { reason: effect.reason });
      case "heard":
        metrics.count("understudy_heartbeat_received_total", { peer: effect.node });
        this.#listener.onHeard(effect.node, effect.message.senderSession);
        if (effect.message.kind === "promise")
          this.#listener.onPromise(effect.node, effect.message.senderSession, effect.message.payload);
        return;
      case "paused":
        log.warn("this machine stood still unseen by its own clocks", { pauseMs: effect.pauseMs });
        return this.#listener.onPause(effect.pauseMs);
      case "liveness":
        for (const { node, isAlive } of this.#state.peers.values())
          metrics.set("understudy_peer_alive", isAlive ? 1 : 0, { peer: node });
        log.info("peers changed", { alive: effect.alive, lost: effect.lost });
        return this.#listener.onLiveness(effect);
    }
  }

  async #lookUp(node: string): Promise<void> {
    const { kube, log } = this.#modules;
    const { namespace, timings } = this.#options;
    let identity: PeerIdentity | undefined;
    try {
      identity = identityOf(
        await kube.get<Lease>(LEASE, { namespace, name: node }, { timeoutMs: timings.requestTimeoutMs }),
      );
    } catch (thrown) {
      log.debug("peer not looked up", { peer: node, error: messageOf(thrown) });
    }
    this.#dispatch({ type: "lookedUp", node, identity });
  }
}

function identityOf(lease: Lease | undefined): PeerIdentity | undefined {
  const session = lease?.spec?.holderIdentity;
  const publicKey = lease?.metadata.annotations?.[LEASE_ANNOTATIONS.publicKey];
  return session === undefined || publicKey === undefined ? undefined : { session, publicKey };
}
