/** A control plane for a benchmark on loopback: the embedded API server and an emulated EC2 with one group to serve. */
import { join } from "node:path";
import { FAILOVER_GROUP } from "../src/api/kinds.ts";
import { systemClock } from "../src/host/system-clock.ts";
import { systemRandom } from "../src/host/system-random.ts";
import type { KubeObject } from "../src/kube/ports.ts";
import { RestKubeApi } from "../src/kube/rest-client.ts";
import { runApiServer } from "../src/sandbox/apiserver/main.ts";
import { startEc2Endpoint } from "../src/sandbox/ec2/endpoint.ts";
import { VirtualEc2 } from "../src/sandbox/ec2/virtual-ec2.ts";
import { twoZones } from "../src/sandbox/network/topologies.ts";
import { awsMachines, buildEc2World } from "../src/sandbox/world/ec2-world.ts";
import { isReadyOn } from "../src/sandbox/world/group-watch.ts";
import { buildKubeWorld } from "../src/sandbox/world/kube-world.ts";
import { applyAll } from "../src/sandbox/world/manifests.ts";
import { sleep } from "../src/lib/clock.ts";
import { writeKubeconfig } from "./processes.ts";

export interface Site {
  readonly apiUrl: string;
  readonly ec2Url: string;
  readonly kubeconfig: string;
  /** Resolves when the group is Ready; rejects after `limitMs`. */
  untilGroupReady(limitMs: number): Promise<void>;
  close(): Promise<void>;
}

export const ACCESS_KEY = { accessKeyId: "AKIDBENCH", secretAccessKey: "bench" } as const;

const GROUP = { namespace: "default", name: "failover1" };
const API_VERSION = "understudy.dev/v1alpha1";

/** One address and one member that exists: what an agent and a controller need to have everything loaded. */
function groupObjects(virtualIp: string): KubeObject[] {
  const group = {
    members: [{ node: "node1" }, { node: "node2" }],
    resources: [{ kind: "AwsVirtualIP", name: "awsvip1" }],
  };
  return [
    {
      apiVersion: API_VERSION,
      kind: "AwsVirtualIP",
      metadata: { name: "awsvip1" },
      spec: { address: virtualIp },
    } as KubeObject,
    { apiVersion: API_VERSION, kind: "FailoverGroup", metadata: { name: GROUP.name }, spec: group } as KubeObject,
  ];
}

export async function startSite(folder: string): Promise<Site> {
  const topology = twoZones("bench");
  const server = await runApiServer({ listen: { host: "127.0.0.1", port: 0 } });
  const apiUrl = `http://127.0.0.1:${server.port}`;
  const api = new RestKubeApi(
    { connection: { baseUrl: apiUrl }, timeoutMs: 10_000, fieldManager: "bench" },
    { clock: systemClock },
  );
  const ec2 = new VirtualEc2({ region: topology.region }, { clock: systemClock, random: systemRandom });
  const endpoint = await startEc2Endpoint(
    { accessKeys: [ACCESS_KEY] },
    { regions: [ec2], clock: systemClock, random: systemRandom },
  );
  await buildKubeWorld(awsMachines(topology, buildEc2World(ec2, topology)), { api, clock: systemClock });
  await applyAll(api, groupObjects(topology.virtualIp), GROUP.namespace);
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfig, apiUrl);
  return {
    apiUrl,
    ec2Url: endpoint.url,
    kubeconfig,
    untilGroupReady: async (limitMs) => {
      const endMs = systemClock.monotonicMs() + limitMs;
      for (;;) {
        const group = await api.get<Parameters<typeof isReadyOn>[0]>(FAILOVER_GROUP, GROUP);
        if (group !== undefined && isReadyOn(group)) return;
        if (systemClock.monotonicMs() > endMs)
          throw new Error(`the group is not Ready: ${JSON.stringify(group?.status)}`);
        await sleep(systemClock, 100);
      }
    },
    close: async () => {
      api.close();
      await endpoint.close();
      await server.close();
    },
  };
}
