/**
 * The record of members and the guard's set of members to be asked for promises (DESIGN 4.4, 4.6). Pure.
 *
 *   spec changes ──> guard is told old + new ──allowed──> record written ──stored──> guard is told new
 *
 * Invariant: at every moment the guard asks at least everybody in any record that may be on file. A record that was sent
 * and not answered may still arrive; a read does not rule it out, the answer to a later write of ours does.
 */
import type { MemberReport } from "../../api/generated/types.ts";
import type { Asking, GroupEffect, GroupState, Tenure } from "./group-state.ts";
import { knownMembers } from "./report-rules.ts";

export const nobodyAsked: Asking = { told: undefined, telling: undefined, notBeforeMs: 0, unsettled: [] };

/** A refusal (growth while the right does not rest on the session) is tried again after so long, in milliseconds. */
const TELL_AGAIN_MS = 250;

/**
 * The members that must be asked now: those of the record that counts, of the record wanted, and of any on its way; but
 * nobody without a copy in sync of every disk of the group, who cannot be promoted.
 */
export function mustAskNow(state: GroupState, tenure: Tenure): string[] {
  const wanted = state.group === undefined ? [] : knownMembers(state.group);
  const members = [...recordOnFile(state), ...wanted, ...tenure.asking.unsettled];
  return [...new Set(members.filter((member) => mayHaveCopies(state, member)))].sort();
}

function mayHaveCopies(state: GroupState, member: string): boolean {
  return member === state.node || Object.values(state.copies).every((members) => members.includes(member));
}

/** The last record stored by anybody: that of the highest epoch which carries one (API.md 1.1). */
function recordOnFile(state: GroupState): readonly string[] {
  const carrying = (state.group?.status?.reports ?? []).filter((report) => (report.knownMembers?.length ?? 0) > 0);
  const newest = carrying.toSorted((left, right) => right.epoch - left.epoch)[0];
  return newest?.knownMembers ?? [];
}

/** Tells the guard a set that differs from the one it has; at most one is on its way. */
export function tellMustAsk(state: GroupState, tenure: Tenure, nowMs: number, effects: GroupEffect[]): Tenure {
  const { asking, stage, grant } = tenure;
  if ((stage !== "recording" && stage !== "serving") || asking.telling !== undefined || nowMs < asking.notBeforeMs)
    return tenure;
  const members = mustAskNow(state, tenure);
  if (asking.told?.join() === members.join()) return tenure;
  effects.push({ type: "tellMustAsk", grant, members });
  return { ...tenure, asking: { ...asking, telling: members } };
}

export function askSetAnswered(asking: Asking, isAllowed: boolean, nowMs: number): Asking {
  if (asking.telling === undefined) return asking;
  if (isAllowed) return { ...asking, told: asking.telling, telling: undefined };
  return { ...asking, telling: undefined, notBeforeMs: nowMs + TELL_AGAIN_MS };
}

/** Whether this report may be sent: a record only after the guard asks everybody in it and in the one before. */
export function mayRecord(state: GroupState, report: MemberReport): boolean {
  const { tenure } = state;
  if (tenure === undefined || (tenure.stage !== "recording" && tenure.stage !== "serving")) return true;
  const told = new Set(tenure.asking.told ?? []);
  const recorded = (report.knownMembers ?? []).filter((member) => mayHaveCopies(state, member));
  const needed = [...mustAskNow(state, tenure), ...recorded];
  return tenure.asking.told !== undefined && needed.every((member) => told.has(member));
}
