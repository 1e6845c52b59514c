/**
 * `examples/aws-virtual-ip` under fire: crash, planned move, cut-off, freeze, drift. Each fault starts from a calm
 * group and ends with one, so that their outages can be read apart.
 */
import { fileURLToPath } from "node:url";
import type { AwsVirtualIP } from "../../api/generated/types.ts";
import { AWS_VIRTUAL_IP } from "../../api/kinds.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { routerAddress } from "../loopback/topology.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { SERVICE_PORT } from "../network/topology.ts";
import type { FaultResult } from "../report/result.ts";
import type { Ground } from "../world/emulator.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { crash, cutOff, failover, freeze, NOISE_MS, plannedMove } from "./faults.ts";
import type { ClientTarget, Play, Scenario, ScenarioParts } from "./scenario.ts";
import { otherThan, play, untilCalm, waitLimitMs } from "./stage.ts";
import type { Stage } from "./stage.ts";

const VIRTUAL_IP_KEY = { namespace: USER_NAMESPACE, name: "awsvip1" };
const EXAMPLE = fileURLToPath(new URL("../../../examples/aws-virtual-ip", import.meta.url));

const DRIFT_PROCESSING_MS = 200;

export const AWS_VIRTUAL_IP_SCENARIO = virtualIpScenario({
  what: "examples/aws-virtual-ip",
  apply: applyExample,
  faults: [crash, plannedMove, cutOff, freeze, drift],
});

/** A scenario in the world of `examples/aws-virtual-ip`. */
export function virtualIpScenario(
  story: Pick<Scenario, "what"> & Pick<ScenarioParts, "apply"> & { readonly faults: readonly Play[] },
): Scenario {
  const { what, apply, faults } = story;
  return {
    what,
    topology: "two-zones",
    service: "virtual-ip",
    build: (ground) => ({ emulators: [], client: virtualIpTarget(ground), apply, faults }),
  };
}

/** Where the client finds the virtual IP. */
export function virtualIpTarget({ mode, topology }: Ground): ClientTarget {
  return { host: mode === "loopback" ? routerAddress(topology) : topology.virtualIp, port: SERVICE_PORT };
}

export async function applyExample(stage: Stage): Promise<void> {
  await applyAll(stage.world.api, readManifests(EXAMPLE), USER_NAMESPACE);
}

async function drift(stage: Stage): Promise<FaultResult> {
  const active = await untilCalm(stage);
  const { ec2, ec2World } = stage.world;
  const intervalMs = await monitorIntervalMs(stage);
  const targetMs = intervalMs + DRIFT_PROCESSING_MS;
  const destination = `${stage.world.site.topology.virtualIp}/32`;
  const wrong = { type: "networkInterface", networkInterfaceId: ec2World.eniOf(otherThan(stage, active)) } as const;
  const isRight = (): boolean =>
    ec2World.routeTableIds.every((id) => {
      const target = ec2.state.routeTables
        .get(id)
        ?.routes.find((route) => route.destinationCidr === destination)?.target;
      return target?.type === "networkInterface" && target.networkInterfaceId === ec2World.eniOf(active);
    });
  const startMs = machineMonotonicMs();
  const repaired = Promise.withResolvers<number>();
  const played = await play(stage, {
    ...failover(
      stage,
      "drift",
      active,
      `drift: a stranger points every route of the address at ${otherThan(stage, active)}`,
    ),
    to: active,
    changesGroup: false,
    targetMs,
    boundMs: targetMs + NOISE_MS,
    inject: async () => {
      for (const id of ec2World.routeTableIds) ec2.replaceRoute(id, destination, wrong);
      const end = ec2.subscribe(() => {
        if (isRight()) repaired.resolve(machineMonotonicMs() - startMs);
      });
      stage.clock.setTimer(waitLimitMs(stage), () => repaired.reject(new Error("the routes were not repaired")));
      await repaired.promise.finally(end);
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, active),
  });
  const repairedMs = await repaired.promise.catch(() => undefined);
  return { ...played, detectedMs: repairedMs, activatedMs: repairedMs };
}

async function monitorIntervalMs(stage: Stage): Promise<number> {
  const found = await stage.world.api.get<AwsVirtualIP>(AWS_VIRTUAL_IP, VIRTUAL_IP_KEY);
  return parseDurationMs(found?.spec.monitor?.interval ?? "10s") ?? 10_000;
}
