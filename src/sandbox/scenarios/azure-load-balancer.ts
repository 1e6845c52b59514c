/**
 * The three deployments behind an Azure load balancer: the same machines, probe port and faults; what differs is where the
 * client is and whether packets keep the frontend as their destination. Each follows the verification of its guide: a
 * simulated fault of the probe on the active member, three reactivations, failover, frontend reachable.
 */
import { fileURLToPath } from "node:url";
import type { FailoverGroup, LbProbePort } from "../../api/generated/types.ts";
import { FAILOVER_GROUP, LB_PROBE_PORT } from "../../api/kinds.ts";
import { silenceMs } from "../../api/timings.ts";
import type { KubeObject } from "../../kube/ports.ts";
import { sleep } from "../../lib/clock.ts";
import { NetworkProvider } from "../arm/network.ts";
import { type ArmLoadBalancer, VirtualNetworks } from "../arm/network-state.ts";
import { LoadBalancerEmulator } from "../load-balancer/emulator.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { AZURE_RESOURCE_GROUP, AZURE_SUBSCRIPTION, AzureEmulator } from "../world/azure-emulator.ts";
import type { Emulator, Ground } from "../world/emulator.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { AmbientIdentity, AZURE_IDENTITY } from "./azure-identity.ts";
import { failover, NOISE_MS, plannedMove } from "./faults.ts";
import type { Play, Scenario, ScenarioParts } from "./scenario.ts";
import { play, type Stage, untilCalm, untilPromisesLapsed, waitLimitMs } from "./stage.ts";

/** Names and numbers of guide 001. */
const LOAD_BALANCER = { resourceGroup: AZURE_RESOURCE_GROUP, name: "TestLoadBalancer" } as const;
const PROBE = { name: "TestHealthProbe", protocol: "Tcp", port: 26_001, intervalSeconds: 5, threshold: 2 } as const;
const PROBE_PORT = "lbpp1";
const FRONTEND_PORT = 80;
/** Session duration of the preset in which probes keep Azure's pace, in ms. */
const PACE_OF_MS = 15_000;
/** What the emulated Azure takes between `stopping` and `stopped`, in ms. */
const STOP_MS = 1_000;
/** From the proof to the service elsewhere, without the probes, in ms. */
const AFTER_PROOF_MS = 1_700;
const REACTIVATIONS = 3;
const PLANNED_TARGET_MS = 300;

/** What the controllers' identity may do: exactly what `understudy preflight` prints for these groups. */
export const LOAD_BALANCER_ACTIONS: readonly string[] = [
  "Microsoft.Authorization/permissions/read",
  "Microsoft.Compute/virtualMachines/instanceView/read",
  "Microsoft.Compute/virtualMachines/powerOff/action",
  "Microsoft.Network/loadBalancers/read",
  "Microsoft.Network/networkInterfaces/read",
  "Microsoft.Network/publicIPAddresses/read",
];

export interface LoadBalancerStory {
  /** Folder below `examples`. */
  readonly example: string;
  readonly frontend: "public" | "internal" | "floating";
  /** Played before and after the faults that all three have. */
  readonly first?: readonly Play[];
  readonly last?: readonly Play[];
  readonly emulators?: (ground: Ground) => readonly Emulator[];
  /** What this machine cannot offer is left out before the apply. */
  readonly adapt?: (objects: readonly KubeObject[], ground: Ground) => readonly KubeObject[];
}

export function loadBalancerScenario(story: LoadBalancerStory): Scenario {
  const isFloating = story.frontend === "floating";
  return {
    what: `examples/${story.example}`,
    topology: story.frontend === "public" ? "vnet-internet" : "vnet",
    service: isFloating ? "any-address" : "own-address",
    ...(isFloating ? { servicePort: FRONTEND_PORT } : {}),
    build: (ground) => buildParts(story, ground),
  };
}

