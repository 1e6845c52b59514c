/** What the in-sync bookkeeping is given by the engine that replicates. */
import type { ObjectKey } from "../../kube/ports.ts";

export interface CopyWatch {
  /**
   * Follows the copies of a disk whose primary this node is. `onCopies` is told the other members whose copies are
   * connected and hold every acknowledged write, at every change, the first time as soon as it is known. Ends with the
   * function that it returns.
   */
  follow(disk: ObjectKey, onCopies: (members: readonly string[]) => void): () => void;
}
