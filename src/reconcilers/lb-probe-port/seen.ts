/** What one reconciliation of an LbProbePort looks at. The port itself lives on the members; their reports say how it is. */
import type { FailoverGroup, LbProbePort } from "../../api/generated/types.ts";

export interface Seen {
  readonly probe: LbProbePort;
  /** The group that holds the claim; undefined: none lists the object. */
  readonly group: FailoverGroup | undefined;
  /** Why a group that lists the object may not use it. */
  readonly isListedElsewhere: string | undefined;
}
