/**
 * A whole controller (the process's own composition) with the real SDK clients on the emulated cloud, as one identity
 * that may do what a policy says. Scripted agents stand for the members. Real time: SDK and sockets know no other.
 */
import type { Condition, FailoverGroup } from "../../src/api/generated/types.ts";
import { FAILOVER_GROUP, KINDS, RESOURCE_KINDS, type ResourceKind } from "../../src/api/kinds.ts";
import { presetTimings } from "../../src/api/timings.ts";
import { type PreflightInput, readCluster } from "../../src/cli/preflight-input.ts";
import { type Policies, policiesOf } from "../../src/cli/preflight-policy.ts";
import { composeController, type Composition, type ControllerPorts } from "../../src/controller/composition.ts";
import { EVENT, type KubeEvent } from "../../src/controller/event-recorder.ts";
import { systemClock } from "../../src/host/system-clock.ts";
import { systemRandom } from "../../src/host/system-random.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { InProcessKube } from "../fakes/in-process-kube.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

const NAMESPACE = "ha";
const GROUP = { namespace: NAMESPACE, name: "failover1" };
const LEASES = "understudy-system";
/** The Secret that every object of a case names. */
export const SECRET = "keys";
export const IDENTITY = `Secret ${SECRET}`;
const TIMINGS = presetTimings("fast");

const core = (plural: string, kind: string, namespaced: boolean): ResourceType => ({
  group: "",
  version: "v1",
  plural,
  kind,
  namespaced,
});

/** One emulated cloud with two machines, and how the controller reaches it. */
export interface PolicyCloud {
  /** Provider ids of node1 and node2. */
  readonly machines: readonly [string, string];
  readonly secret: Readonly<Record<string, string>>;
  readonly ports: Omit<ControllerPorts, "kube" | "clock" | "random" | "log" | "metrics" | "onLost">;
  /** Actions that the policy did not allow, in order. */
  readonly refused: () => readonly string[];
  close(): Promise<void>;
}

export interface PolicyCase {
  readonly objects: readonly { readonly kind: ResourceKind; readonly spec: object }[];
  /** Of the group, besides members and resources. */
  readonly group?: object;
  /** Makes the group call everything that it ever calls; rejects when something does not come true. */
  readonly exercise: (world: PolicyWorld) => Promise<void>;
}

/** Up on node1, then moved to node2. */
export async function move(world: PolicyWorld): Promise<void> {
  await world.untilGoodOn("node1");
  await world.annotate("move-to", "node2");
  await world.untilGoodOn("node2");
}

/** As `move`, then stopped until each resource has given up what it points with. */
export async function moveAndStop(world: PolicyWorld): Promise<void> {
  await move(world);
  await world.annotate("stop", "policy test");
  await world.until(async () => await world.isGivenUp());
}

const OPENED: { close(): Promise<void> }[] = [];

/** Ends what the tests began; to be called after each. */
export async function closePolicyWorlds(): Promise<void> {
  await Promise.all(OPENED.splice(0).map((world) => world.close()));
}

export class PolicyWorld {
  readonly #kube = InProcessKube.create({ clock: systemClock });
  readonly #cloud: PolicyCloud;
  readonly agents = new Map<string, ScriptedAgent>();
  readonly #composition: Composition;
  #isAbandoned = false;

