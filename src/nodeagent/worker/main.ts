/**
 * `understudy agent-worker`: the guard's child. Wires the worker to the host, the API server and the channel to its
 * guard. When the channel closes the guard is gone, and everything goes down.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AWS_DNS, AWS_VIRTUAL_IP, AZURE_DNS, FAILOVER_GROUP, LB_PROBE_PORT } from "../../api/kinds.ts";
import type { AwsDns, AwsVirtualIP, AzureDns, FailoverGroup, LbProbePort } from "../../api/generated/types.ts";
import { LOG_FORMATS, LOG_LEVELS, pinoLog } from "../../host/pino-log.ts";
import { systemClock } from "../../host/system-clock.ts";
import { systemRandom } from "../../host/system-random.ts";
import { EventRecorder } from "../../controller/event-recorder.ts";
import { Informer, type InformerModules } from "../../kube/informer.ts";
import type { KubeObject } from "../../kube/ports.ts";
import { RestKubeApi } from "../../kube/rest-client.ts";
import { inClusterServer, SERVICE_ACCOUNT_FILES, tokenConnection } from "../../kube/token-connection.ts";
import type { Logger } from "../../lib/log.ts";
import { type AddressPort, type ServiceConnections, silentAnnouncer } from "../address/port.ts";
import { FailureDetails } from "../details/failure-details.ts";
import { type Delay, delaySentence, DelayWarnings } from "../delays/delays.ts";
import type { GuardToWorker, WorkerToGuard } from "../guard-protocol.ts";
import { DurableFile } from "../guard/durable-file.ts";
import { LinuxAddresses } from "../linux/addresses.ts";
import { LinuxArpSilence } from "../linux/arp-silence.ts";
import { LinuxCommands } from "../linux/commands.ts";
import { InstanceMetadata } from "../linux/instance-metadata.ts";
import { LinuxConnections } from "../linux/connections.ts";
import { LinuxIsolationTargets } from "../linux/isolation-targets.ts";
import { FileAddresses } from "../linux/file-addresses.ts";
import { FileJournal } from "../linux/file-journal.ts";
import { GratuitousArp } from "../linux/gratuitous-arp.ts";
import { LinuxListeners } from "../linux/listeners.ts";
import { LinuxNames } from "../linux/names.ts";
import { LinuxProcesses } from "../linux/processes.ts";
import { DetailsFolder, LinuxSystemFacts } from "../linux/system-facts.ts";
import { LinuxSystemState } from "../linux/system-state.ts";
import { hasLeftSince } from "../machine/departure.ts";
import { MachineWatch, type MachineWatchModules } from "../machine/watch.ts";
import { parseWorkerOptions, type WorkerOptions } from "./flags.ts";
import { ForwardedMetrics } from "./forwarded-metrics.ts";
import { GuardLink } from "./guard-link.ts";
import { Worker } from "./worker.ts";

/** Exit codes: 1 the guard is gone, or it was not started by one; 2 wrong usage. */
export async function runWorker(argv: readonly string[]): Promise<number> {
  const options = parseWorkerOptions(argv);
  const log = makeLog(options);
  if (process.send === undefined) {
    log.error("agent-worker is started by `understudy agent`, not by hand");
    return 2;
  }
  // The guard decides when this process ends; a signal to the whole group must not race it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  const clock = systemClock;
  const shared = { clock, random: systemRandom, log };
  const channel = { send: (message: WorkerToGuard) => void (process.connected && process.send?.(message)) };
  const metrics = new ForwardedMetrics({ clock }, (operations) => guard.tell({ type: "metrics", operations }));
  const guard: GuardLink = new GuardLink(channel, { clock }, (message) => worker.told(message));
  const api = new RestKubeApi(
    {
      connection: await connectionOf(options),
      timeoutMs: options.requestTimeoutMs * 4,
      fieldManager: "understudy-agent",
    },
    { clock, metrics },
  );
  const events = new EventRecorder({ component: "understudy-agent", instance: options.node }, { api, ...shared });
  const tellDelay = (delay: Delay): void =>
    events.tell(nodeObject(options.node), "Warning", "DelayWarning", delaySentence(delay));
  const delays = new DelayWarnings({ percent: options.delayWarningPercent }, { ...shared, metrics, tell: tellDelay });
  const informers = informersOf({ api, metrics, ...shared });
  const host = hostOf(options, log);
  const worker: Worker = new Worker(options.node, {
    api,
    clock,
    log,
    metrics,
    guard,
    ...informers,
    records: informers,
    tellDelay,
    delays,
    details: detailsOf(options, host, log),
    ...host,
  });
  const lost = Promise.withResolvers<void>();
  process.on("message", (message) => guard.receive(message as GuardToWorker));
  process.on("disconnect", () => lost.resolve());
  if (!process.connected) lost.resolve();
  new LinuxSystemState(options, { clock, log }).watch((how) => guard.tell({ type: "shutdown", how }));
  worker.start();
  const watch = machineWatch(options, { clock, log, metrics, guard, groups: informers.groups });
  for (const informer of Object.values(informers)) informer.start();
  void Promise.all(Object.values(informers).map((informer) => informer.synced)).then(() => worker.synced());
  await lost.promise;
  watch?.close();
  await worker.abandon(options.stopBudgetMs);
  log.flush();
  // Nothing of this process may outlive its guard, whatever is still open.
  process.exit(1);
}

