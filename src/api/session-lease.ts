/**
 * The session Lease: one per node, named as the Node, in the installation's namespace. Its names are part of the
 * API between agents and controllers of different versions.
 */
import type { KubeObject, ResourceType } from "../kube/ports.ts";
import type { ScheduledEvent } from "./scheduled-events.ts";

export const LEASE: ResourceType = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};

/** Selects session Leases among others in the namespace. */
export const SESSION_LABEL = "understudy.dev/session";

export const LEASE_ANNOTATIONS = {
  /** Fresh with every renewal: resolves a renewal whose reply was lost. */
  nonce: "understudy.dev/nonce",
  /** JSON of `Timings`: what this holder lives by. Observers use the largest, the holder the smallest value. */
  timings: "understudy.dev/timings",
  /** JSON of `NodeFacts`. */
  facts: "understudy.dev/facts",
  /** Ed25519 public key (SPKI, base64) that signs this session's heartbeats. */
  publicKey: "understudy.dev/public-key",
  /** Written by whoever ends the session: `Expired`, `Fenced` or `Released`; absent while it lives. */
  ended: "understudy.dev/ended",
} as const;

export type SessionEnd = "Expired" | "Fenced" | "Released";

export interface NodeFacts {
  readonly bootId: string;
  readonly version: string;
  /** Which watchdog the guard can arm. */
  readonly watchdog: "Hardware" | "Soft" | "None";
  /** The machine booted so recently that promises its agent gave before may still bind: it activates nothing yet (DESIGN 4.6). */
  readonly isWaitingAfterBoot?: boolean;
  /** `aws:///zone/instance` or `azure://...` from instance metadata, when the agent could read it. */
  readonly providerId?: string;
  /** Availability zone, from the same source. */
  readonly zone?: string;
  /** The agent alone was asked to end and says that it comes back: its groups may wait for it. */
  readonly isRestarting?: boolean;
  /** Maintenance that the cloud announces for this machine; read it with `scheduledEventsOf`. */
  readonly events?: readonly ScheduledEvent[];
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string;
    readonly addresses: readonly string[];
  }[];
}

export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** MicroTime of the Lease: six fractional digits, which a real API server insists on. Informational only. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/(\.\d{3})Z$/, "$1000Z");
}
