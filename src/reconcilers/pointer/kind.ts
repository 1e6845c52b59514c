/**
 * What makes one pointer differ from another. A pointer is something in the cloud that leads clients to the active
 * member: the routes of a virtual IP, the association of an Elastic IP, a record. All of them live the same life, which
 * the rest of this folder carries out once; a kind brings what is in this file:
 *
 *   read ──> facts ──> view ──> Right | Wrong | NothingToWrite | Unreadable      checks ──> PreflightOK
 *                        └────> writes ──> write                                 status ──> its own fields
 *
 * To add a kind: implement `PointerKind` in a folder of its own and add its line to `registry.ts`. Everything except
 * `read` and `write` is pure.
 * Invariant: "cannot be read" is never "wrong". Must never do: create what a person has to create, delete what the
 * product did not make, wait for propagation.
 */
import type { CallTimes } from "../../cloud/call-times.ts";
import type { ReadWish } from "../../cloud/read-cache.ts";
import type { Grant } from "../../api/generated/types.ts";
import type { ResourceKind } from "../../api/kinds.ts";
import type { Instant } from "../../lib/clock.ts";
import type { MemberFacts } from "./members.ts";
import type { Failure, Reading } from "./reading.ts";
import type { Identity, PointerObject, PointerSeen, StatusOf, Verdict } from "./seen.ts";

export interface PointerKind<Obj extends PointerObject, Facts, Write, Keys> {
  readonly kind: ResourceKind;
  readonly wording: PointerWording<Obj>;
  /** The keys of the object's Secret; an array: the keys that it lacks. Absent or empty values are undefined. */
  readonly keysOf: (valueOf: (key: string) => string | undefined) => Keys | readonly string[];

  /** All cloud reads of one look. Failures are values; without an identity nothing may be sent. */
  readonly read: (request: ReadRequest<Obj, Keys>) => Promise<Facts>;
  readonly readings: (facts: Facts) => Readings;
  /** How long the cloud's calls took lately, for `status.callTime`. */
  readonly callTimes: (facts: Facts) => CallTimes | undefined;

  /** Where the pointer leads, compared with where it should lead while `node` is active. Pure. */
  readonly view: (seen: PointerSeen<Obj, Facts>, node: string) => PointerView<Write>;
  /** The kind's own preflight, in the order in which findings are reported; the general checks come before them. */
  readonly checks: readonly Check<PointerSeen<Obj, Facts>>[];

  /** Sends one write, which is repeatable; rejects with a `CloudError` when it failed. Several are sent at once. */
  readonly write: (write: Write, request: WriteRequest<Obj, Keys>) => Promise<void>;
  /** What a write changes: `rtb-1`, `srv.hz1.local.` */
  readonly targetOf: (write: Write) => string;
  /** What a write did, for Events: `source/destination check of eni-1 was switched off`. */
  readonly describe: (write: Write) => string;
  /**
   * Pause between two tries of a write, and after how many refusals an activation or repair has failed; tried is on.
   * An outage refuses nothing and never fails by number. Omitted: pauses up to `monitor.retryInterval`, and the first
   * refusal fails an activation.
   */
  readonly writeRetry?: (object: Obj) => { readonly intervalMs: number; readonly attempts: number };
  /** Whatever else should be put right, whoever is active (say, a check that must be off): one round per interval. */
  readonly upkeep?: (seen: PointerSeen<Obj, Facts>) => readonly Write[];
  /**
   * What the object wants while its group is stopped or deleted; never asked in a move. Undefined: leave it as it is.
   * `seen.claim.group` is the stopped group, `seen.status.active` what was applied last.
   */
  readonly whenStopped?: (seen: PointerSeen<Obj, Facts>) => StoppedView<Write> | undefined;

  /** The kind's own fields of `status`. What could not be read keeps the value of `seen.status`. */
  readonly status: (seen: PointerSeen<Obj, Facts>, now: Instant) => Partial<StatusOf<Obj>>;
  /** Conditions of this kind only; no verdict, no condition. */
  readonly conditions?: (
    seen: PointerSeen<Obj, Facts>,
    now: Instant,
  ) => readonly (readonly [type: string, verdict: Verdict | undefined])[];
  /** Why it is not ready although the cloud is right: what the holder's agent says about it. Asked once it was applied. */
  readonly trouble?: (seen: PointerSeen<Obj, Facts>) => Finding | undefined;
  /** Events besides those about conditions. `before`, `after`: the status that was and the one that is written. */
  readonly events?: (seen: PointerSeen<Obj, Facts>, after: StatusOf<Obj>) => readonly Finding[];
  /** Another moment at which to look again, in ms from now (say, for the state of a change). */
  readonly nextLookMs?: (seen: PointerSeen<Obj, Facts>, now: Instant) => number | undefined;
}

