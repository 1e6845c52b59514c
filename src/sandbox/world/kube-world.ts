/** What a cluster administrator has set up before the user comes: the CRDs, the namespaces and a Node per machine. */
import { fileURLToPath } from "node:url";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { sleep } from "../../lib/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { KubeApi, KubeObject } from "../../kube/ports.ts";
import { applyAll, NODE, readManifests } from "./manifests.ts";

export const SYSTEM_NAMESPACE = "understudy-system";
export const USER_NAMESPACE = "default";

const CRDS = fileURLToPath(new URL("../../../crds", import.meta.url));
/** Longest time until the API server answers, and until it serves the custom resources, in ms. */
const READY_LIMIT_MS = 15_000;
const RETRY_MS = 25;

interface NodeObject extends KubeObject {
  readonly spec: { readonly providerID: string };
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly conditions: readonly KubeCondition[];
  };
}

interface KubeCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A machine as its cloud's provider for Kubernetes would register it. */
export interface KubeMachine {
  readonly name: string;
  readonly address: string;
  readonly region: string;
  readonly zone: string;
  /** `aws:///ZONE/INSTANCE` or `azure:///RESOURCE-ID`. */
  readonly providerId: string;
}

export interface KubeWorldModules {
  readonly api: KubeApi;
  readonly clock: Clock;
}

export async function buildKubeWorld(machines: readonly KubeMachine[], modules: KubeWorldModules): Promise<void> {
  const { api, clock } = modules;
  const namespaces = [SYSTEM_NAMESPACE, USER_NAMESPACE].map((name) => namespaceObject(name));
  await untilItWorks(clock, "the API server does not answer", () => applyAll(api, namespaces, ""));
  await applyAll(api, readManifests(CRDS), "");
  for (const machine of machines) await addNode(api, nodeObject(machine));
  await untilItWorks(clock, "the custom resources are not served", () => api.list(FAILOVER_GROUP));
}

function namespaceObject(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

async function addNode(api: KubeApi, node: NodeObject): Promise<void> {
  const { status, ...object } = node;
  await api.create(NODE, object);
  const key = { namespace: "", name: node.metadata.name };
  await api.patch(NODE, key, { type: "merge", body: { status } }, { subresource: "status" });
}

/** As a kubelet and the cloud's provider would register it. */
function nodeObject(machine: KubeMachine): NodeObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: machine.name,
      labels: {
        "kubernetes.io/hostname": machine.name,
        "topology.kubernetes.io/region": machine.region,
        "topology.kubernetes.io/zone": machine.zone,
      },
    },
    spec: { providerID: machine.providerId },
    status: {
      addresses: [
        { type: "InternalIP", address: machine.address },
        { type: "Hostname", address: machine.name },
      ],
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "sandbox machine" }],
    },
  };
}

/** Repeats until it does not reject any more; rejects with the last cause after `READY_LIMIT_MS`. */
async function untilItWorks(clock: Clock, problem: string, work: () => Promise<unknown>): Promise<void> {
  const endMs = clock.monotonicMs() + READY_LIMIT_MS;
  for (;;) {
    try {
      await work();
      return;
    } catch (thrown) {
      if (clock.monotonicMs() > endMs) throw new Error(`${problem}: ${messageOf(thrown)}`, { cause: thrown });
      await sleep(clock, RETRY_MS);
    }
  }
}
