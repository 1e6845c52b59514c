/**
 * Whether the session of each node lives, as one leader may conclude it from its own consistent reads (DESIGN 4.3).
 *
 *   read shows a new resourceVersion -> count from its arrival -> R: Quiet -> rho*L+M: Revocable -> ended by compare-and-set
 *
 * A pure machine: fed with reads, asked with `now`. It counts "seen unchanged" from the arrival of the first read
 * that showed a version, on the leader's monotonic clock, only across successful reads without a gap longer than
 * `readGapMs`; a gap, or a pause of its own process that the two clocks betray, starts every count again (A11).
 *
 * Must never do: call a session revocable on the word of anything but these reads (a watch event, the Lease's own
 * renewTime, another process's clock).
 */
import { LEASE_ANNOTATIONS, type Lease, type NodeFacts, type SessionEnd } from "../../api/session-lease.ts";
import { PRESETS, presetTimings, revokeWaitMs, silenceMs, type Timings } from "../../api/timings.ts";
import { assert } from "../../lib/assert.ts";
import type { Instant } from "../../lib/clock.ts";
import { pauseAllowanceMs } from "./pauses.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";

export type SessionVerdict =
  | { readonly state: "Live"; readonly session: string }
  | { readonly state: "Unknown"; readonly reason: UnknownReason; readonly session?: string }
  /** Seen unchanged (or absent) for rho*L+M: whoever holds the leader's right may end it by compare-and-set. */
  | { readonly state: "Revocable"; readonly session?: string; readonly sinceMonotonicMs: number }
  | { readonly state: "Ended"; readonly session: string; readonly end: SessionEnd };

export type UnknownReason =
  /** No read, or none within the gap: this leader knows nothing. */
  | "NotRead"
  /** Seen, but not for long enough to have seen it change. */
  | "FirstSeen"
  /** Not renewed for longer than the renew deadline: its holder takes down or lives on promises. */
  | "Quiet"
  /** The node has no session Lease. */
  | "NoLease";

export interface SessionView {
  readonly node: string;
  readonly verdict: SessionVerdict;
  /** As last read: its resourceVersion is what a compare-and-set must name. Absent: no Lease in the last read. */
  readonly lease?: Lease;
  readonly facts?: NodeFacts;
  /** Arrival of the read that last showed a change, on the leader's monotonic clock. */
  readonly changedAtMs?: number;
  /**
   * From when, on the leader's monotonic clock, the holder has taken everything down or lives on promises, if it works at
   * all: rho*(R+S)+M of unbroken reads without a change. When the reads have only begun, or begun again, rho*L+M: after an
   * outage everybody gets the time of a session to come back and to report promises. Whether it ended or not; absent
   * while the reads are broken.
   */
  readonly silentAtMs?: number;
  /**
   * The cloud has announced that the machine stands still about now: whoever acts on that waits for its session until
   * then, on the leader's monotonic clock. Never before rho*L+M have passed.
   */
  readonly pausingUntilMs?: number;
}

interface Count {
  lease: Lease;
  /** Arrival of the first read of this unbroken chain that showed this version. */
  unchangedSince: Instant;
  /** Whether this chain of reads has seen the version change. */
  isSeenChanging: boolean;
  /** When a direct answer about this Lease arrived; a list sent before that may be older and says nothing about it. */
  knownAtMs: number;
  bounds: Bounds;
}

/** The holder's published timings, and for one old wait after a change the larger of old and new (DESIGN 4.2). */
interface Bounds {
  current: Timings;
  previous?: { readonly timings: Timings; readonly untilMonotonicMs: number };
}

export interface SessionObserverOptions {
  /** The installation's timings: the read gap, the pause tolerance, and the wait for a node without a Lease. */
  readonly timings: Timings;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
}

/** Nodes whose Lease disappeared are remembered up to this number; more is a broken cluster, not a use of it. */
const MAX_NODES = 5_000;

export class SessionObserver {
  readonly #timings: Timings;
  readonly #rules: SafetyRules;
  readonly #counts = new Map<string, Count>();
  /** Nodes whose Lease was seen and is gone: when the first read without it arrived, and what it lived by. */
  readonly #absent = new Map<string, { since: Instant; bounds: Bounds }>();
  #lastRead: Instant | undefined;
  #chainStart: Instant | undefined;

  constructor(options: SessionObserverOptions) {
    this.#timings = options.timings;
    this.#rules = options.rules ?? ALL_RULES;
  }

