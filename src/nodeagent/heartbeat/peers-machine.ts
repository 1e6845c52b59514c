/**
 * Who of the peers lives, as a pure machine: fed with decoded datagrams, look-ups of peers' Leases and time.
 *
 * A datagram counts only if the key in the sender's session Lease signed it, it is addressed to this node and to a
 * session of this very life of the guard, and its sequence was not accepted before. So a recording can be played neither
 * to this life (sequence) nor to a later one (session). One that was overtaken on its way is taken for what it says to
 * the promises, and for nothing else: an answer and an ask that leave together would else cost the answer. Liveness is
 * by the own monotonic clock.
 *
 * Must never: take the word of a datagram for anything before all of this holds, or look a peer up more than once per
 * second, whoever sends what.
 */
import { CLOCK_RATE_BOUND, type Timings } from "../../api/timings.ts";
import type { Instant } from "../../lib/clock.ts";
import type { PeerRef } from "../guard-protocol.ts";
import type { PeerMessage } from "./codec.ts";

export type DropReason = "malformed" | "forged" | "replayed" | "foreign";

/** What a peer's session Lease says. */
export interface PeerIdentity {
  readonly session: string;
  readonly publicKey: string;
}

export interface Peer {
  readonly node: string;
  readonly address: string;
  readonly identity?: PeerIdentity;
  /** When its Lease was last asked for. */
  readonly lookedUpMs?: number;
  readonly isLookingUp: boolean;
  /** Waits for a look-up: its session was not known. */
  readonly pending?: Incoming;
  readonly addedMs: number;
  readonly lastHeardMs?: number;
  /** Highest accepted. */
  readonly lastSequence: number;
  /** Those accepted, as far as one that was overtaken could still come. */
  readonly accepted: readonly number[];
  readonly sentSequence: number;
  /** Recent sends, for the round-trip time. */
  readonly sends: readonly { readonly sequence: number; readonly atMs: number }[];
  readonly rttMs?: number;
  /** Own clock less the sender's, for recent datagrams: network delay only adds to it. */
  readonly offsets: readonly { readonly atMs: number; readonly offsetMs: number }[];
  readonly isAlive: boolean;
}

/** One decoded datagram, and whether a key signed it. */
export interface Incoming {
  readonly message: PeerMessage;
  readonly isSignedBy: (publicKey: string) => boolean;
}

export interface PeersState {
  readonly node: string;
  /** Sessions of this life of the guard, oldest first; the last one is in use. */
  readonly ownSessions: readonly string[];
  readonly peers: ReadonlyMap<string, Peer>;
  /** Peers no longer wanted: were their sequences forgotten, a recording could be played when they come back. */
  readonly retired: ReadonlyMap<string, Peer>;
  readonly lostAfterMs: number;
  /** A hidden pause that is longer is acted on; shorter ones the timings' slack covers. */
  readonly pauseFoundMs: number;
}

export type PeersEvent =
  | { readonly type: "tick" }
  | { readonly type: "peers"; readonly peers: readonly PeerRef[] }
  | { readonly type: "ownSession"; readonly session: string }
  | { readonly type: "received"; readonly incoming: Incoming }
  /** `identity` undefined: the Lease could not be read, or says nothing. */
  | { readonly type: "lookedUp"; readonly node: string; readonly identity: PeerIdentity | undefined }
  /** Take a sequence number for a datagram to `node`. */
  | { readonly type: "sending"; readonly node: string };

export type PeersEffect =
  | { readonly type: "lookUp"; readonly node: string }
  | { readonly type: "dropped"; readonly reason: DropReason }
  | { readonly type: "heard"; readonly node: string; readonly message: PeerMessage }
  /** This machine stood still for about so long without its own clocks showing it (DESIGN 4.11). */
  | { readonly type: "paused"; readonly pauseMs: number }
  | { readonly type: "liveness"; readonly alive: readonly string[]; readonly lost: readonly string[] };

/** Members of all groups that name this node; more is a broken cluster. */
const MAX_PEERS = 64;
const MAX_RETIRED = 256;
const MAX_OWN_SESSIONS = 16;
const MAX_SENDS = 32;
/** A datagram may be overtaken by fewer than so many. */
const OVERTAKEN_BY = 16;
const LOOK_UP_INTERVAL_MS = 1_000;
/** Clocks are compared over so long: at a rate error of rho they part by half a second. */
const OFFSET_WINDOW_MS = 10_000;
/** Fewer datagrams say nothing: one late one before a prompt one would look like a pause. */
const MIN_OFFSETS = 4;

export function initialPeers(node: string, timings: Timings): PeersState {
  const { sessionDurationMs: L, renewDeadlineMs: R, stopBudgetMs: S, marginMs: M } = timings;
  const lostAfterMs = timings.heartbeatLostAfterMs;
  // Everything is cut R+S after the send; others wait at least L. Half of what lies between is left for the pause itself.
  const pauseFoundMs = (L - CLOCK_RATE_BOUND * (R + S) - M) / 2;
  return { pauseFoundMs, node, ownSessions: [], peers: new Map(), retired: new Map(), lostAfterMs };
}

