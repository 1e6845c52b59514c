/**
 * The controller wired together on given ports: caches, loops, session poller, election, manager. The process
 * (`main.ts`) gives it the real cluster and clouds, the simulation simulated ones; what is wired is the same. Decides
 * nothing and starts nothing.
 */
import type { Preset, Timings } from "../api/timings.ts";
import type { Ec2Access } from "../cloud/aws/ec2-access.ts";
import type { Route53Access } from "../cloud/aws/route53-access.ts";
import type { Ec2ZoneAccess } from "../cloud/aws/zone-knowledge.ts";
import type { AzureDnsAccess } from "../cloud/azure/dns-access.ts";
import type { AzureNetworkAccess } from "../cloud/azure/network-knowledge.ts";
import { CloudError } from "../cloud/errors.ts";
import type { FencerAccess } from "../cloud/fencing-ports.ts";
import type { KubeApi } from "../kube/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import { FencingDriver } from "../reconcilers/failover-group/fencing-driver.ts";
import type { FencingLimit } from "../reconcilers/failover-group/fencing-record.ts";
import { ALL_RULES, type SafetyRules } from "../lib/safety-rules.ts";
import { ZoneWatch } from "../reconcilers/failover-group/zone-watch.ts";
import { SessionPoller } from "../reconcilers/failover-group/session-poller.ts";
import type { RegistryModules } from "../reconcilers/registry.ts";
import { type ControllerCaches, makeCaches, makeLoops, wire } from "../reconcilers/wiring.ts";
import { Deposed, type Fence } from "./contract.ts";
import { EventRecorder } from "./event-recorder.ts";
import { LeaderElection } from "./leader-election.ts";
import type { ElectionTimings } from "./lease-election.ts";
import { Manager } from "./manager.ts";

export interface ControllerSettings {
  /** The installation's namespace, with the session Leases. */
  readonly namespace: string;
  /** Name of this replica. */
  readonly identity: string;
  readonly preset: Preset;
  readonly timings: Timings;
  readonly ambientNamespaces: readonly string[];
  readonly isRecoveryPaused: boolean;
  /** `monitor.delayWarningPercent`, 1 to 100; omitted: 80. */
  readonly delayWarningPercent?: number;
  /** `fencing.maxPerPeriod` and `fencing.period`; omitted: API.md's. */
  readonly fencing?: FencingLimit;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
  /** The simulator's: groups with a MirrorDisk are granted although no data moves. */
  readonly hasSimulatedMirror?: boolean;
}

export interface ControllerPorts {
  readonly kube: KubeApi;
  readonly ec2: Ec2Access;
  /** Omitted: this process has no records in Route 53. */
  readonly route53?: Route53Access;
  /** Omitted: this process has no records in Azure. */
  readonly azureDns?: AzureDnsAccess;
  /** Omitted: this process reads no load balancers. */
  readonly azureNetworks?: AzureNetworkAccess;
  /** Omitted: this process watches no zones. */
  readonly zones?: Ec2ZoneAccess;
  /** Omitted: this process stops no machines. */
  readonly fencers?: FencerAccess;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Leadership is lost: the process must end at once. */
  readonly onLost: () => void;
}

export interface Composition {
  readonly manager: Manager;
  readonly poller: SessionPoller;
  readonly events: EventRecorder;
  readonly fencing: FencingDriver;
}

/** API.md section 2. */
export const FENCING_LIMIT: FencingLimit = { maxPerPeriod: 2, periodMs: 600_000 };

const NO_ROUTE53: Route53Access = {
  knowledgeOf: () => {
    const detail = { code: "EndpointUnreachable", action: "connect" } as const;
    return Promise.reject(new CloudError(detail, "this process has no way to Route 53"));
  },
};

const NO_AZURE_DNS: AzureDnsAccess = {
  knowledgeOf: () => {
    const detail = { code: "EndpointUnreachable", action: "connect" } as const;
    return Promise.reject(new CloudError(detail, "this process has no way to Azure DNS"));
  },
};

const NO_AZURE_NETWORKS: AzureNetworkAccess = {
  networksOf: () => {
    const detail = { code: "EndpointUnreachable", action: "connect" } as const;
    return Promise.reject(new CloudError(detail, "this process has no way to read load balancers"));
  },
};

const NO_FENCERS: FencerAccess = {
  fencerFor: () => {
    const detail = { code: "EndpointUnreachable", action: "connect" } as const;
    return Promise.reject(new CloudError(detail, "this process has no way to stop machines"));
  },
};

/** Who writes; also the `component` of its Events. */
export const FIELD_MANAGER = "understudy-controller";
const LEADER_LEASE = "understudy-controller";
const DRAIN_TIMEOUT_MS = 5_000;