function buildParts(story: LoadBalancerStory, ground: Ground): ScenarioParts {
  const { topology, timings, mode } = ground;
  const networks = new VirtualNetworks({ subscriptionId: AZURE_SUBSCRIPTION });
  for (const { name, address } of topology.vms)
    networks.putInterface({ resourceGroup: AZURE_RESOURCE_GROUP, name: `${name}-nic`, address, machine: name });
  networks.putLoadBalancer(loadBalancerOf(story, ground));
  const host = story.frontend === "public" ? topology.publicIp : topology.frontendIp;
  const pace = timings.sessionDurationMs / PACE_OF_MS;
  const identity = { ...AZURE_IDENTITY, allowedActions: LOAD_BALANCER_ACTIONS };
  const azure = new AzureEmulator({ identities: [identity], providers: [new NetworkProvider(networks)] }, ground);
  const balancer = new LoadBalancerEmulator({ networks, ...LOAD_BALANCER, pace, listenAt: () => host }, ground);
  const folder = fileURLToPath(new URL(`../../../examples/${story.example}`, import.meta.url));
  const adapt = story.adapt ?? ((objects: readonly KubeObject[]) => objects);
  return {
    emulators: [azure, new AmbientIdentity(identity, azure, ground), balancer, ...(story.emulators?.(ground) ?? [])],
    client: { host, port: FRONTEND_PORT },
    apply: (stage) => applyAll(stage.world.api, adapt(readManifests(folder), ground), USER_NAMESPACE),
    faults: [
      ...(story.first ?? []),
      simulatedFault,
      (stage) => crash(stage, azure),
      plannedMove,
      ...(story.last ?? []),
    ],
    // A probe of the old backend may have succeeded just before; the new one is up after its threshold.
    spreadMs: (PROBE.threshold + 1) * PROBE.intervalSeconds * 1_000 * pace,
    notReal: notReal(story, mode),
  };
}

function loadBalancerOf({ frontend }: LoadBalancerStory, ground: Ground): ArmLoadBalancer {
  const { topology } = ground;
  const isFloating = frontend === "floating";
  return {
    ...LOAD_BALANCER,
    frontends: [
      frontend === "public"
        ? { name: "TestFrontend", address: "203.0.113.20", publicIp: "TestPublicIp" }
        : { name: "TestFrontend", address: "10.5.0.200" },
    ],
    probes: [PROBE],
    rules: [
      {
        name: "TestLoadBalancingRule",
        protocol: "Tcp",
        frontend: "TestFrontend",
        frontendPort: FRONTEND_PORT,
        backendPort: isFloating ? FRONTEND_PORT : 8080,
        isFloatingIp: isFloating,
        probe: PROBE.name,
        pool: "TestBackendPool",
      },
    ],
    pools: [{ name: "TestBackendPool", interfaces: topology.vms.map(({ name }) => `${name}-nic`) }],
  };
}

function notReal({ frontend }: LoadBalancerStory, mode: Ground["mode"]): string[] {
  if (frontend !== "floating")
    return ["the load balancer is a TCP relay: the service sees its address instead of the client's"];
  return mode === "namespaces"
    ? [
        "a connection that is established follows the probes: the router that stands for the load balancer knows no flows",
      ]
    : ["Direct Server Return: a TCP relay stands for the load balancer, and answers go back through it"];
}

/** Guide 001, 5.5 and 6.5: verification mode, a fault of the probe's monitor, three reactivations, failover. */
async function simulatedFault(stage: Stage): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const story = `simulated fault: an operator lets the monitor of ${PROBE_PORT} fail on ${from} (annotation understudy.dev/simulate-fault)`;
  const startMs = machineMonotonicMs();
  const targetMs = PLANNED_TARGET_MS + stage.spreadMs;
  const result = await play(stage, {
    ...failover(stage, "simulated-fault", from, story),
    targetMs,
    boundMs: targetMs + 2 * NOISE_MS,
    inject: async () => {
      const annotations = { "understudy.dev/simulate-fault": PROBE_PORT };
      const patch = { type: "merge", body: { metadata: { annotations } } } as const;
      await stage.world.api.patch(FAILOVER_GROUP, stage.groupKey, patch);
    },
  });
  const most = Math.max(0, ...stage.group.since(startMs).map(({ group }) => reactivationsOf(group)));
  const problems = [...result.problems, ...(await preflightProblems(stage))];
  if (most !== REACTIVATIONS) problems.push(`${most} reactivations before the failover, not ${REACTIVATIONS}`);
  else stage.timeline.note("good", `${REACTIVATIONS} reactivations were tried on ${from} before the group moved`);
  return { ...result, problems };
}