export interface PeersResult {
  readonly state: PeersState;
  readonly effects: readonly PeersEffect[];
}

export function stepPeers(state: PeersState, event: PeersEvent, now: Instant): PeersResult {
  const draft: Draft = { state, effects: [], nowMs: now.monotonicMs };
  switch (event.type) {
    case "tick":
      // Not read yet, or asked for too soon after the last time.
      for (const peer of state.peers.values())
        if (peer.identity === undefined || peer.pending !== undefined) wantLookUp(draft, peer.node);
      break;
    case "peers":
      setPeers(draft, event.peers);
      break;
    case "ownSession":
      draft.state = { ...state, ownSessions: [...state.ownSessions, event.session].slice(-MAX_OWN_SESSIONS) };
      break;
    case "received":
      received(draft, event.incoming);
      break;
    case "lookedUp":
      lookedUp(draft, event.node, event.identity);
      break;
    case "sending":
      sending(draft, event.node);
      break;
  }
  settleLiveness(draft, event.type === "peers");
  return { state: draft.state, effects: draft.effects };
}

interface Draft {
  state: PeersState;
  readonly effects: PeersEffect[];
  readonly nowMs: number;
}

function change(draft: Draft, node: string, changes: Partial<Peer>): void {
  const peer = draft.state.peers.get(node);
  if (peer !== undefined)
    draft.state = { ...draft.state, peers: new Map(draft.state.peers).set(node, { ...peer, ...changes }) };
}

function setPeers(draft: Draft, wanted: readonly PeerRef[]): void {
  const { state, nowMs } = draft;
  const peers = new Map<string, Peer>();
  const known = new Map([...state.retired, ...state.peers]);
  for (const { node, address } of wanted.slice(0, MAX_PEERS)) {
    if (node === state.node) continue;
    const isKept = state.peers.has(node);
    const peer = known.get(node) ?? newPeer(node, nowMs);
    peers.set(node, { ...peer, address, ...(isKept ? {} : { addedMs: nowMs, isAlive: false }) });
    known.delete(node);
  }
  draft.state = { ...state, peers, retired: new Map([...known].slice(-MAX_RETIRED)) };
  for (const peer of peers.values()) if (peer.identity === undefined) wantLookUp(draft, peer.node);
}

function newPeer(node: string, nowMs: number): Peer {
  return {
    node,
    address: "",
    isLookingUp: false,
    addedMs: nowMs,
    lastSequence: 0,
    accepted: [],
    sentSequence: 0,
    sends: [],
    offsets: [],
    isAlive: false,
  };
}

function wantLookUp(draft: Draft, node: string): void {
  const peer = draft.state.peers.get(node);
  if (peer === undefined || peer.isLookingUp) return;
  if (peer.lookedUpMs !== undefined && draft.nowMs - peer.lookedUpMs < LOOK_UP_INTERVAL_MS) return;
  change(draft, node, { isLookingUp: true, lookedUpMs: draft.nowMs });
  draft.effects.push({ type: "lookUp", node });
}

function lookedUp(draft: Draft, node: string, identity: PeerIdentity | undefined): void {
  const peer = draft.state.peers.get(node);
  if (peer === undefined) return;
  change(draft, node, { isLookingUp: false });
  if (identity === undefined) return;
  // Another key is another life of the peer's guard, and its sequences begin again.
  const isNewLife = identity.publicKey !== peer.identity?.publicKey;
  change(draft, node, { identity, ...(isNewLife ? { lastSequence: 0, accepted: [], offsets: [] } : {}) });
  const { pending } = peer;
  if (pending === undefined) return;
  draft.state = withoutPending(draft.state, node);
  judge(draft, node, pending, true);
}

function withoutPending(state: PeersState, node: string): PeersState {
  const peer = state.peers.get(node);
  if (peer === undefined) return state;
  const { pending: _, ...rest } = peer;
  return { ...state, peers: new Map(state.peers).set(node, rest) };
}

function received(draft: Draft, incoming: Incoming): void {
  const { receiver, sender } = incoming.message;
  if (receiver !== draft.state.node || !draft.state.peers.has(sender)) return drop(draft, "foreign");
  judge(draft, sender, incoming, false);
}

function judge(draft: Draft, node: string, incoming: Incoming, isFinal: boolean): void {
  const peer = draft.state.peers.get(node);
  if (peer === undefined) return;
  const { message } = incoming;
  if (peer.identity === undefined || !incoming.isSignedBy(peer.identity.publicKey)) {
    // The key of the session that it names is known: nobody else can have signed it.
    if (isFinal || message.senderSession === peer.identity?.session) return drop(draft, "forged");
    change(draft, node, { pending: incoming });
    return wantLookUp(draft, node);
  }
  const isTooOld = message.sequence <= peer.lastSequence - OVERTAKEN_BY;
  if (isTooOld || peer.accepted.includes(message.sequence)) return drop(draft, "replayed");
  // Says nothing about now: the sender does not know this life of the guard yet.
  if (message.receiverSession === "") return;
  if (!draft.state.ownSessions.includes(message.receiverSession)) return drop(draft, "replayed");
  accept(draft, peer, peer.identity.publicKey, message);
}

