/** A FailoverGroup as the worker reads it, and the objects it refers to; only what a test cares about is named. */
import type {
  AwsDns,
  AwsVirtualIP,
  FailoverGroup,
  FailoverGroupStatus,
  GroupResource,
  LbProbePort,
} from "../../src/api/generated/types.ts";
import type { ResourceObjects } from "../../src/nodeagent/worker/part-plan.ts";

export const SESSION = "node1_session-a";

export const VIP: GroupResource = { kind: "AwsVirtualIP", name: "vip", onFailure: "Failover" };
export const PROBE: GroupResource = { kind: "LbProbePort", name: "probe", onFailure: "Failover" };
export const DNS: GroupResource = { kind: "AwsDns", name: "srv", onFailure: "Failover" };
export const APP: GroupResource = {
  name: "app",
  onFailure: "Failover",
  exec: {
    start: { command: ["/etc/understudy/exec.d/app", "start"], timeout: "60s" },
    stop: { command: ["/etc/understudy/exec.d/app", "stop"], timeout: "60s" },
    monitor: {
      command: ["/etc/understudy/exec.d/app", "status"],
      interval: "10s",
      timeout: "10s",
      retries: 2,
      retryInterval: "2s",
      startDelay: "0s",
      whenUnreadable: "Warn",
    },
  },
};

export interface GroupOptions {
  readonly resources?: readonly GroupResource[];
  readonly status?: FailoverGroupStatus;
  readonly members?: readonly string[];
  readonly failover?: Partial<FailoverGroup["spec"]["failover"]>;
  readonly servicePorts?: number[];
}

export function workerGroup(options: GroupOptions = {}): FailoverGroup {
  const { resources = [VIP, APP, PROBE], members = ["node1", "node2"], failover, status, servicePorts } = options;
  return {
    apiVersion: "understudy.dev/v1alpha1",
    kind: "FailoverGroup",
    metadata: { namespace: "ha", name: "failover1", uid: "uid-1", resourceVersion: "100", generation: 1 },
    spec: {
      members: members.map((node) => ({ node })),
      resources: [...resources],
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
        ...failover,
      },
      scheduledEvents: { action: "Act", leadTime: "10m" },
      whenDeleted: "Deactivate",
      ...(servicePorts === undefined ? {} : { servicePorts }),
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function grantTo(node: string, epoch: number, session = SESSION): FailoverGroupStatus {
  return { epoch, active: { node, epoch, session, since: "2026-01-01T00:00:00Z" } };
}

export const monitor = {
  interval: "5s",
  timeout: "2s",
  retries: 2,
  retryInterval: "2s",
  startDelay: "0s",
  whenUnreadable: "Warn",
} as const;

export function virtualIp(name = "vip", address = "10.1.0.20"): AwsVirtualIP {
  return {
    metadata: { namespace: "ha", name },
    spec: {
      address,
      sourceDestCheck: "Verify",
      monitor: { ...monitor, interval: "10s" },
      timeouts: { call: "5s", activate: "30s", deactivate: "30s" },
    },
  };
}

export function probePort(name = "probe", port = 26001): LbProbePort {
  return {
    metadata: { namespace: "ha", name },
    spec: { port, monitor, timeouts: { activate: "30s", deactivate: "30s" } },
  };
}

/** A record that leads to node1 (10.0.1.10) and is on all name servers under epoch 5. */
export function awsDns(spec: Partial<AwsDns["spec"]> = {}, status: Partial<AwsDns["status"]> = {}): AwsDns {
  return {
    metadata: { namespace: "ha", name: "srv" },
    spec: {
      hostedZoneId: "Z1",
      name: "srv.hz1.local.",
      addressType: "InternalIP",
      ttl: "10s",
      whenStopped: "Keep",
      write: { retryInterval: "2s", attempts: 3 },
      sync: { interval: "20s", attempts: 5 },
      monitor: { ...monitor, interval: "30s", timeout: "5s", retries: 3, startDelay: "30s", resolution: "Node" },
      timeouts: { call: "5s", activate: "30s", deactivate: "30s" },
      ...spec,
    },
    status: {
      active: { node: "node1", epoch: 5 },
      members: [
        { node: "node1", address: "10.0.1.10" },
        { node: "node2", address: "10.0.2.10" },
      ],
      conditions: [
        {
          type: "Propagated",
          status: "True",
          reason: "InSync",
          message: "",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
      ...status,
    },
  };
}

export const workerObjects: ResourceObjects = {
  virtualIp: (_namespace, name) => (name === "vip" ? virtualIp() : undefined),
  probePort: (_namespace, name) => (name === "probe" ? probePort() : undefined),
  dnsName: (_kind, _namespace, name) => (name === "srv" ? awsDns() : undefined),
};
