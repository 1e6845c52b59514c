/** What the reconciler of a pointer can do to the outside, as data: `plan.ts` makes these values, `act.ts` carries them out. */
import type { Grant } from "../../api/generated/types.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import type { PointerStatus } from "./seen.ts";

export type Step<Write, Status = PointerStatus> =
  | { readonly do: "AddFinalizer" }
  | { readonly do: "RemoveFinalizer" }
  /** All at once, each only while the group is still granted so. */
  | {
      readonly do: "Write";
      readonly group: ObjectKey;
      readonly groupUid: string;
      readonly grant: Grant;
      readonly writes: readonly Write[];
    }
  /** What the object wants of a stopped group: only while nobody holds it. */
  | {
      readonly do: "WriteStopped";
      readonly group: ObjectKey;
      readonly groupUid: string;
      readonly writes: readonly Write[];
      readonly message: string;
    }
  | { readonly do: "Upkeep"; readonly writes: readonly Write[] }
  | { readonly do: "WriteStatus"; readonly status: Status }
  /** An Event on the object. */
  | { readonly do: "Tell"; readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string };
