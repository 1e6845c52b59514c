/**
 * The reconciler of any kind of pointer with its loop and caches on the in-process API server, under one fake clock. The
 * group's grant and the agents' reports are written by the test; the cloud is whatever the kind was made with.
 */
import type { Condition, FailoverGroup, FailoverGroupSpec, GroupResource } from "../../src/api/generated/types.ts";
import { agentFieldManager, FAILOVER_GROUP, KINDS } from "../../src/api/kinds.ts";
import { LEASE, type Lease } from "../../src/api/session-lease.ts";
import { Deposed, type Fence, type Reconciler } from "../../src/controller/contract.ts";
import { ReconcileLoop } from "../../src/controller/reconcile-loop.ts";
import { Informer } from "../../src/kube/informer.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type Metrics, noMetrics } from "../../src/lib/metrics.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import { ResourceEnqueuer } from "../../src/reconcilers/shared/enqueue.ts";
import type { PointerKind } from "../../src/reconcilers/pointer/kind.ts";
import { createPointerReconciler } from "../../src/reconcilers/pointer/reconciler.ts";
import type { PointerObject, PointerSeen, StatusOf } from "../../src/reconcilers/pointer/seen.ts";
import type { Step } from "../../src/reconcilers/pointer/steps.ts";
import type { Node } from "../../src/reconcilers/shared/sources.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import { InProcessKube } from "../fakes/in-process-kube.ts";
import { seededRandom } from "../fakes/seeded-random.ts";

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const SECRET: ResourceType = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
const LEASES = "understudy-system";
/** Longer than any call of a fake cloud, in ms. */
const CALLS_END_MS = 10_000;
export const NAMESPACE = "ha";
export const GROUP = "failover1";

export interface PointerWorldOptions<Obj extends PointerObject, Facts, Write, Keys> {
  readonly kind: PointerKind<Obj, Facts, Write, Keys>;
  readonly clock: FakeClock;
  /** Name of the object in the namespace. */
  readonly name: string;
  readonly spec: object;
  readonly nodes: readonly { readonly name: string; readonly spec?: object; readonly status?: object }[];
  readonly group?: Partial<FailoverGroupSpec>;
  /** False: the test adds the group. */
  readonly withGroup?: boolean;
  /** Secrets of the namespace, by name: keys in plain text. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly settings?: Partial<PointerSettings>;
  readonly metrics?: Metrics;
}

export class PointerWorld<Obj extends PointerObject, Facts, Write, Keys> {
  readonly clock: FakeClock;
  readonly kube: InProcessKube;
  readonly told: { readonly type: string; readonly reason: string; readonly message: string }[] = [];
  readonly reconciler: Reconciler<PointerSeen<Obj, Facts>, Step<Write, StatusOf<Obj>>>;
  readonly loop: ReconcileLoop<PointerSeen<Obj, Facts>, Step<Write, StatusOf<Obj>>>;
  readonly name: string;
  isLeader = true;
  readonly fence: Fence = {
    assertLeader: () => {
      if (!this.isLeader) throw new Deposed("not the leader");
    },
  };
  readonly #type: ResourceType;
  readonly #informers: { start(): void; stop(): Promise<void> }[] = [];

  private constructor(options: PointerWorldOptions<Obj, Facts, Write, Keys>) {
    const { kind, clock, name, settings = {}, metrics = noMetrics } = options;
    this.clock = clock;
    this.name = name;
    this.kube = InProcessKube.create({ clock });
    this.#type = KINDS[kind.kind];
    const modules = { api: this.kube, clock, random: seededRandom(5), log: silentLog, metrics };
    const informer = <T extends KubeObject>(type: ResourceType): Informer<T> => {
      const made = new Informer<T>({ type }, modules);
      this.#informers.push(made);
      return made;
    };
    const objects = informer<Obj>(this.#type);
    const groups = informer<FailoverGroup>(FAILOVER_GROUP);
    const nodes = informer<Node>(NODE);
    const leases = informer<Lease>(LEASE);
    this.reconciler = createPointerReconciler(kind, {
      kube: this.kube,
      objects,
      groups,
      nodes,
      leases,
      events: { tell: (_object, type, reason, message) => void this.told.push({ type, reason, message }) },
      clock,
      log: silentLog,
      metrics,
      settings: { installationNamespace: LEASES, ambientNamespaces: ["*"], isRecoveryPaused: false, ...settings },
    });
    this.loop = new ReconcileLoop(this.reconciler, {}, { ...modules, fence: this.fence });
    const enqueuer = new ResourceEnqueuer(kind.kind, { objects, groups, leases });
    const changes = { group: groups, node: nodes, lease: leases, object: objects } as const;
    for (const change of ["group", "node", "lease", "object"] as const) {
      changes[change].onChange((key) => enqueuer.keysFor(change, key).forEach((wanted) => this.loop.enqueue(wanted)));
    }
  }

  static async create<Obj extends PointerObject, Facts, Write, Keys>(
    options: PointerWorldOptions<Obj, Facts, Write, Keys>,
  ): Promise<PointerWorld<Obj, Facts, Write, Keys>> {
    const world = new PointerWorld(options);
    for (const { name, ...rest } of options.nodes) await world.kube.create(NODE, { metadata: { name }, ...rest });
    for (const [name, keys] of Object.entries(options.secrets ?? {})) await world.putSecret(name, keys);
    await world.addObject(options.name, options.spec);
    if (options.withGroup !== false) await world.addGroup(options.kind.kind, options.group);
    for (const informer of world.#informers) informer.start();
    world.loop.start();
    await world.clock.advance(0);
    return world;
  }

  async close(): Promise<void> {
    const stopped = Promise.all([this.loop.stop(), ...this.#informers.map((informer) => informer.stop())]);
    // Calls under way end first.
    await this.clock.advance(CALLS_END_MS);
    await stopped;
  }

  async addObject(name: string, spec: object): Promise<void> {
    const object: KubeObject & { spec: object } = { metadata: { namespace: NAMESPACE, name }, spec };
    await this.kube.create(this.#type, object);
  }

  async putSecret(name: string, keys: Readonly<Record<string, string>>): Promise<void> {
    const encoded = Object.entries(keys).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
    const data = Object.fromEntries(encoded);
    const secret: KubeObject & { data: object } = { metadata: { namespace: NAMESPACE, name }, data };
    const known = await this.kube.get(SECRET, { namespace: NAMESPACE, name });
    if (known === undefined) await this.kube.create(SECRET, secret);
    else await this.kube.replace(SECRET, { ...known, data } as KubeObject);
  }

  /** Two members, an application and this object. */
  async addGroup(kind: string, spec: Partial<FailoverGroupSpec> = {}, name = GROUP): Promise<void> {
    const app = { start: { command: ["/bin/true"] }, stop: { command: ["/bin/true"] } };
    const resources = [
      { name: "app", exec: app },
      { kind, name: this.name },
    ];
    const group: KubeObject & { spec: object } = {
      metadata: { namespace: NAMESPACE, name },
      spec: { members: [{ node: "node1" }, { node: "node2" }], resources, ...spec },
    };
    await this.kube.create(FAILOVER_GROUP, group);
  }

