/** What is asked of the core: the vocabulary between transports, the core and its background work. */
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { ApiObject } from "./json.ts";
import type { Resource } from "./resource.ts";
import type { Store } from "./store.ts";
import type { WatchTimings } from "./watch.ts";
import type { FieldValidation } from "./write-rules.ts";

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export type Subresource = "" | "status";

export interface WriteContext {
  readonly user?: User;
  readonly fieldManager?: string | undefined;
  readonly dryRun?: boolean;
  readonly fieldValidation?: FieldValidation;
  /** Told about what was dropped from the request. */
  readonly warn?: (text: string) => void;
}

export interface Target {
  readonly resource: Resource;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly subresource?: Subresource;
}

export type PatchRequest =
  | { readonly type: "json" | "merge" | "strategic"; readonly body: unknown }
  | { readonly type: "apply"; readonly body: unknown; readonly force: boolean };

export interface DeleteRequest {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagation?: "Background" | "Foreground" | "Orphan" | undefined;
}

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly user: User | undefined;
  readonly target: Target;
  readonly object: ApiObject | undefined;
  readonly old: ApiObject | undefined;
  readonly dryRun: boolean;
}

export interface CoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly store?: Store;
  /** Changes kept for watches that resume. */
  readonly historyLimit?: number;
  readonly watchTimings?: Partial<WatchTimings>;
  /** Creates a namespace when something is created in it; a real server refuses. */
  readonly autoCreateNamespaces?: boolean;
  /** May throw a StatusError to refuse a write. */
  readonly admit?: (request: AdmissionRequest) => void;
}
