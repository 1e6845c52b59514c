/** What the reconciler of a pointer is given. Caches may be behind; what must be true at the moment of a write is read anew. */
import type { FailoverGroup } from "../../api/generated/types.ts";
import type { Lease } from "../../api/session-lease.ts";
import type { KubeApi } from "../../kube/ports.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import type { Cache, EventSink, Node, WritableCache } from "../shared/sources.ts";
import type { PointerObject } from "./seen.ts";

export interface PointerSettings {
  /** Namespace of the session Leases. */
  readonly installationNamespace: string;
  /** Namespaces whose objects may omit `credentials`; `*` = all (`ambientCredentials.namespaces`). */
  readonly ambientNamespaces: readonly string[];
  /** `recovery.mode: Paused` of the installation. */
  readonly isRecoveryPaused: boolean;
  /** `monitor.delayWarningPercent`, 1 to 100; omitted: 80. */
  readonly delayWarningPercent?: number | undefined;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
}

export interface PointerDeps<Obj extends PointerObject> {
  readonly kube: KubeApi;
  readonly objects: WritableCache<Obj>;
  readonly groups: Cache<FailoverGroup>;
  readonly nodes: Cache<Node>;
  /** Session Leases. */
  readonly leases: Cache<Lease>;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly settings: PointerSettings;
}
