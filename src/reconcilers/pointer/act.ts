/**
 * Carries one step out. Before a pointer is written the group is read anew and the leader's right is asked again; routes
 * and associations have no conditional form, so this, the verification after it and a second one after the longest call
 * are what keeps a late writer from having the last word (DESIGN 4.5, 6).
 * Must never do: write a pointer for a grant that is not the group's present one, or undo one while anybody is granted.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { CONTROLLER_FIELD_MANAGER, FAILOVER_GROUP, FINALIZERS, KINDS } from "../../api/kinds.ts";
import type { Fence } from "../../controller/contract.ts";
import { addFinalizer, applyStatus, removeFinalizer } from "../../controller/status-writer.ts";
import { KubeError, keyText } from "../../kube/ports.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { ALL_RULES } from "../../lib/safety-rules.ts";
import { activationOf } from "./activation.ts";
import { isHeldDown } from "./claims.ts";
import type { PointerDeps } from "./deps.ts";
import type { PointerKind, WriteFailure, WriteRequest } from "./kind.ts";
import { afterStopWrites, afterUpkeep, afterWrites } from "./memory.ts";
import type { Observer } from "./observe.ts";
import { failureOf } from "./reading.ts";
import type { PointerObject, StatusOf } from "./seen.ts";
import type { Step } from "./steps.ts";

type StepOf<What extends string, Write> = Extract<Step<Write>, { do: What }>;

export class Actor<Obj extends PointerObject, Facts, Write, Keys> {
  readonly #kind: PointerKind<Obj, Facts, Write, Keys>;
  readonly #deps: PointerDeps<Obj>;
  readonly #observer: Observer<Obj, Facts, Write, Keys>;

  constructor(
    kind: PointerKind<Obj, Facts, Write, Keys>,
    deps: PointerDeps<Obj>,
    observer: Observer<Obj, Facts, Write, Keys>,
  ) {
    this.#kind = kind;
    this.#deps = deps;
    this.#observer = observer;
  }

  async act(key: ObjectKey, step: Step<Write, StatusOf<Obj>>, fence: Fence): Promise<void> {
    const object = this.#deps.objects.get(key);
    if (object === undefined) return;
    const { kube, objects, events } = this.#deps;
    const type = KINDS[this.#kind.kind];
    fence.assertLeader();
    switch (step.do) {
      case "AddFinalizer":
        objects.absorb(await addFinalizer(kube, type, object, FINALIZERS.inUse));
        return;
      case "RemoveFinalizer":
        await removeFinalizer(kube, type, object, FINALIZERS.inUse);
        return;
      case "Write":
        await this.#write(object, step, fence);
        return;
      case "WriteStopped":
        await this.#writeStopped(object, step, fence);
        return;
      case "Upkeep":
        await this.#upkeep(object, step, fence);
        return;
      case "WriteStatus":
        objects.absorb(await applyStatus(kube, type, object, step.status, { fieldManager: CONTROLLER_FIELD_MANAGER }));
        return;
      case "Tell":
        events.tell(object, step.type, step.reason, step.message);
    }
  }

  async #write(object: Obj, step: StepOf<"Write", Write>, fence: Fence): Promise<void> {
    const group = await this.#deps.kube.get<FailoverGroup>(FAILOVER_GROUP, step.group);
    fence.assertLeader();
    const { epochsOnlyRise } = this.#deps.settings.rules ?? ALL_RULES;
    const { node, epoch } = step.grant;
    if (epochsOnlyRise && !isStillGranted(group, step, object)) {
      throw this.#grantChanged(step.group, `epoch ${epoch} is not granted so any more`);
    }
    // A write may wait for its turn, or for others that it goes out with: by then the cache may know of a later grant.
    const assertMayWrite = (): void => {
      fence.assertLeader();
      const laterEpoch = this.#deps.groups.get(step.group)?.status?.epoch ?? 0;
      if (epochsOnlyRise && laterEpoch > epoch) throw this.#grantChanged(step.group, `epoch ${laterEpoch} is granted`);
    };
    const failures = await this.#send(object, step.writes, assertMayWrite, step.grant);
    const endedAtMs = this.#deps.clock.monotonicMs();
    const memory = this.#observer.memoryOf(object);
    this.#observer.remember(object, afterWrites(memory, epoch, failures, endedAtMs, callTimeoutMs(object)));
    this.#log(object, "pointer written", { node, epoch, writes: step.writes }, failures);
  }

  async #writeStopped(object: Obj, step: StepOf<"WriteStopped", Write>, fence: Fence): Promise<void> {
    const group = await this.#deps.kube.get<FailoverGroup>(FAILOVER_GROUP, step.group);
    fence.assertLeader();
    const isGone = group === undefined;
    if (!isGone && !(group.metadata.uid === step.groupUid && isHeldDown(group))) {
      throw this.#grantChanged(step.group, "the group is not stopped any more");
    }
    // As a write for a grant, it may wait for its turn; somebody may have started the group by then.
    const assertMayWrite = (): void => {
      fence.assertLeader();
      const isStarted = this.#deps.groups.get(step.group) !== undefined && !this.#observer.isStillStopped(object);
      if (isStarted) throw this.#grantChanged(step.group, "the group was started meanwhile");
    };
    const failures = await this.#send(object, step.writes, assertMayWrite, undefined);
    const memory = this.#observer.memoryOf(object);
    this.#observer.remember(object, afterStopWrites(memory, failures[0], this.#deps.clock.monotonicMs()));
    if (failures.length === 0) this.#deps.events.tell(object, "Normal", "Deactivating", step.message);
    this.#log(object, "pointer of a stopped group written", { writes: step.writes }, failures);
  }

  async #upkeep(object: Obj, step: StepOf<"Upkeep", Write>, fence: Fence): Promise<void> {
    const failures = await this.#send(object, step.writes, () => fence.assertLeader(), undefined);
    const memory = this.#observer.memoryOf(object);
    this.#observer.remember(object, afterUpkeep(memory, failures[0], this.#deps.clock.monotonicMs()));
    const told = step.writes.map((write) => this.#kind.describe(write)).join("; ");
    if (failures.length === 0) this.#deps.events.tell(object, "Normal", "Repairing", told);
    this.#log(object, "upkeep of a pointer", { writes: step.writes }, failures);
  }

  /** A missing identity is a failure of every write. */
  async #send(
    object: Obj,
    writes: readonly Write[],
    assertMayWrite: () => void,
    grant: StepOf<"Write", Write>["grant"] | undefined,
  ): Promise<readonly WriteFailure[]> {
    const identity = await this.#observer.identityOf(object);
    if (!identity.ok) {
      return [{ code: "CredentialsMissing", message: identity.message, target: object.metadata.name }];
    }
    const request = { object, keys: identity.keys, timeoutMs: callTimeoutMs(object), grant, assertMayWrite };
    const failures = await Promise.all(writes.map((write) => this.#sendOne(write, request)));
    return failures.flatMap((failure) => failure ?? []);
  }

  /** A failure is a value: the others must not wait for this one. */
  async #sendOne(write: Write, request: WriteRequest<Obj, Keys>): Promise<WriteFailure | undefined> {
    try {
      await this.#kind.write(write, request);
      return undefined;
    } catch (thrown) {
      return { ...failureOf(thrown), target: this.#kind.targetOf(write) };
    }
  }

  /** The cache was behind; the next look decides from the group as it is. */
  #grantChanged(group: ObjectKey, why: string): KubeError {
    const detail = { code: "Conflict", status: 409, reason: "GrantChanged" } as const;
    return new KubeError(detail, `${this.#kind.kind} of group ${keyText(group)} not written: ${why}`);
  }

  #log(object: Obj, message: string, fields: object, failures: readonly WriteFailure[]): void {
    this.#deps.log.info(message, {
      kind: this.#kind.kind,
      object: `${object.metadata.namespace ?? ""}/${object.metadata.name}`,
      ...fields,
      failures: failures.map((failure) => failure.message),
    });
  }
}

function callTimeoutMs(object: PointerObject): number {
  return parseDurationMs(object.spec.timeouts.call) ?? 5_000;
}

/** The very grant of the step, in the very group, with everything that the pointer waits for still active, or a repair under it. */
function isStillGranted(
  group: FailoverGroup | undefined,
  step: StepOf<"Write", unknown>,
  object: PointerObject,
): boolean {
  if (group?.metadata.uid !== step.groupUid) return false;
  const activation = activationOf(group, object.metadata.name);
  if (activation.state !== "Due" && activation.state !== "Waiting") return false;
  const { node, epoch, session } = activation.grant;
  if (node !== step.grant.node || epoch !== step.grant.epoch || session !== step.grant.session) return false;
  const { active } = object.status ?? {};
  return activation.state === "Due" || (active?.node === node && active.epoch === epoch);
}
