/**
 * The set of copies that hold every acknowledged write, as its primary keeps it (DESIGN 4.6, 7; amendments A3 to A5).
 * Pure.
 *
 *   copy lost  ──> smaller set sent ──stored──> writes need it no more, nor need it be asked for promises
 *   copy equal ──> the guard asks it from now on ──> larger set sent ──stored──> it may be promoted
 *
 * Every change is conditional on the generation before it and on the seal with this primary's own epoch: whoever is
 * granted the disk next is judged by a set that nobody changes behind the leader's back.
 *
 * The invariant: `mayBeInSync` names everybody in any set that is, or may yet be, stored. What became of a change is known
 * by its answer, by that to a later one, or by a later generation; never by a read that shows the set before it (A4).
 *
 * Must never do: send a larger set before the guard asks everybody in it; trust a set that is not sealed with this epoch.
 */
import { assert, unreachable } from "../../lib/assert.ts";
import {
  type InSyncEffect,
  type InSyncEvent,
  type InSyncState,
  initialInSync,
  type SentSet,
  type SetRecord,
} from "./in-sync-state.ts";

/** Waits after calls that failed, in milliseconds. */
const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 5_000;

export interface InSyncStep {
  readonly state: InSyncState;
  readonly effects: readonly InSyncEffect[];
  /** Monotonic clock reading at which a `tick` is due; undefined: only an event moves it. */
  readonly wakeAtMs: number | undefined;
}

export function stepInSync(before: InSyncState, event: InSyncEvent, nowMs: number): InSyncStep {
  const known = learn(before, event, nowMs);
  const effect = nextEffect(known, nowMs);
  if (effect === undefined) {
    const isWaiting = known.epoch !== undefined && !known.isBusy && known.notBeforeMs > nowMs;
    return { state: known, effects: [], wakeAtMs: isWaiting ? known.notBeforeMs : undefined };
  }
  const busy = { ...known, isBusy: true };
  if (effect.type === "read") return { state: busy, effects: [effect], wakeAtMs: undefined };
  const { onGeneration, members } = effect;
  const state = { ...busy, unresolved: [...known.unresolved, { onGeneration, members }] };
  return { state, effects: [effect], wakeAtMs: undefined };
}

/**
 * Members that any set on record names, or may yet name: whoever is not among them cannot be promoted behind this
 * primary's back. Undefined: not known, so it may be anybody. Writes need the acknowledgement of all of them.
 */
export function mayBeInSync(state: InSyncState): readonly string[] | undefined {
  const { record, unresolved } = state;
  if (record === undefined || !isOwn(state, record)) return undefined;
  return sorted([...record.members, ...unresolved.flatMap(({ members }) => members)]);
}

/** Whom the guard must ask as far as this disk goes: also those that are about to be added. */
export function mustBeAsked(state: InSyncState): readonly string[] | undefined {
  const may = mayBeInSync(state);
  return may === undefined ? undefined : sorted([...may, ...gained(state)]);
}

// ---- what is known

function learn(state: InSyncState, event: InSyncEvent, nowMs: number): InSyncState {
  switch (event.type) {
    case "primary":
      return event.epoch === state.epoch ? state : fresh(state, event.epoch);
    case "seen":
      return seen(state, event.record, event.isConsistent, nowMs);
    case "equal":
      return { ...state, equal: event.members };
    case "asked":
      return { ...state, asked: event.members };
    case "stored":
      return { ...seen(state, event.record, false, nowMs), isBusy: false, failures: 0 };
    case "refused":
      // Only a read that was sent after it tells what is on record, and so what of ours can be stored no more.
      return failed({ ...state, record: undefined, unresolved: withoutLast(state.unresolved) }, nowMs);
    case "unknown":
    case "readFailed":
      return failed(state, nowMs);
    case "tick":
      return state;
    default:
      return unreachable(event);
  }
}

