/**
 * What the cloud tells a machine about itself (instance metadata), behind a port: which machine it is, and the
 * maintenance announced for it. Reads only, except for the word that announced maintenance may begin.
 */
import type { ScheduledEvent } from "../../api/scheduled-events.ts";

export interface MachineIdentity {
  readonly cloud: "aws" | "azure";
  /** `aws:///ZONE/INSTANCE` or `azure:///subscriptions/...`, as the cloud's node controller writes it. */
  readonly providerId: string;
  readonly zone?: string;
}

/** What the worker tells the guard about it, and the guard publishes. */
export interface MachineWord {
  readonly providerId: string;
  readonly zone?: string;
  readonly events: readonly ScheduledEvent[];
}

export type Metadata<T> =
  | { readonly ok: true; readonly value: T }
  /** Nothing can be concluded: not on a cloud, not reachable, not understood. */
  | { readonly ok: false; readonly message: string };

export interface MachineMetadata {
  /** Each call ends within `timeoutMs` or when `signal` aborts. None throws. */
  identity(timeoutMs: number, signal: AbortSignal): Promise<Metadata<MachineIdentity>>;
  /** What is announced for this machine and neither over nor called off. */
  events(
    machine: MachineIdentity,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Metadata<readonly ScheduledEvent[]>>;
  /** These may begin before their time. Where the cloud knows no such word, nothing happens. */
  acknowledge(
    machine: MachineIdentity,
    eventIds: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Metadata<undefined>>;
}