/** How fast a standby replica takes over when the leader dies. A leader that ends in order releases at once. */
const ELECTION_TIMINGS: Readonly<Record<Preset, ElectionTimings>> = {
  default: {
    leaseDurationMs: 15_000,
    renewDeadlineMs: 10_000,
    renewIntervalMs: 2_000,
    requestTimeoutMs: 2_000,
    marginMs: 500,
  },
  fast: {
    leaseDurationMs: 4_000,
    renewDeadlineMs: 3_000,
    renewIntervalMs: 500,
    requestTimeoutMs: 1_000,
    marginMs: 250,
  },
  "azure-freeze-tolerant": {
    leaseDurationMs: 60_000,
    renewDeadlineMs: 50_000,
    renewIntervalMs: 5_000,
    requestTimeoutMs: 5_000,
    marginMs: 1_000,
  },
};

export function composeController(settings: ControllerSettings, ports: ControllerPorts): Composition {
  const { kube, clock, random, log, metrics } = ports;
  const shared = { clock, random, log, metrics };
  const { namespace, rules = ALL_RULES } = settings;
  const caches = makeCaches(namespace, { ...shared, api: kube });
  const poller = new SessionPoller({ namespace, timings: settings.timings, rules }, { kube, ...shared });
  const events = new EventRecorder({ component: FIELD_MANAGER, instance: settings.identity }, { api: kube, ...shared });
  const held: { election?: LeaderElection } = {};
  const fence: Fence = {
    assertLeader: () => {
      if (held.election === undefined) throw new Deposed("there is no election yet");
      held.election.assertLeader();
    },
  };
  const fencing = new FencingDriver(
    {
      ...(settings.fencing ?? FENCING_LIMIT),
      namespace,
      ambientNamespaces: settings.ambientNamespaces,
      requestTimeoutMs: settings.timings.requestTimeoutMs,
      rules,
    },
    { kube, clock, log, metrics, events, sessions: poller, fencers: ports.fencers ?? NO_FENCERS },
  );
  const zones = ports.zones === undefined ? undefined : new ZoneWatch({ access: ports.zones, clock, metrics });
  const loops = makeLoops(
    registryModules(settings, ports, { caches, poller, events, fencing, zones }),
    { ...shared, fence },
    { rules },
  );
  // Also in the replica that stands by: a record may have to move as soon as it leads.
  caches.resources.AzureDns.onChange(() => ports.azureDns?.warmUp?.());
  wire(caches, loops, poller, fencing);
  zones?.onChange((group) => loops.FailoverGroup.enqueue(group));
  const identity = `${settings.identity}_${random.uuid()}`;
  const config = { ...ELECTION_TIMINGS[settings.preset], identity, namespace, name: LEADER_LEASE };
  const manager = new Manager(
    { drainTimeoutMs: DRAIN_TIMEOUT_MS },
    {
      caches: [caches.groups, caches.nodes, caches.leases, ...Object.values(caches.resources)],
      loops: Object.values(loops),
      clock,
      log,
      election: (listener) => {
        held.election = new LeaderElection(config, {
          api: kube,
          ...shared,
          onElected: () => listener.onElected(),
          onDeposed: (reason) => listener.onDeposed(reason),
        });
        return held.election;
      },
      onStandby: () => poller.start(),
      onLost: ports.onLost,
    },
  );
  return { manager, poller, events, fencing };
}

interface Parts {
  readonly caches: ControllerCaches;
  readonly poller: SessionPoller;
  readonly events: EventRecorder;
  readonly fencing: FencingDriver;
  readonly zones: ZoneWatch | undefined;
}

function registryModules(settings: ControllerSettings, ports: ControllerPorts, parts: Parts): RegistryModules {
  const { kube, ec2, clock, log, metrics } = ports;
  const { timings, namespace, isRecoveryPaused, ambientNamespaces, rules = ALL_RULES, delayWarningPercent } = settings;
  const { hasSimulatedMirror = false } = settings;
  const { caches, poller, events, fencing, zones } = parts;
  const shared = { kube, clock, log, metrics, events };
  return {
    kube,
    caches,
    failoverGroup: {
      ...shared,
      sessions: poller,
      caches,
      fencing,
      zones,
      settings: { timings, isRecoveryPaused, rules, hasSimulatedMirror },
      leaseNamespace: namespace,
    },
    pointers: {
      ...shared,
      groups: caches.groups,
      nodes: caches.nodes,
      leases: caches.leases,
      settings: { installationNamespace: namespace, ambientNamespaces, isRecoveryPaused, rules, delayWarningPercent },
    },
    clouds: {
      ec2,
      route53: ports.route53 ?? NO_ROUTE53,
      azureDns: ports.azureDns ?? NO_AZURE_DNS,
      azureNetworks: ports.azureNetworks ?? NO_AZURE_NETWORKS,
    },
  };
}
