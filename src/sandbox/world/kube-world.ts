/** What a cluster administrator has set up before the user comes: the CRDs, the namespaces and a Node per machine. */
import { fileURLToPath } from "node:url";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { sleep } from "../../lib/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { KubeApi, KubeObject } from "../../kube/ports.ts";
import type { Topology, VmPlace } from "../network/topology.ts";
import type { Ec2World } from "./ec2-world.ts";
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

export interface KubeWorldModules {
  readonly api: KubeApi;
  readonly clock: Clock;
}

export async function buildKubeWorld(topology: Topology, ec2: Ec2World, modules: KubeWorldModules): Promise<void> {
  const { api, clock } = modules;
  const namespaces = [SYSTEM_NAMESPACE, USER_NAMESPACE].map((name) => namespaceObject(name));
  await untilItWorks(clock, "the API server does not answer", () => applyAll(api, namespaces, ""));
  await applyAll(api, readManifests(CRDS), "");
  for (const vm of topology.vms) await addNode(api, nodeObject(topology, vm, ec2.instanceOf(vm.name)));
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

/** As a kubelet and the AWS cloud provider would register it. */
function nodeObject(topology: Topology, vm: VmPlace, instanceId: string): NodeObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: vm.name,
      labels: {
        "kubernetes.io/hostname": vm.name,
        "topology.kubernetes.io/region": topology.region,
        "topology.kubernetes.io/zone": vm.zone,
      },
    },
    spec: { providerID: `aws:///${vm.zone}/${instanceId}` },
    status: {
      addresses: [
        { type: "InternalIP", address: vm.address },
        { type: "Hostname", address: vm.name },
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