  /** One successful consistent list of all session Leases, sent at `sentMs` (monotonic). One list at a time. */
  read(leases: readonly Lease[], arrival: Instant, sentMs: number): void {
    assert(leases.length <= MAX_NODES, `at most ${MAX_NODES} session Leases`);
    assert(this.#lastRead === undefined || arrival.monotonicMs >= this.#lastRead.monotonicMs, "reads arrive in order");
    if (!this.#isUnbroken(arrival)) this.#restart(arrival);
    this.#lastRead = arrival;
    const present = new Set<string>();
    for (const lease of leases) {
      present.add(lease.metadata.name);
      if (sentMs >= (this.#counts.get(lease.metadata.name)?.knownAtMs ?? -Infinity)) this.#note(lease, arrival, sentMs);
    }
    for (const [node, count] of this.#counts) {
      if (present.has(node) || sentMs < count.knownAtMs) continue;
      this.#counts.delete(node);
      this.#absent.set(node, { since: arrival, bounds: count.bounds });
    }
  }

  /** The answer to a write, or to a consistent read of one Lease: newer than every list that was sent before it came. */
  answered(lease: Lease, arrival: Instant): void {
    this.#note(lease, arrival, arrival.monotonicMs);
  }

  view(node: string, now: Instant): SessionView {
    const count = this.#counts.get(node);
    if (count === undefined) {
      const verdict = this.#verdictWithoutLease(node, now);
      return { node, verdict, ...(verdict.state === "Revocable" ? { silentAtMs: verdict.sinceMonotonicMs } : {}) };
    }
    const facts = factsOf(count.lease);
    const silentAtMs = Math.max(
      count.unchangedSince.monotonicMs + silentAfterMs(count.bounds, now),
      (this.#chainStart?.monotonicMs ?? 0) + waitMs(count.bounds, now),
    );
    const allowanceMs = pauseAllowanceMs(facts, now.wallMs);
    const untilMs = count.unchangedSince.monotonicMs + waitMs(count.bounds, now) + (allowanceMs ?? 0);
    return {
      node,
      verdict: this.#verdict(count, now),
      lease: count.lease,
      ...(this.#isUnbroken(now) ? { silentAtMs } : {}),
      ...(facts === undefined ? {} : { facts }),
      ...(allowanceMs === undefined || untilMs <= now.monotonicMs ? {} : { pausingUntilMs: untilMs }),
      ...(count.isSeenChanging ? { changedAtMs: count.unchangedSince.monotonicMs } : {}),
    };
  }

  nodes(): string[] {
    return [...new Set([...this.#counts.keys(), ...this.#absent.keys()])].toSorted();
  }

  /** When, on the monotonic clock, the next verdict changes by the passing of time alone; undefined: none will. */
  nextChangeAtMs(now: Instant): number | undefined {
    let next: number | undefined;
    const consider = (atMs: number): void => {
      if (atMs > now.monotonicMs && (next === undefined || atMs < next)) next = atMs;
    };
    for (const count of this.#counts.values()) {
      if (endOf(count.lease) !== undefined) continue;
      consider(count.unchangedSince.monotonicMs + waitMs(count.bounds, now));
      consider(count.unchangedSince.monotonicMs + quietAfterMs(count.bounds));
    }
    for (const absent of this.#absent.values()) consider(absent.since.monotonicMs + waitMs(absent.bounds, now));
    return next;
  }

  #note(lease: Lease, arrival: Instant, knownAtMs: number): void {
    const node = lease.metadata.name;
    this.#absent.delete(node);
    const before = this.#counts.get(node);
    if (before === undefined) {
      this.#counts.set(node, {
        lease,
        unchangedSince: arrival,
        isSeenChanging: false,
        knownAtMs,
        bounds: { current: timingsOf(lease) },
      });
      return;
    }
    before.knownAtMs = knownAtMs;
    if (before.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#counts.set(node, {
      lease,
      unchangedSince: arrival,
      isSeenChanging: true,
      knownAtMs,
      bounds: nextBounds(before.bounds, timingsOf(lease), arrival),
    });
  }

  #restart(arrival: Instant): void {
    this.#chainStart = arrival;
    for (const count of this.#counts.values()) {
      count.unchangedSince = arrival;
      count.isSeenChanging = false;
    }
    for (const absent of this.#absent.values()) absent.since = arrival;
  }

  /** Whether the chain of reads reaches to `now`: no gap, and no pause that one of the two clocks did not count. */
  #isUnbroken(now: Instant): boolean {
    if (this.#lastRead === undefined) return false;
    if (!this.#rules.gapsRestartTheCount) return true;
    const monotonicMs = now.monotonicMs - this.#lastRead.monotonicMs;
    const wallMs = now.wallMs - this.#lastRead.wallMs;
    return monotonicMs <= this.#timings.readGapMs && Math.abs(wallMs - monotonicMs) <= this.#timings.marginMs;
  }

  #verdict(count: Count, now: Instant): SessionVerdict {
    const session = count.lease.spec?.holderIdentity ?? "";
    const end = endOf(count.lease);
    if (end !== undefined) return { state: "Ended", session, end };
    if (!this.#isUnbroken(now)) return { state: "Unknown", reason: "NotRead", session };
    const unchangedMs = now.monotonicMs - count.unchangedSince.monotonicMs;
    const revocableAfterMs = waitMs(count.bounds, now);
    if (unchangedMs >= revocableAfterMs) {
      return { state: "Revocable", session, sinceMonotonicMs: count.unchangedSince.monotonicMs + revocableAfterMs };
    }
    if (unchangedMs >= quietAfterMs(count.bounds)) return { state: "Unknown", reason: "Quiet", session };
    if (!count.isSeenChanging) return { state: "Unknown", reason: "FirstSeen", session };
    return { state: "Live", session };
  }

  #verdictWithoutLease(node: string, now: Instant): SessionVerdict {
    const absent = this.#absent.get(node);
    const since = absent?.since ?? this.#chainStart;
    if (since === undefined || !this.#isUnbroken(now)) return { state: "Unknown", reason: "NotRead" };
    const bounds = absent?.bounds ?? { current: largest(this.#timings, LARGEST_PRESET) };
    const revocableAtMs = since.monotonicMs + waitMs(bounds, now);
    if (now.monotonicMs < revocableAtMs) return { state: "Unknown", reason: "NoLease" };
    return { state: "Revocable", sinceMonotonicMs: revocableAtMs };
  }
}

const LARGEST_PRESET = PRESETS.map(presetTimings).reduce((a, b) => largest(a, b));

function largest(a: Timings, b: Timings): Timings {
  return revokeWaitMs(a) >= revokeWaitMs(b) ? a : b;
}

/** How long an observer waits: the longest of what the holder publishes and what it published until lately. */
function waitMs(bounds: Bounds, now: Instant): number {
  const current = revokeWaitMs(bounds.current);
  if (bounds.previous === undefined || now.monotonicMs >= bounds.previous.untilMonotonicMs) return current;
  return Math.max(current, revokeWaitMs(bounds.previous.timings));
}

/** As `waitMs`, for the holder's own take-down. */
function silentAfterMs(bounds: Bounds, now: Instant): number {
  const current = silenceMs(bounds.current);
  if (bounds.previous === undefined || now.monotonicMs >= bounds.previous.untilMonotonicMs) return current;
  return Math.max(current, silenceMs(bounds.previous.timings));
}

function quietAfterMs(bounds: Bounds): number {
  return bounds.current.renewDeadlineMs;
}

function nextBounds(before: Bounds, published: Timings, arrival: Instant): Bounds {
  const kept =
    before.previous !== undefined && arrival.monotonicMs < before.previous.untilMonotonicMs
      ? before.previous
      : undefined;
  if (revokeWaitMs(before.current) === revokeWaitMs(published)) {
    return kept === undefined ? { current: published } : { current: published, previous: kept };
  }
  const old = kept === undefined ? before.current : largest(before.current, kept.timings);
  return { current: published, previous: { timings: old, untilMonotonicMs: arrival.monotonicMs + revokeWaitMs(old) } };
}

/** What the holder says it lives by; unreadable: the longest anybody can live by. */
export function timingsOf(lease: Lease): Timings {
  const published = parseJson(lease.metadata.annotations?.[LEASE_ANNOTATIONS.timings]);
  if (!isRecord(published)) return LARGEST_PRESET;
  const { sessionDurationMs, marginMs, renewDeadlineMs, stopBudgetMs } = published;
  if (!isPositive(sessionDurationMs) || !isPositive(marginMs) || !isPositive(renewDeadlineMs)) return LARGEST_PRESET;
  const own = isPositive(stopBudgetMs) ? { stopBudgetMs } : {};
  return { ...LARGEST_PRESET, sessionDurationMs, marginMs, renewDeadlineMs, ...own };
}

export function factsOf(lease: Lease): NodeFacts | undefined {
  const facts = parseJson(lease.metadata.annotations?.[LEASE_ANNOTATIONS.facts]);
  if (!isRecord(facts) || typeof facts["watchdog"] !== "string") return undefined;
  return facts as unknown as NodeFacts;
}

export function endOf(lease: Lease): SessionEnd | undefined {
  const end = lease.metadata.annotations?.[LEASE_ANNOTATIONS.ended];
  return end === "Expired" || end === "Fenced" || end === "Released" ? end : undefined;
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