function accept(draft: Draft, peer: Peer, publicKey: string, message: PeerMessage): void {
  const oldest = Math.max(peer.lastSequence, message.sequence) - OVERTAKEN_BY;
  const accepted = [...peer.accepted, message.sequence].filter((sequence) => sequence > oldest);
  if (message.sequence < peer.lastSequence) {
    change(draft, peer.node, { accepted });
    draft.effects.push({ type: "heard", node: peer.node, message });
    return;
  }
  const sent = peer.sends.find((send) => send.sequence === message.lastSeen);
  const rttMs = sent === undefined ? undefined : Math.max(0, draft.nowMs - sent.atMs - message.heldMs);
  change(draft, peer.node, {
    identity: { session: message.senderSession, publicKey },
    lastHeardMs: draft.nowMs,
    lastSequence: message.sequence,
    accepted,
    ...(rttMs === undefined ? {} : { rttMs }),
  });
  draft.effects.push({ type: "heard", node: peer.node, message });
  comparePace(draft, peer.node, message.sentMs);
}

/**
 * A datagram cannot arrive before it was sent. If the peer's clock has gone on by more than the own one since any recent
 * datagram, the own one stood still; the other peers will show the same, once.
 */
function comparePace(draft: Draft, node: string, sentMs: number): void {
  const offsets = (draft.state.peers.get(node)?.offsets ?? []).filter(
    ({ atMs }) => draft.nowMs - atMs < OFFSET_WINDOW_MS,
  );
  const offsetMs = draft.nowMs - sentMs;
  const pauseMs = Math.min(...offsets.map((entry) => entry.offsetMs)) - offsetMs;
  change(draft, node, { offsets: [...offsets, { atMs: draft.nowMs, offsetMs }].slice(-MAX_SENDS) });
  if (offsets.length < MIN_OFFSETS || pauseMs < draft.state.pauseFoundMs) return;
  draft.effects.push({ type: "paused", pauseMs });
  for (const peer of draft.state.peers.values()) {
    const known = peer.node === node ? [{ atMs: draft.nowMs, offsetMs }] : peer.offsets.map(shifted(pauseMs));
    change(draft, peer.node, { offsets: known });
  }
}

function shifted(pauseMs: number) {
  return (entry: { readonly atMs: number; readonly offsetMs: number }) => ({
    ...entry,
    offsetMs: entry.offsetMs - pauseMs,
  });
}

function drop(draft: Draft, reason: DropReason): void {
  draft.effects.push({ type: "dropped", reason });
}

function sending(draft: Draft, node: string): void {
  const peer = draft.state.peers.get(node);
  if (peer === undefined) return;
  const sequence = peer.sentSequence + 1;
  const sends = [...peer.sends, { sequence, atMs: draft.nowMs }].slice(-MAX_SENDS);
  change(draft, node, { sentSequence: sequence, sends });
}

/** A peer that was never heard is lost once it had the time to be. */
function settleLiveness(draft: Draft, isListChanged: boolean): void {
  const { peers, lostAfterMs } = draft.state;
  let isChanged = isListChanged;
  for (const peer of peers.values()) {
    const isAlive = peer.lastHeardMs !== undefined && draft.nowMs - peer.lastHeardMs < lostAfterMs;
    if (isAlive === peer.isAlive) continue;
    isChanged = true;
    change(draft, peer.node, { isAlive });
  }
  if (!isChanged) return;
  const all = [...draft.state.peers.values()];
  draft.effects.push({
    type: "liveness",
    alive: all.filter((peer) => peer.isAlive).map((peer) => peer.node),
    lost: all.filter((peer) => !peer.isAlive && draft.nowMs - peer.addedMs >= lostAfterMs).map((peer) => peer.node),
  });
}

/** The next datagram to `node`, after `sending` took its sequence; undefined while this node has no session. */
export function messageTo(
  state: PeersState,
  node: string,
  content: Pick<PeerMessage, "kind" | "payload">,
  now: Instant,
): PeerMessage | undefined {
  const peer = state.peers.get(node);
  const senderSession = state.ownSessions.at(-1);
  if (peer === undefined || senderSession === undefined) return undefined;
  return {
    ...content,
    sender: state.node,
    senderSession,
    receiver: node,
    receiverSession: peer.identity?.session ?? "",
    sequence: peer.sentSequence,
    lastSeen: peer.lastSequence,
    heldMs: peer.lastHeardMs === undefined ? 0 : now.monotonicMs - peer.lastHeardMs,
    sentMs: now.monotonicMs,
  };
}