export interface ReadRequest<Obj, Keys> {
  readonly object: Obj;
  /** In the order of the group; empty while no group lists the object. */
  readonly members: readonly MemberFacts[];
  readonly identity: Identity<Keys>;
  /** Whom the pointer should lead to; undefined while nobody holds the group. */
  readonly grant: Grant | undefined;
  readonly wishes: Wishes;
  /** False: a write may have to be sent now; dry runs are left for another time. */
  readonly withDryRuns: boolean;
}

/** How fresh the answers must be; each may be an answer that others shared (`ReadCache`). */
export interface Wishes {
  /** What the monitor watches: where the pointer leads. */
  readonly monitored: ReadWish;
  /** What rarely changes: interfaces, networks, zones. */
  readonly facts: ReadWish;
  readonly dryRuns: ReadWish;
}

/** Everything that was read, for the conditions and checks that all kinds share. */
export interface Readings {
  readonly monitored: readonly Reading<unknown>[];
  readonly facts: readonly Reading<unknown>[];
  readonly dryRuns: readonly Reading<unknown>[];
}

export type PointerView<Write> =
  | { readonly state: "Unreadable"; readonly failure: Failure }
  /** `reason`: of Ready, once it was applied. */
  | { readonly state: "NothingToWrite"; readonly reason: string; readonly message: string }
  /** `message` without the epoch: `10.1.0.20 leads to eni-1 of node1`; `sentAtMs`: of the oldest answer behind it. */
  | { readonly state: "Right"; readonly message: string; readonly sentAtMs: number }
  | {
      readonly state: "Wrong";
      /** Never empty. */
      readonly writes: readonly Write[];
      readonly reason: string;
      readonly message: string;
      /** What somebody changed, for the Event when what was right turned wrong. */
      readonly drift: Finding;
      readonly sentAtMs: number;
    };

export type StoppedView<Write> =
  | { readonly state: "Unreadable"; readonly failure: Failure }
  /** There is nothing of ours left: `status.active` is forgotten. */
  | { readonly state: "Done" }
  | { readonly state: "Write"; readonly writes: readonly Write[]; readonly message: string };

export interface WriteRequest<Obj, Keys> {
  readonly object: Obj;
  /** Undefined: the ambient identity. */
  readonly keys: Keys | undefined;
  /** Deadline of one call, in ms. */
  readonly timeoutMs: number;
  /** The grant that is carried out; undefined for upkeep and for a stopped group. */
  readonly grant: Grant | undefined;
  /** Throws `Deposed`. To be called immediately before each call, after every await. */
  readonly assertMayWrite: () => void;
}

export interface WriteFailure extends Failure {
  /** What was not written: `rtb-1`, `srv.hz1.local.` */
  readonly target: string;
}

/** One thing that is not as it should be. The reason is one of the kind's closed list, `src/api/reasons-kinds.ts`. */
export interface Finding {
  readonly reason: string;
  readonly message: string;
}

/** One fact that must hold, named as the fact; empty when it does. Pure. */
export type Check<Seen> = (seen: Seen) => readonly Finding[];

export interface PointerWording<Obj> {
  /** `the routes are being written` */
  readonly beingWritten: string;
  /** `the routes are not written yet` */
  readonly notWritten: string;
  /** `the routes are being verified` */
  readonly beingVerified: string;
  /** `routes stay as they are`: what the object is told while its group is stopped. */
  readonly whileStopped: (object: Obj) => string;
  /** `route`: what is counted in `2 routes to write`. */
  readonly oneWrite: string;
  /** Ends the message of a passed preflight, without a dot; undefined: nothing to add. */
  readonly passed: (object: Obj) => string | undefined;
  /** `the EC2 endpoint` */
  readonly endpoint: string;
  /** `EC2 in this region` */
  readonly service: string;
  /** Where an ambient identity can come from, and how to see that it is there. */
  readonly ambient?: string;
}
