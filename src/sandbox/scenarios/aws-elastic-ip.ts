/** `examples/aws-elastic-ip` under fire, with a client on the internet: the general faults, a changed association, an outage of EC2. */
import { fileURLToPath } from "node:url";
import { SERVICE_PORT } from "../network/topology.ts";
import { PublicAddress } from "../nat/public-address.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { apiOutage, drift, type Resource } from "./cloud-faults.ts";
import { crash, cutOff, plannedMove } from "./faults.ts";
import type { Scenario } from "./scenario.ts";
import { otherThan, type Stage } from "./stage.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/aws-elastic-ip", import.meta.url));
/** Of the example. */
const ALLOCATION_ID = "eipalloc-0123456789abcdef0";
const RESOURCE: Resource = { kind: "AwsElasticIP", name: "awseip1" };

export const AWS_ELASTIC_IP_SCENARIO: Scenario = {
  what: "examples/aws-elastic-ip",
  topology: "two-zones-internet",
  service: "own-address",
  build: (ground) => {
    const { publicIp } = ground.topology;
    for (const region of ground.regions) region.allocateAddress(publicIp, ALLOCATION_ID);
    return {
      emulators: [new PublicAddress({ address: publicIp, port: SERVICE_PORT }, ground)],
      client: { host: publicIp, port: SERVICE_PORT },
      apply: ({ world }) => applyAll(world.api, readManifests(EXAMPLE), USER_NAMESPACE),
      faults: [crash, plannedMove, cutOff, associationChanged, ec2Outage],
      notReal: ["the Elastic IP's 1:1 NAT is a relay of TCP connections in the router"],
    };
  },
};

function associatedWith(stage: Stage): string | undefined {
  return stage.world.ec2.state.addresses.get(ALLOCATION_ID)?.networkInterfaceId;
}

function associationChanged(stage: Stage) {
  const { ec2, ec2World } = stage.world;
  return drift(stage, {
    resource: RESOURCE,
    story: (active) => `drift: a stranger associates the address with ${otherThan(stage, active)}`,
    change: (active) => {
      const networkInterfaceId = ec2World.eniOf(otherThan(stage, active));
      ec2.associateAddress({ allocationId: ALLOCATION_ID, networkInterfaceId, allowReassociation: true });
    },
    isRight: (active) => associatedWith(stage) === ec2World.eniOf(active),
  });
}

function ec2Outage(stage: Stage) {
  return apiOutage(stage, {
    resource: RESOURCE,
    cloud: "EC2",
    begin: () => stage.world.endpoint?.faults.inject({ outcome: { type: "unreachable" } }) ?? (() => undefined),
    stateOf: () => JSON.stringify(stage.world.ec2.state.addresses.get(ALLOCATION_ID)),
  });
}
