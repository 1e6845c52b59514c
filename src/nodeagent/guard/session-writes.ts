/** The session Lease as the guard writes it: acquire, renew, release. Everything a stranger put on it is kept. */
import {
  LEASE_ANNOTATIONS,
  type Lease,
  type LeaseSpec,
  microTime,
  SESSION_LABEL,
  type SessionEnd,
} from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";
import { brokenRelations } from "../../api/timings.ts";
import type { SessionConfig } from "./session-state.ts";

export interface LeaseWrite {
  readonly config: SessionConfig;
  readonly session: string;
  readonly nonce: string;
  readonly wallMs: number;
  /** As last seen; undefined when there is none. */
  readonly seen: Lease | undefined;
}

/** A Lease that makes `session` its holder, or renews it when it already is. Its resourceVersion is that of `seen`. */
export function heldLease(write: LeaseWrite): Lease {
  const { config, session, nonce, wallMs, seen } = write;
  const isRenewal = seen?.spec?.holderIdentity === session;
  const annotations: Record<string, string> = {
    ...seen?.metadata.annotations,
    [LEASE_ANNOTATIONS.nonce]: nonce,
    [LEASE_ANNOTATIONS.timings]: JSON.stringify(config.timings),
    [LEASE_ANNOTATIONS.facts]: JSON.stringify(config.facts),
    [LEASE_ANNOTATIONS.publicKey]: config.publicKey,
  };
  delete annotations[LEASE_ANNOTATIONS.ended];
  const spec: LeaseSpec = {
    ...seen?.spec,
    holderIdentity: session,
    leaseDurationSeconds: Math.ceil(config.timings.sessionDurationMs / 1_000),
    renewTime: microTime(wallMs),
  };
  if (!isRenewal) spec.acquireTime = microTime(wallMs);
  if (!isRenewal && seen !== undefined) spec.leaseTransitions = (seen.spec?.leaseTransitions ?? 0) + 1;
  return leaseOf(write, annotations, spec);
}

/** The Lease of `session` with its end written on it; only ever a compare-and-set. */
export function releasedLease(write: LeaseWrite & { readonly seen: Lease }): Lease {
  const end: SessionEnd = "Released";
  const annotations = {
    ...write.seen.metadata.annotations,
    [LEASE_ANNOTATIONS.nonce]: write.nonce,
    [LEASE_ANNOTATIONS.facts]: JSON.stringify(write.config.facts),
    [LEASE_ANNOTATIONS.ended]: end,
  };
  return leaseOf(write, annotations, write.seen.spec ?? {});
}

function leaseOf(write: LeaseWrite, annotations: Record<string, string>, spec: LeaseSpec): Lease {
  const { config, seen } = write;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: config.node,
      namespace: config.namespace,
      ...(seen?.metadata.uid === undefined ? {} : { uid: seen.metadata.uid }),
      ...(seen?.metadata.resourceVersion === undefined ? {} : { resourceVersion: seen.metadata.resourceVersion }),
      ...(seen?.metadata.ownerReferences === undefined ? {} : { ownerReferences: seen.metadata.ownerReferences }),
      labels: { ...seen?.metadata.labels, [SESSION_LABEL]: "true" },
      annotations,
    },
    spec,
  };
}

export function nonceOf(lease: Lease): string | undefined {
  return lease.metadata.annotations?.[LEASE_ANNOTATIONS.nonce];
}

export function isEnded(lease: Lease): boolean {
  return lease.metadata.annotations?.[LEASE_ANNOTATIONS.ended] !== undefined;
}

/** Timings a Lease publishes; undefined when it publishes none that hold together. */
export function publishedTimings(lease: Lease): Timings | undefined {
  const text = lease.metadata.annotations?.[LEASE_ANNOTATIONS.timings];
  if (text === undefined) return undefined;
  const value = parsed(text);
  if (typeof value !== "object" || value === null) return undefined;
  const entries = Object.entries(value).filter(([, ms]) => typeof ms === "number" && Number.isFinite(ms) && ms > 0);
  const timings = Object.fromEntries(entries) as Partial<Timings>;
  if (!isComplete(timings) || brokenRelations(timings).length > 0) return undefined;
  return timings;
}

const TIMING_NAMES: readonly (keyof Timings)[] = [
  "sessionDurationMs",
  "renewIntervalMs",
  "requestTimeoutMs",
  "readGapMs",
  "renewDeadlineMs",
  "stopBudgetMs",
  "watchdogTimeoutMs",
  "marginMs",
  "heartbeatIntervalMs",
  "heartbeatLostAfterMs",
];

function isComplete(timings: Partial<Timings>): timings is Timings {
  return TIMING_NAMES.every((name) => timings[name] !== undefined);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a stranger's text is no timings
  }
}