function informersOf(modules: InformerModules) {
  return {
    groups: new Informer<FailoverGroup>({ type: FAILOVER_GROUP }, modules),
    virtualIps: new Informer<AwsVirtualIP>({ type: AWS_VIRTUAL_IP }, modules),
    probePorts: new Informer<LbProbePort>({ type: LB_PROBE_PORT }, modules),
    AwsDns: new Informer<AwsDns>({ type: AWS_DNS }, modules),
    AzureDns: new Informer<AzureDns>({ type: AZURE_DNS }, modules),
  };
}

/** Events about a Node are found by its name as their UID (kubelet does the same). */
function nodeObject(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Node", metadata: { name, namespace: "default", uid: name } };
}

interface MachineModules extends Pick<MachineWatchModules, "clock" | "log" | "metrics"> {
  readonly guard: GuardLink;
  readonly groups: Informer<FailoverGroup>;
}

/** Undefined: nobody tells this machine about itself. */
function machineWatch(options: WorkerOptions, modules: MachineModules): MachineWatch | undefined {
  const { metadataUrl: url, node } = options;
  if (url === undefined) return undefined;
  const watch = new MachineWatch({
    ...modules,
    metadata: new InstanceMetadata({ url }, modules),
    tell: (machine) => modules.guard.tell({ type: "machine", machine }),
    hasLeftSince: (sinceWallMs) => hasLeftSince(modules.groups.list(), node, sinceWallMs),
  });
  watch.start();
  return watch;
}

function hostOf(options: WorkerOptions, log: Logger) {
  const clock = systemClock;
  const isFile = options.addressBackend === "file";
  const addresses: AddressPort = isFile
    ? new FileAddresses(join(options.stateFolder, "addresses.json"))
    : new LinuxAddresses({ clock });
  const ownerId = process.getuid?.() ?? 0;
  const hostRoot = options.hostRoot === "/" ? "" : options.hostRoot;
  const noConnections: ServiceConnections = { reset: () => Promise.resolve(false) };
  return {
    addresses,
    ...(isFile ? {} : { arp: arpOf(options, log) }),
    announcer: isFile ? silentAnnouncer : new GratuitousArp({ addresses, clock, log }),
    connections: isFile ? noConnections : new LinuxConnections({ log }),
    listeners: new LinuxListeners({ bindAddress: options.probeAddress }, { clock }),
    commands: new LinuxCommands({ directories: options.execDirectories, hostRoot, ownerId }, { clock }),
    processes: new LinuxProcesses(),
    isolationProbe: new LinuxIsolationTargets({}, { clock }),
    resolver: new LinuxNames({ hostRoot }, { clock }),
    journal: new FileJournal(join(options.stateFolder, "commands.json")),
  };
}

function arpOf(options: WorkerOptions, log: Logger): LinuxArpSilence {
  const record = new DurableFile(join(options.stateFolder, "arp.json"));
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const silence = new LinuxArpSilence({ bootId }, { record, log });
  // The guard has taken down what an earlier life had up.
  void silence.restore();
  return silence;
}

function detailsOf(options: WorkerOptions, host: ReturnType<typeof hostOf>, log: Logger): FailureDetails {
  const store = new DetailsFolder(join(options.stateFolder, "details"), { log });
  return new FailureDetails({ ...host, system: new LinuxSystemFacts(), store, clock: systemClock, log });
}

async function connectionOf(options: WorkerOptions) {
  const inCluster = inClusterServer(process.env);
  const server = options.apiServer ?? inCluster;
  if (server === undefined) throw new RangeError("--api-server is required outside a cluster");
  const isInCluster = options.apiServer === undefined;
  const tokenFile = options.tokenFile ?? (isInCluster ? SERVICE_ACCOUNT_FILES.token : undefined);
  const caFile = options.caFile ?? (isInCluster ? SERVICE_ACCOUNT_FILES.ca : undefined);
  const files = { ...(tokenFile === undefined ? {} : { tokenFile }), ...(caFile === undefined ? {} : { caFile }) };
  return await tokenConnection({ server, ...files }, { clock: systemClock });
}

function makeLog(options: WorkerOptions) {
  const level = LOG_LEVELS.find((known) => known === options.logLevel) ?? "info";
  const format = LOG_FORMATS.find((known) => known === options.logFormat) ?? "json";
  return pinoLog({ level, format, fields: { process: "agent-worker", node: options.node } });
}
