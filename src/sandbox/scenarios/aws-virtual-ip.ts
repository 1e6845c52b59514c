/**
 * `examples/aws-virtual-ip` under fire: crash, planned move, cut-off, freeze, drift. Each fault starts from a calm
 * group and ends with one, so that their outages can be read apart.
 */
import { fileURLToPath } from "node:url";
import { routerAddress } from "../loopback/topology.ts";
import { SERVICE_PORT } from "../network/topology.ts";
import type { FaultResult } from "../report/result.ts";
import type { Ground } from "../world/emulator.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { drift, type Resource } from "./cloud-faults.ts";
import { crash, cutOff, freeze, plannedMove } from "./faults.ts";
import type { ClientTarget, Play, Scenario, ScenarioParts } from "./scenario.ts";
import { otherThan, type Stage } from "./stage.ts";

const VIRTUAL_IP: Resource = { kind: "AwsVirtualIP", name: "awsvip1" };
const EXAMPLE = fileURLToPath(new URL("../../../examples/aws-virtual-ip", import.meta.url));

export const AWS_VIRTUAL_IP_SCENARIO = virtualIpScenario({
  what: "examples/aws-virtual-ip",
  apply: applyExample,
  faults: [crash, plannedMove, cutOff, freeze, routesChanged],
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

/** Every table that has the entry. */
function routesChanged(stage: Stage): Promise<FaultResult> {
  const { ec2, ec2World, topology } = stage.world;
  const destination = `${topology.virtualIp}/32`;
  const leadsTo = (routeTableId: string, eniId: string): boolean => {
    const routes = ec2.state.routeTables.get(routeTableId)?.routes ?? [];
    const target = routes.find((route) => route.destinationCidr === destination)?.target;
    return target?.type === "networkInterface" && target.networkInterfaceId === eniId;
  };
  return drift(stage, {
    resource: VIRTUAL_IP,
    story: (active) => `drift: a stranger points every route of the address at ${otherThan(stage, active)}`,
    change: (active) => {
      const networkInterfaceId = ec2World.eniOf(otherThan(stage, active));
      for (const id of ec2World.routeTableIds) {
        ec2.replaceRoute(id, destination, { type: "networkInterface", networkInterfaceId });
      }
    },
    isRight: (active) => ec2World.routeTableIds.every((id) => leadsTo(id, ec2World.eniOf(active))),
  });
}
