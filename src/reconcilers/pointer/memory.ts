/** How what is remembered about a pointer changes with what was read and written. Pure. */
import { parseDurationMs } from "../../lib/duration.ts";
import type { PointerView, WriteFailure } from "./kind.ts";
import { isBeingDeleted } from "./claims.ts";
import type { Claim, Memory, PointerObject, PointerSeen } from "./seen.ts";

export interface Counted {
  readonly result: "good" | "bad" | "unknown";
  readonly memory: Memory;
}

/** One more reading in a row, and what a good one clears. Undefined: this reading was counted before, or proves nothing yet. */
export function countReading(
  seen: PointerSeen<PointerObject, unknown>,
  memory: Memory,
  view: PointerView<unknown>,
  nowMs: number,
): Counted | undefined {
  const { monitor } = seen.object.spec;
  const sentAtMs = "sentAtMs" in view ? view.sentAtMs : nowMs;
  // A failure has no call of its own to tell it by: one counts per retry interval.
  const apartMs = "sentAtMs" in view ? 0 : (parseDurationMs(monitor.retryInterval) ?? 0);
  if (sentAtMs < memory.freshSinceMs || sentAtMs - apartMs <= memory.counted.sentAtMs) return undefined;
  const startDelayMs = parseDurationMs(monitor.startDelay) ?? 0;
  const isTooEarly = nowMs - (memory.due?.sinceMs ?? nowMs) < startDelayMs;
  const isGood = view.state === "Right";
  const isUnknown = view.state === "Unreadable";
  const { counted, lateVerifyAtMs, writes, ...rest } = memory;
  const isVerifiedLate = lateVerifyAtMs !== undefined && isGood && sentAtMs >= lateVerifyAtMs;
  return {
    result: isGood ? "good" : isUnknown ? "unknown" : "bad",
    memory: {
      ...rest,
      ...(lateVerifyAtMs === undefined || isVerifiedLate ? {} : { lateVerifyAtMs }),
      ...(writes === undefined ? {} : { writes: isGood ? { ...writes, count: 0, failures: [] } : writes }),
      counted: {
        sentAtMs,
        bad: isGood ? 0 : isUnknown || isTooEarly ? counted.bad : counted.bad + 1,
        unreadable: isUnknown && !isTooEarly ? counted.unreadable + 1 : 0,
      },
    },
  };
}

/** A round of writes under an epoch has ended: only readings from after it count, and one more after the longest call. */
export function afterWrites(
  memory: Memory,
  epoch: number,
  failures: readonly WriteFailure[],
  endedAtMs: number,
  timeoutMs: number,
): Memory {
  const count = memory.writes?.epoch === epoch ? memory.writes.count + 1 : 1;
  return {
    ...memory,
    writes: { epoch, count, endedAtMs, failures },
    freshSinceMs: endedAtMs,
    lateVerifyAtMs: endedAtMs + timeoutMs,
  };
}

/** A round of what a stopped group's object wants has ended. */
export function afterStopWrites(memory: Memory, failure: WriteFailure | undefined, endedAtMs: number): Memory {
  const { stopFailure: _last, ...rest } = memory;
  const fresh = { ...rest, freshSinceMs: endedAtMs };
  return failure === undefined ? fresh : { ...fresh, stopFailure: { ...failure, atMs: endedAtMs } };
}

export function afterUpkeep(memory: Memory, failure: WriteFailure | undefined, endedAtMs: number): Memory {
  const { upkeepFailure: _last, ...rest } = memory;
  return failure === undefined ? rest : { ...rest, upkeepFailure: { ...failure, atMs: endedAtMs } };
}

/** For objects that want something of a stopped group: since when it is stopped, and the group itself while it goes away. */
export function noteStop(memory: Memory, claim: Claim, isGroupStopped: boolean, nowMs: number): Memory {
  const { deletedGroup, stoppedSinceMs = nowMs, stopFailure, ...rest } = memory;
  const group = claim.type === "Held" ? (isBeingDeleted(claim.group) ? claim.group : undefined) : deletedGroup;
  return {
    ...rest,
    ...(group === undefined ? {} : { deletedGroup: group }),
    ...(isGroupStopped ? { stoppedSinceMs } : {}),
    ...(isGroupStopped && stopFailure !== undefined ? { stopFailure } : {}),
  };
}
