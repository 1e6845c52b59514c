/** `Seen` of an AwsVirtualIP as plain data: two members in one VPC, three tables, the group granted to node2 under epoch 7. */
import type { AwsVirtualIP, AwsVirtualIPStatus, FailoverGroup } from "../../src/api/generated/types.ts";
import { FINALIZERS } from "../../src/api/kinds.ts";
import type { NetworkInterface, RouteTable } from "../../src/cloud/aws/ports.ts";
import type { AwsMember } from "../../src/reconcilers/pointer/aws-members.ts";
import { activationOf } from "../../src/reconcilers/pointer/activation.ts";
import { claimOf } from "../../src/reconcilers/pointer/claims.ts";
import { NOTHING_REMEMBERED } from "../../src/reconcilers/pointer/seen.ts";
import type { VipFacts, VipSeen, VpcSeen } from "../../src/reconcilers/aws-virtual-ip/seen.ts";

export const ENI1 = "eni-1";
export const ENI2 = "eni-2";
export const TABLES = ["rtb-a", "rtb-b", "rtb-c"] as const;
export const DESTINATION = "10.1.0.20/32";

export function aVip(status?: AwsVirtualIPStatus, finalizers: readonly string[] = [FINALIZERS.inUse]): AwsVirtualIP {
  return {
    metadata: {
      namespace: "ha",
      name: "awsvip1",
      uid: "vip-uid",
      generation: 3,
      creationTimestamp: "2026-05-01T10:00:00Z",
      finalizers: [...finalizers],
    },
    spec: {
      address: "10.1.0.20",
      sourceDestCheck: "Verify",
      monitor: {
        interval: "10s",
        timeout: "5s",
        retries: 2,
        retryInterval: "2s",
        startDelay: "0s",
        whenUnreadable: "Warn",
      },
      timeouts: { call: "5s", activate: "30s", deactivate: "30s" },
    },
    status,
  };
}

export function aGroup(status: FailoverGroup["status"]): FailoverGroup {
  return {
    metadata: { namespace: "ha", name: "failover1", uid: "group-uid", creationTimestamp: "2026-05-01T09:00:00Z" },
    spec: {
      members: [{ node: "node1" }, { node: "node2" }],
      resources: [{ kind: "AwsVirtualIP", name: "awsvip1", onFailure: "Failover" }],
      failover: {
        mode: "Automatic",
        reactivations: 3,
        attemptsPerMember: 1,
        resetAfter: "10m",
        finalAction: "Stop",
        failback: "Manual",
        failbackAfter: "10m",
        scope: "Anywhere",
        coldStart: "Automatic",
        startWait: "30s",
        onCordon: "Move",
      },
      scheduledEvents: { action: "Act", leadTime: "10m" },
      whenDeleted: "Deactivate",
    },
    status,
  };
}

export const GRANT = { node: "node2", epoch: 7, session: "node2_s", since: "2026-05-01T10:00:00Z" };

/** Granted to node2, whose local half is up. */
export function aGrantedGroup(): FailoverGroup {
  const report = {
    node: "node2",
    session: "node2_s",
    epoch: 7,
    state: "Active",
    resources: [{ name: "awsvip1", state: "Active" }],
  } as const;
  return aGroup({ epoch: 7, active: GRANT, reports: [{ ...report, resources: [...report.resources] }] });
}

export function anEni(id: string, node: string, sourceDestCheck = false): NetworkInterface {
  return {
    networkInterfaceId: id,
    vpcId: "vpc-1",
    subnetId: "subnet-1",
    availabilityZone: "eu-central-1a",
    macAddress: "02:00:00:00:00:01",
    privateIpAddress: "10.0.1.10",
    sourceDestCheck,
    attachedInstanceId: `i-${node}`,
    deviceIndex: 0,
  };
}

export function aMember(node: string, eniId: string): AwsMember {
  return {
    node,
    isNodeKnown: true,
    instance: { zone: "eu-central-1a", region: "eu-central-1", instanceId: `i-${node}` },
    providerId: `aws:///eu-central-1a/i-${node}`,
    region: "eu-central-1",
    wantedEniId: undefined,
    networkInterface: { ok: true, value: anEni(eniId, node), sentAtMs: 0 },
  };
}

/** Tables whose route for the address leads to `targets`, in the order of `TABLES`. */
export function tablesTo(targets: readonly string[]): RouteTable[] {
  return targets.map((networkInterfaceId, index) => ({
    routeTableId: TABLES[index] ?? `rtb-${index}`,
    vpcId: "vpc-1",
    routes: [{ destinationCidr: DESTINATION, networkInterfaceId, state: "active" }],
  }));
}

export function aVpc(targets: readonly string[], sentAtMs = 1_000): VpcSeen {
  return {
    vpcId: "vpc-1",
    region: "eu-central-1",
    cidrBlocks: { ok: true, value: ["10.0.0.0/16"], sentAtMs },
    routeTables: { ok: true, value: tablesTo(targets), sentAtMs },
  };
}

/** The cluster's side of a member. */
function aMemberFacts(node: string): VipSeen["members"][number] {
  return {
    node,
    isNodeKnown: true,
    providerId: `aws:///eu-central-1a/i-${node}`,
    region: "eu-central-1",
    addresses: { InternalIP: [], ExternalIP: [] },
    interfacesByMac: new Map([["02:00:00:00:00:01", "eth0"]]),
  };
}

/** The claim recorded, routes still at node1, nothing written yet; the routes have been due since 1000 ms. */
export function aSeen(
  overrides: Partial<Omit<VipSeen, "facts">> &
    Partial<Omit<VipFacts, "members">> & { readonly enis?: VipFacts["members"] } = {},
): VipSeen {
  const { vpcs = [aVpc([ENI1, ENI1, ENI1])], permissions = [], callTimes, enis, ...others } = overrides;
  const object = overrides.object ?? aVip({ group: { name: "failover1", uid: "group-uid" } });
  const group = aGrantedGroup();
  const members = enis ?? [aMember("node1", ENI1), aMember("node2", ENI2)];
  return {
    object,
    status: object.status ?? {},
    claim: claimOf("AwsVirtualIP", object, [object], [group]),
    activation: activationOf(group, "awsvip1"),
    isGroupStopped: false,
    isPaused: false,
    credentials: { ok: true },
    members: members.map((member) => aMemberFacts(member.node)),
    facts: { members, vpcs, permissions, callTimes },
    notImplemented: [],
    memory: { ...NOTHING_REMEMBERED, due: { epoch: 7, sinceMs: 1_000 } },
    ...others,
  };
}