  async group(name = GROUP): Promise<FailoverGroup> {
    const group = await this.kube.get<FailoverGroup>(FAILOVER_GROUP, { namespace: NAMESPACE, name });
    if (group === undefined) throw new Error("no group");
    return group;
  }

  /** What the group reconciler writes with a grant. */
  async grant(node: string, epoch: number): Promise<void> {
    const active = { node, epoch, session: `${node}_s`, since: "2026-01-01T00:00:00Z" };
    await this.#applyStatus({ epoch, active }, "understudy-controller");
  }

  /** Nobody holds the group any more; with `hold` because it was stopped. */
  async revoke(epoch: number, hold?: "StoppedByRequest"): Promise<void> {
    const held = { reason: hold, since: "2026-01-01T00:00:00Z" };
    await this.#applyStatus({ epoch, ...(hold === undefined ? {} : { hold: held }) }, "understudy-controller");
  }

  /** What the agent of the holder reports: details of single resources by name, for the others that they are Active. */
  async report(node: string, epoch: number, details: Readonly<Record<string, object>> = {}): Promise<void> {
    const { spec } = await this.group();
    const resources = spec.resources.map(({ name }: GroupResource) => ({ name, state: "Active", ...details[name] }));
    const report = { node, session: `${node}_s`, epoch, state: "Active", resources };
    await this.#applyStatus({ reports: [report] }, agentFieldManager(node));
  }

  /** Grant and a report that everything local is up. */
  async activate(node: string, epoch: number): Promise<void> {
    await this.grant(node, epoch);
    await this.report(node, epoch);
  }

  async object(name = this.name): Promise<Obj> {
    const object = await this.kube.get<Obj>(this.#type, { namespace: NAMESPACE, name });
    if (object === undefined) throw new Error(`no object ${name}`);
    return object;
  }

  /** What a user changes in the object's spec. */
  async change(spec: object): Promise<void> {
    await this.kube.patch(this.#type, { namespace: NAMESPACE, name: this.name }, { type: "merge", body: { spec } });
  }

  async remove(what: "object" | "group"): Promise<void> {
    const [type, name] = what === "object" ? [this.#type, this.name] : [FAILOVER_GROUP, GROUP];
    await this.kube.delete(type, { namespace: NAMESPACE, name });
  }

  async exists(): Promise<boolean> {
    return (await this.kube.get(this.#type, { namespace: NAMESPACE, name: this.name })) !== undefined;
  }

  async condition(type: string, name = this.name): Promise<Condition | undefined> {
    const { status } = await this.object(name);
    return status?.conditions?.find((condition) => condition.type === type);
  }

  /** `status reason` of a condition, or `-`. */
  async verdict(type: string, name = this.name): Promise<string> {
    const condition = await this.condition(type, name);
    return condition === undefined ? "-" : `${condition.status} ${condition.reason}`;
  }

  async #applyStatus(status: object, fieldManager: string): Promise<void> {
    const body: KubeObject & { status: object } = { metadata: { namespace: NAMESPACE, name: GROUP }, status };
    await this.kube.patch(
      FAILOVER_GROUP,
      { namespace: NAMESPACE, name: GROUP },
      { type: "apply", body, fieldManager, force: true },
      { subresource: "status" },
    );
  }
}