/** Under another epoch nothing sent before can be stored any more: it was conditional on the seal before. */
function fresh({ node, rules, record }: InSyncState, epoch: number | undefined): InSyncState {
  return { ...initialInSync(node, rules), epoch, record, isReadWanted: epoch !== undefined };
}

function seen(state: InSyncState, record: SetRecord | undefined, isConsistent: boolean, nowMs: number): InSyncState {
  if (!isConsistent) {
    // A watch may lag behind an answer: what is not known any more is not learnt from it.
    const isUnknown = state.epoch !== undefined && state.record === undefined;
    if (isUnknown || record === undefined || isOlder(record, state.record)) return state;
    return settled({ ...state, record });
  }
  // Overtaken by the watch, or the disk was made anew: a read that is sent now tells which.
  if (record !== undefined && isOlder(record, state.record)) return failed({ ...state, record: undefined }, nowMs);
  const read = { ...state, record, isBusy: false, isReadWanted: false, failures: 0 };
  return state.rules.onlyWritesResolveChanges ? settled(read) : { ...read, unresolved: [] };
}

function isOlder(record: SetRecord, known: SetRecord | undefined): boolean {
  if (known === undefined) return false;
  if (record.generation !== known.generation) return record.generation < known.generation;
  return (record.primary?.epoch ?? 0) < (known.primary?.epoch ?? 0);
}

/** What was conditional on an earlier generation than the one on record was stored, or never will be. */
function settled(state: InSyncState): InSyncState {
  const generation = state.record?.generation ?? 0;
  const unresolved = state.unresolved.filter(({ onGeneration }) => onGeneration >= generation);
  return unresolved.length === state.unresolved.length ? state : { ...state, unresolved };
}

function failed(state: InSyncState, nowMs: number): InSyncState {
  const failures = state.failures + 1;
  const waitMs = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** (failures - 1));
  return { ...state, isBusy: false, isReadWanted: true, failures, notBeforeMs: nowMs + waitMs };
}

/** The change that was just refused; one call is on its way at a time. */
function withoutLast(unresolved: InSyncState["unresolved"]): InSyncState["unresolved"] {
  return unresolved.slice(0, -1);
}

function isOwn(state: InSyncState, { primary }: SetRecord): boolean {
  if (state.epoch === undefined) return false;
  if (!state.rules.sealsBeforeGrant) return true;
  return primary?.node === state.node && primary.epoch === state.epoch;
}

// ---- what follows

function nextEffect(state: InSyncState, nowMs: number): InSyncEffect | undefined {
  const { epoch, record, isBusy, notBeforeMs } = state;
  if (epoch === undefined || isBusy || nowMs < notBeforeMs) return undefined;
  if (state.isReadWanted || record === undefined) return { type: "read" };
  // A read after the grant shows the seal that went before it; one that does not is of a newer one.
  if (!isOwn(state, record)) return undefined;
  const next = nextSet(state, record);
  if (next === undefined) return undefined;
  assert(next.members.includes(state.node), "the primary's own copy is in sync");
  return { type: "write", epoch, ...next };
}

function nextSet(state: InSyncState, record: SetRecord): SentSet | undefined {
  const { node, equal, asked, unresolved } = state;
  const onGeneration = record.generation;
  if (equal === undefined) return undefined;
  const kept = record.members.filter((member) => member === node || equal.includes(member));
  if (kept.length < record.members.length) return { onGeneration, members: kept };
  const more = gained(state);
  if (more.length > 0 && more.every((member) => asked.includes(member)))
    return { onGeneration, members: sorted([...kept, ...more]) };
  // Nothing to change, but what was sent may still be stored: a change of its own settles it.
  return unresolved.length > 0 ? { onGeneration, members: kept } : undefined;
}

function gained({ record, equal }: InSyncState): string[] {
  return (equal ?? []).filter((member) => record?.members.includes(member) === false);
}

function sorted(members: readonly string[]): string[] {
  return [...new Set(members)].sort();
}
