/** What the parts of a simulated client are given. */
import { KubeError, type ObjectKey, type ResourceType } from "../../../src/kube/ports.ts";
import type { Random } from "../../../src/lib/random.ts";
import type { SimProcess } from "../engine/process.ts";
import type { SimApiServer } from "./api-server.ts";
import type { Network } from "./network.ts";

export interface SimKubeModules {
  readonly server: SimApiServer;
  readonly network: Network;
  readonly process: SimProcess;
  readonly random: Random;
  /** Told of every write when it is carried out: who, what, and when it was sent (true time). */
  readonly onWrite?: (write: ServedWrite) => void;
}

export interface ServedWrite {
  readonly process: SimProcess;
  readonly verb: "create" | "update" | "patch" | "delete";
  readonly type: ResourceType;
  readonly key: ObjectKey;
  readonly sentMs: number;
  readonly result: unknown;
}

export function lost(what: string, why: string, timedOut: boolean): KubeError {
  return new KubeError({ code: "ResultUnknown", timedOut }, `${what}: result unknown: ${why}`);
}
