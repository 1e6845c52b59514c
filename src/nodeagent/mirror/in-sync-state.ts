/** What the primary of a disk knows about the record of its in-sync copies. Values only; see `in-sync-machine.ts`. */
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";

/** `MirrorDisk.status` as far as it concerns the set. */
export interface SetRecord {
  readonly generation: number;
  readonly members: readonly string[];
  /** The seal: whose changes count, and under which epoch. Undefined: nobody was granted the disk yet. */
  readonly primary: { readonly node: string; readonly epoch: number } | undefined;
}

/** A set that was sent, conditional on the generation before it. */
export interface SentSet {
  readonly onGeneration: number;
  readonly members: readonly string[];
}

export interface InSyncState {
  readonly node: string;
  readonly rules: SafetyRules;
  /** Of the grant under which this node is the primary; undefined: it changes nothing. */
  readonly epoch: number | undefined;
  readonly record: SetRecord | undefined;
  /** Sets that may still be stored: no answer came, or none that decides. */
  readonly unresolved: readonly SentSet[];
  /** Copies that the engine has connected and equal; undefined: it has not said yet. */
  readonly equal: readonly string[] | undefined;
  /** Members whom the guard asks for promises. */
  readonly asked: readonly string[];
  /** A call is on its way. */
  readonly isBusy: boolean;
  readonly isReadWanted: boolean;
  readonly failures: number;
  /** Nothing is sent before this reading of the monotonic clock. */
  readonly notBeforeMs: number;
}

export type InSyncEvent =
  /** This node holds the disk under this epoch, or no more. */
  | { readonly type: "primary"; readonly epoch: number | undefined }
  /** By watch, or by a read of ours (`isConsistent`). */
  | { readonly type: "seen"; readonly record: SetRecord | undefined; readonly isConsistent: boolean }
  | { readonly type: "equal"; readonly members: readonly string[] }
  | { readonly type: "asked"; readonly members: readonly string[] }
  /** The disk as a change of ours left it. */
  | { readonly type: "stored"; readonly record: SetRecord | undefined }
  /** The server said no: set or seal are not those that the change was conditional on. */
  | { readonly type: "refused" }
  /** No answer, or none that says whether it was carried out. */
  | { readonly type: "unknown" }
  | { readonly type: "readFailed" }
  | { readonly type: "tick" };

export type InSyncEffect =
  | { readonly type: "read" }
  | {
      readonly type: "write";
      readonly epoch: number;
      readonly onGeneration: number;
      readonly members: readonly string[];
    };

export function initialInSync(node: string, rules: SafetyRules = ALL_RULES): InSyncState {
  return {
    node,
    rules,
    epoch: undefined,
    record: undefined,
    unresolved: [],
    equal: undefined,
    asked: [],
    isBusy: false,
    isReadWanted: false,
    failures: 0,
    notBeforeMs: 0,
  };
}