  private constructor(cloud: PolicyCloud) {
    this.#cloud = cloud;
    this.#composition = composeController(
      {
        namespace: LEASES,
        identity: "controller-0",
        preset: "fast",
        timings: TIMINGS,
        ambientNamespaces: ["*"],
        isRecoveryPaused: false,
      },
      {
        ...cloud.ports,
        kube: this.#kube,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        metrics: noMetrics,
        onLost: () => undefined,
      },
    );
  }

  static async create(cloud: PolicyCloud, { objects, group = {} }: PolicyCase): Promise<PolicyWorld> {
    const world = new PolicyWorld(cloud);
    OPENED.push(world);
    const kube = world.#kube;
    const data = Object.fromEntries(
      Object.entries(cloud.secret).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    );
    const secret = { metadata: { namespace: NAMESPACE, name: SECRET }, data } as KubeObject;
    await kube.create(core("secrets", "Secret", true), secret);
    for (const [index, providerID] of cloud.machines.entries()) await world.#addMember(`node${index + 1}`, providerID);
    const resources = [];
    for (const [index, { kind, spec }] of objects.entries()) {
      const name = `resource${index + 1}`;
      const own = kind === "LbProbePort" ? spec : { credentials: { secretRef: { name: SECRET } }, ...spec };
      await kube.create(KINDS[kind], { metadata: { namespace: NAMESPACE, name }, spec: own } as KubeObject);
      resources.push({ kind, name });
    }
    const members = [{ node: "node1" }, { node: "node2" }];
    const spec = { members, resources, ...group };
    await kube.create(FAILOVER_GROUP, { metadata: GROUP, spec } as unknown as FailoverGroup);
    await world.#composition.manager.start();
    return world;
  }

  async #addMember(node: string, providerID: string): Promise<void> {
    const addresses = [{ type: "InternalIP", address: node === "node1" ? "10.0.1.10" : "10.0.2.10" }];
    const object = { metadata: { name: node }, spec: { providerID }, status: { addresses } } as KubeObject;
    await this.#kube.create(core("nodes", "Node", false), object);
    const modules = { kube: this.#kube.sibling({ userAgent: `agent-${node}` }), clock: systemClock };
    const agent = new ScriptedAgent({ node, leaseNamespace: LEASES, group: GROUP, timings: TIMINGS }, modules);
    this.agents.set(node, agent);
    await agent.start();
  }

  async group(): Promise<FailoverGroup> {
    const group = await this.#kube.get<FailoverGroup>(FAILOVER_GROUP, GROUP);
    if (group === undefined) throw new Error("no group");
    return group;
  }

  async input(): Promise<PreflightInput> {
    return await readCluster(this.#kube, NAMESPACE, LEASES);
  }

  async policies(): Promise<Policies> {
    return policiesOf(await this.input(), [await this.group()]);
  }

  async annotate(verb: string, value: string): Promise<void> {
    const body = { metadata: { annotations: { [`understudy.dev/${verb}`]: value } } };
    await this.#kube.patch(FAILOVER_GROUP, GROUP, { type: "merge", body });
  }

  /** Every condition of the group and its resources, as `KIND TYPE STATUS REASON: message`. */
  async conditions(): Promise<string[]> {
    const { resources } = await this.input();
    const objects: KubeObject[] = [await this.group(), ...RESOURCE_KINDS.flatMap((kind) => resources[kind] ?? [])];
    return objects.flatMap((object) => {
      const { kind = "", status } = object as KubeObject & { status?: { conditions?: readonly Condition[] } };
      return (status?.conditions ?? []).map(
        (found) => `${kind} ${found.type} ${found.status} ${found.reason}: ${found.message}`,
      );
    });
  }

  /** Until a condition or an Event says that `action` is not allowed; meanwhile everything is tried. */
  async untilRefusalIsTold(action: string, exercise: PolicyCase["exercise"]): Promise<void> {
    const tried = exercise(this).catch(() => undefined);
    const name = action.slice(action.indexOf(":") + 1);
    try {
      await this.until(async () =>
        (await this.words()).some(
          (text) => /NotAuthorized|not authorized|not have authorization|may not/.test(text) && text.includes(name),
        ),
      );
    } finally {
      this.#isAbandoned = true;
    }
    await tried;
  }

  /** Every condition, and every Event as `REASON: message`. */
  async words(): Promise<string[]> {
    const { items } = await this.#kube.list<KubeEvent>(EVENT, { namespace: NAMESPACE });
    return [...(await this.conditions()), ...items.map(({ reason, message }) => `${reason}: ${message}`)];
  }

  /** Resolves when `holds`; throws with every condition when it does not within `limitMs`. */
  async until(holds: (conditions: readonly string[]) => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
    const endsAtMs = systemClock.monotonicMs() + limitMs;
    for (;;) {
      const conditions = await this.conditions();
      if (await holds(conditions)) return;
      if (this.#isAbandoned) throw new Error("enough was seen");
      if (systemClock.monotonicMs() > endsAtMs)
        throw new Error(`did not come true:\n${conditions.join("\n")}\nrefused: ${this.#cloud.refused().join(" ")}`);
      await new Promise<void>((resolve) => systemClock.setTimer(20, resolve));
    }
  }

  /** Whether no resource remembers where it led any more. */
  async isGivenUp(): Promise<boolean> {
    const { resources } = await this.input();
    const objects = Object.values(resources).flat() as { status?: { active?: unknown } }[];
    return (
      (await this.group()).status?.hold !== undefined && objects.every(({ status }) => status?.active === undefined)
    );
  }

  /** Ready on `node`, with every preflight passed. */
  async untilGoodOn(node: string): Promise<void> {
    await this.until(async (conditions) => {
      const { active } = (await this.group()).status ?? {};
      const isGood = (type: string): boolean => {
        const all = conditions.filter((text) => text.split(" ")[1] === type);
        return all.length > 0 && all.every((text) => text.split(" ")[2] === "True");
      };
      return active?.node === node && isGood("Ready") && isGood("PreflightOK");
    });
  }

  async close(): Promise<void> {
    for (const agent of this.agents.values()) agent.crash();
    this.#composition.poller.stop();
    this.#composition.fencing.stop();
    await this.#composition.manager.stop();
    await this.#composition.events.stop(1_000);
    await this.#cloud.close();
  }
}