/** Every fact about the load balancer was read with the controllers' identity, and is right. */
async function preflightProblems({ world, timeline }: Stage): Promise<string[]> {
  const probe = await world.api.get<LbProbePort>(LB_PROBE_PORT, { namespace: USER_NAMESPACE, name: PROBE_PORT });
  const { conditions, frontends = [], members = [] } = probe?.status ?? {};
  const preflight = conditions?.find(({ type }) => type === "PreflightOK");
  if (preflight?.status !== "True") return [`PreflightOK of ${PROBE_PORT}: ${preflight?.message ?? "not there"}`];
  const missing = members.filter(({ inBackendPool }) => inBackendPool !== "Yes").map(({ node }) => node);
  if (missing.length > 0) return [`${missing.join(", ")} not seen in the backend pool`];
  timeline.note("good", `${LOAD_BALANCER.name} was read: frontend ${frontends.join(", ")}, both members in its pool`);
  return [];
}

function reactivationsOf({ status }: FailoverGroup): number {
  return status?.resources?.find(({ name }) => name === PROBE_PORT)?.reactivations ?? 0;
}

/** The machine is powered off through Resource Manager before anything moves, and started again by an operator. */
export async function crash(stage: Stage, azure: AzureEmulator): Promise<FaultResult> {
  const from = await untilCalm(stage);
  const { timings } = stage.world;
  const story = `crash: ${from}, the active machine, loses its power; Azure is told to power it off, so that this is certain`;
  const targetMs = silenceMs(timings) + timings.renewIntervalMs + STOP_MS + AFTER_PROOF_MS + stage.spreadMs;
  const result = await play(stage, {
    ...failover(stage, "crash", from, story),
    targetMs,
    boundMs: targetMs + 2 * NOISE_MS,
    inject: () => stage.world.machine(from).crash(),
  });
  const problems = [...result.problems, ...(await startAgain(stage, azure, from))];
  await untilPromisesLapsed(stage);
  return { ...result, problems };
}

async function startAgain(stage: Stage, azure: AzureEmulator, vm: string): Promise<string[]> {
  const wanted = { resourceGroup: AZURE_RESOURCE_GROUP, name: vm };
  const machine = azure.machines.find(wanted);
  if (machine?.power !== "stopped") return [`${vm} was not powered off through Resource Manager`];
  azure.machines.start(machine);
  const endMs = machineMonotonicMs() + waitLimitMs(stage);
  while (azure.machines.find(wanted)?.power !== "running") {
    if (machineMonotonicMs() > endMs) return [`${vm} did not start again`];
    await sleep(stage.clock, 100);
  }
  return [];
}

/** Something that is looked at while nothing is wrong: the service must not notice. */
export async function look(
  stage: Stage,
  name: string,
  story: (active: string) => string,
  find: (active: string) => Promise<readonly string[]>,
): Promise<FaultResult> {
  const active = await untilCalm(stage);
  let found: readonly string[] = [];
  const result = await play(stage, {
    ...failover(stage, name, active, story(active)),
    to: active,
    changesGroup: false,
    targetMs: PLANNED_TARGET_MS,
    boundMs: NOISE_MS,
    inject: async () => {
      found = await find(active);
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, active),
  });
  return { ...result, detectedMs: 0, activatedMs: 0, problems: [...result.problems, ...found] };
}
