/**
 * What the FailoverGroup reconciler can do to the outside, as data: `plan.ts` makes these values, `act.ts` carries
 * them out in order and stops at the first that fails.
 */
import type { Lease } from "../../api/session-lease.ts";
import type { BootOrder, FenceOrder } from "./fencing-view.ts";
import type { DiskSeen } from "./seen.ts";
import type { ControllerStatus, HistoryEntry } from "./types.ts";

export type Step =
  | { readonly do: "AddFinalizer" }
  | { readonly do: "RemoveFinalizer" }
  /** Removes an operation annotation if it still has this value. */
  | { readonly do: "RemoveAnnotation"; readonly name: string; readonly value: string }
  /** Ends a session by compare-and-set on the Lease as it was seen; without a Lease, by creating the record of its end. */
  | {
      readonly do: "Revoke";
      readonly node: string;
      readonly session: string;
      readonly end: "Expired" | "Fenced";
      /** Of the grant that follows. */
      readonly epoch: number;
      readonly lease: Lease | undefined;
    }
  /** Gives a disk the epoch of the grant that follows, by compare-and-set on its seal and its in-sync set as seen. */
  | {
      readonly do: "Seal";
      /** Of the MirrorDisk, in the group's namespace. */
      readonly name: string;
      readonly node: string;
      readonly epoch: number;
      readonly disk: DiskSeen;
      /** A forced promotion: the set becomes this member alone. */
      readonly replacesSet: boolean;
    }
  /** Asks the driver to obtain proof that the machine is off; it goes on beside the plan. */
  | { readonly do: "Fence"; readonly order: FenceOrder }
  /** Asks the driver to start a machine that this product stopped. */
  | { readonly do: "Boot"; readonly order: BootOrder }
  /** The grant: the whole status by compare-and-set on the group as it was seen. */
  | {
      readonly do: "Grant";
      readonly node: string;
      readonly epoch: number;
      readonly status: ControllerStatus;
      readonly resourceVersion: string;
    }
  /** Everything else in status, by the same compare-and-set. */
  | { readonly do: "WriteStatus"; readonly status: ControllerStatus; readonly resourceVersion: string }
  /** An Event on the group. */
  | { readonly do: "Tell"; readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string }
  /** A finished move, for the metrics. */
  | { readonly do: "CountMove"; readonly move: HistoryEntry }
  /** This leader remembers when it counted a repair of a simulated fault. */
  | { readonly do: "NoteRepair"; readonly resource: string }
  /** This leader remembers what it told. */
  | { readonly do: "NoteTold"; readonly what: string }
  /** This leader remembers when it began to move the group. */
  | { readonly do: "NoteMove"; readonly epoch: number };
