/**
 * `understudy agent`: composes the guard with the real node and runs it. Decides nothing.
 *
 * Order matters: the lock first (a second guard must touch nothing), then the record of an earlier life, then the
 * guard, which takes down what that record names before it asks for a session.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeFacts } from "../../api/session-lease.ts";
import { revokeWaitMs, type Timings } from "../../api/timings.ts";
import { pinoLog } from "../../host/pino-log.ts";
import { prometheusMetrics } from "../../host/prometheus.ts";
import { systemClock } from "../../host/system-clock.ts";
import { systemRandom } from "../../host/system-random.ts";
import { RestKubeApi } from "../../kube/rest-client.ts";
import { inClusterServer, SERVICE_ACCOUNT_FILES, tokenConnection } from "../../kube/token-connection.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { type AddressPort, isOurLabel } from "../address/port.ts";
import { DelayWarnings } from "../delays/delays.ts";
import { newSigner, newVerifier } from "../heartbeat/signing.ts";
import { udpDatagrams } from "../heartbeat/udp.ts";
import { LinuxAddresses } from "../linux/addresses.ts";
import { LinuxConnections } from "../linux/connections.ts";
import { FileAddresses } from "../linux/file-addresses.ts";
import { LinuxProcesses } from "../linux/processes.ts";
import { SysrqReboot } from "../linux/sysrq-reboot.ts";
import { LinuxSystemState } from "../linux/system-state.ts";
import { readSettings } from "../linux/settings-folder.ts";
import { LinuxWatchdog, readWatchdogFacts, sysfsFolder } from "../linux/watchdog.ts";
import { DurableFile } from "./durable-file.ts";
import { ForkedWorkers } from "./fork-worker.ts";
import { Guard } from "./guard.ts";
import { HardCut } from "./hard-cut.ts";
import { Holdings } from "./holdings.ts";
import { changeOf, SettingsFollower } from "./session-settings.ts";
import { judgeWatchdog, type Watchdog } from "./watchdog.ts";
import { serveMetrics } from "./metrics-server.ts";
import { becomeOnlyGuard } from "./only-guard.ts";
import { PromiseStore } from "./promise-store.ts";
import { PromisingPeers, type PromisingPeersModules } from "./promising-peers.ts";
import { ALL_RULES } from "../../lib/safety-rules.ts";
import { AGENT_HELP, type AgentOptions, parseAgentOptions, UsageError } from "./options.ts";

/** The worker is this very program: sources, bundle or the package's command. */
const PROGRAM = process.argv[1] ?? "";
/** Published with the node's facts. */
const VERSION = "0.1.0";
/** The worker's heap stays small, so that guard and worker fit into 120 MB. */
const WORKER_RUNTIME_FLAGS = ["--max-semi-space-size=2", "--max-old-space-size=256"];
/** Names of variables that mark a group's commands; the worker must not carry them itself. */
const COMMAND_VARIABLES = /^UNDERSTUDY_(GROUP|NAMESPACE|NODE|EPOCH|CAUSE)$/;

/** Runs until SIGTERM or SIGINT; resolves to the exit code of `AGENT_HELP`. */
export async function runAgent(argv: readonly string[]): Promise<number> {
  let options: AgentOptions;
  try {
    options = parseAgentOptions(argv);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    process.stderr.write(`understudy agent: ${thrown.message}\n\n${AGENT_HELP}`);
    return 2;
  }
  if (options.isHelp) {
    process.stdout.write(AGENT_HELP);
    return 0;
  }
  const log = pinoLog({
    level: options.logLevel,
    format: options.logFormat,
    fields: { process: "guard", node: options.node },
  });
  try {
    await runGuard(options, argv, log);
    return 0;
  } catch (thrown) {
    log.error("agent cannot run", { error: messageOf(thrown) });
    return 1;
  } finally {
    log.flush();
  }
}

async function runGuard(flags: AgentOptions, argv: readonly string[], log: Logger): Promise<void> {
  const options = await withSettings(flags, log);
  mkdirSync(options.stateFolder, { recursive: true, mode: 0o700 });
  const lock = await becomeOnlyGuard(options.node, options.stateFolder);
  const bootId = readBootId(options.hostRoot);
  const holdings = new Holdings(new DurableFile(join(options.stateFolder, "holdings.json")), bootId);
  await holdings.load();
  const metrics = prometheusMetrics({ process: "agent", processMetrics: false });
  const shared = { clock: systemClock, log, metrics };
  const kube = await kubeOf(options, metrics);
  const addresses = addressesOf(options);
  const signer = newSigner();
  const watchdog = watchdogOf(options, log);
  const lifeId = systemRandom.uuid();
  const facts = await nodeFacts(bootId, watchdog.kind, addresses);
  const delays: DelayWarnings = new DelayWarnings(
    { percent: options.delayWarningPercent },
    { ...shared, tell: (delay) => guard.tellWorker({ type: "delayed", delay }) },
  );
  // Nothing is awaited between the peers and the guard that they ask.
  const peers: PromisingPeers = await peersOf(
    options,
    lifeId,
    bootId,
    Math.max(revokeWaitMs(flags.timings), revokeWaitMs(options.timings)),
    { ...shared, kube, signer, delays },
    () => guard,
  );
  const isWaiting = peers.bootWaitMs > 0;
  const session = {
    node: options.node,
    namespace: options.namespace,
    lifeId,
    publicKey: signer.publicKey,
    facts: isWaiting ? { ...facts, isWaitingAfterBoot: true } : facts,
    timings: options.timings,
  };
  const guard: Guard = new Guard(
    { session, isWatchdogRequired: options.watchdogMode === "Hardware" || options.watchdogMode === "Soft" },
    {
      ...shared,
      kube,
      holdings,
      watchdog,
      peers,
      hardCut: hardCutOf(options, addresses, log),
      workers: workersOf(argv),
      delays,
      reboot: new SysrqReboot({ hostRoot: options.hostRoot }, { clock: systemClock, log }),
    },
  );
  const server = await serveMetrics(metrics, options.metricsAddress, options.metricsPort);
  if (isWaiting) systemClock.setTimer(peers.bootWaitMs, () => guard.changeFacts(facts));
  endWhenAsked(options, guard, log);
  const settings = followSettings(options, guard, watchdog, log);
  const { kind, problem } = watchdog;
  log.info("guard starts", { life: lifeId, bootId, watchdog: kind, watchdogProblem: problem });
  await guard.run();
  for (const closable of [settings, peers, addresses, kube, server]) closable.close();
  server.closeAllConnections();
  lock.release();
}

/** A life begins with the settings that the one before it may have ended with: what it promised is as long. */
async function withSettings(flags: AgentOptions, log: Logger): Promise<AgentOptions> {
  const { settingsFolder, session, timings } = flags;
  if (settingsFolder === undefined) return flags;
  const change = changeOf(await readSettings(settingsFolder), session, timings);
  if (change === undefined) return flags;
  const problem = "problem" in change ? change.problem : watchdogProblem(flags, change.timings);
  if (problem === undefined && "timings" in change) return { ...flags, timings: change.timings };
  log.warn("session settings not taken over: the flags' are in force", { problem });
  return flags;
}

/** Nothing to follow without a folder: `close` is all that is asked of it then. */
function followSettings(
  options: AgentOptions,
  guard: Guard,
  watchdog: Pick<Watchdog, "kind">,
  log: Logger,
): { close(): void } {
  const { settingsFolder, session, timings } = options;
  if (settingsFolder === undefined) return { close: () => undefined };
  const follower = new SettingsFollower(session, timings, {
    clock: systemClock,
    log,
    read: async () => await readSettings(settingsFolder),
    // Whether one runs is known: a device that cannot be read now is no reason to do as if there were none.
    watchdogProblem: (wanted) => (watchdog.kind === "None" ? undefined : judgedWatchdog(options, wanted).problem),
    onTimings: (changed) => guard.changeTimings(changed),
  });
  follower.start();
  return follower;
}

/** A device that does not fit is none, and groups that rely on it must not find that out later. */
function watchdogProblem(options: AgentOptions, wanted: Timings): string | undefined {
  if (judgedWatchdog(options, options.timings).kind === "None") return undefined;
  return judgedWatchdog(options, wanted).problem;
}

function judgedWatchdog(options: AgentOptions, timings: Timings): ReturnType<typeof judgeWatchdog> {
  const { watchdogMode, watchdogDevice: device, watchdogSysfs } = options;
  return judgeWatchdog(
    watchdogMode,
    readWatchdogFacts({ device, sysfs: watchdogSysfs ?? sysfsFolder(device) }),
    timings,
  );
}

/** How long the system may take to say whether it goes down, in milliseconds. */
const SYSTEM_TIMEOUT_MS = 500;

/** The first signal asks who ends, the machine or the agent alone; a second one does not wait. */
function endWhenAsked(options: AgentOptions, guard: Guard, log: Logger): void {
  const system = new LinuxSystemState({ hostRoot: options.hostRoot }, { clock: systemClock, log });
  let isAsked = false;
  const asked = (signal: NodeJS.Signals): void => {
    if (isAsked) return guard.stop();
    isAsked = true;
    void system.isGoingDown(SYSTEM_TIMEOUT_MS).then((isGoingDown) => {
      log.info("asked to end", { signal, isGoingDown });
      // Where it cannot be told, a clean move is the shorter interruption.
      if (isGoingDown === false) guard.stopToRestart();
      else guard.stop();
    });
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => asked(signal));
}

async function kubeOf(options: AgentOptions, metrics: Metrics): Promise<RestKubeApi> {
  const inCluster = inClusterServer(process.env);
  const server = options.apiServer ?? inCluster;
  if (server === undefined) throw new UsageError("--api-server is required outside a cluster");
  const isInCluster = options.apiServer === undefined;
  const tokenFile = options.tokenFile ?? (isInCluster ? SERVICE_ACCOUNT_FILES.token : undefined);
  const caFile = options.caFile ?? (isInCluster ? SERVICE_ACCOUNT_FILES.ca : undefined);
  const connection = await tokenConnection(
    { server, ...(tokenFile === undefined ? {} : { tokenFile }), ...(caFile === undefined ? {} : { caFile }) },
    { clock: systemClock },
  );
  return new RestKubeApi(
    {
      connection,
      timeoutMs: options.timings.requestTimeoutMs,
      fieldManager: "understudy-guard",
      userAgent: "understudy-guard",
    },
    { clock: systemClock, metrics },
  );
}

function addressesOf(options: AgentOptions): AddressPort & { close(): void } {
  if (options.addressBackend === "linux") return new LinuxAddresses({ clock: systemClock });
  return Object.assign(new FileAddresses(join(options.stateFolder, "addresses.json")), { close: () => undefined });
}

function watchdogOf(options: AgentOptions, log: Logger): LinuxWatchdog {
  const { watchdogMode: mode, watchdogDevice: device, timings } = options;
  const sysfs = options.watchdogSysfs ?? sysfsFolder(device);
  return new LinuxWatchdog({ mode, device, sysfs, timings }, { log });
}

function hardCutOf(options: AgentOptions, addresses: AddressPort, log: Logger): HardCut {
  return new HardCut(
    { commandEnvironment: { UNDERSTUDY_NODE: options.node } },
    { processes: new LinuxProcesses(), addresses, connections: new LinuxConnections({ log }), clock: systemClock },
  );
}

function workersOf(argv: readonly string[]): ForkedWorkers {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !COMMAND_VARIABLES.test(name)));
  return new ForkedWorkers({
    program: PROGRAM,
    argv: ["agent-worker", ...argv],
    environment,
    execArgv: WORKER_RUNTIME_FLAGS,
  });
}

async function peersOf(
  options: AgentOptions,
  lifeId: string,
  bootId: string,
  longestPromiseMs: number,
  modules: Omit<PromisingPeersModules, "datagrams" | "verifier" | "store">,
  guard: () => Guard,
): Promise<PromisingPeers> {
  const { node, namespace, timings, stateFolder } = options;
  const store = new PromiseStore(new DurableFile(join(stateFolder, "promises.json")), bootId);
  const loaded = await store.load();
  const datagrams = await udpDatagrams({ address: options.peerAddress, port: options.peerPort });
  const peers = new PromisingPeers(
    {
      node,
      namespace,
      lifeId,
      timings,
      rules: ALL_RULES,
      loaded,
      longestPromiseMs,
      uptimeMs: readUptimeMs(options.hostRoot),
    },
    { ...modules, datagrams, verifier: newVerifier(), store },
    guard,
  );
  await peers.start();
  return peers;
}

const BOOT_ID = "proc/sys/kernel/random/boot_id";

/** The host's own copy first: the sandbox's machines share one kernel but have a boot of their own each. */
function readBootId(hostRoot: string): string {
  return (readText(join(hostRoot, BOOT_ID)) ?? readFileSync(join("/", BOOT_ID), "utf8")).trim();
}

/** Of the machine whose boot id was read; 0 when it cannot be told. Source: proc_uptime(5). */
function readUptimeMs(hostRoot: string): number {
  const root = readText(join(hostRoot, BOOT_ID)) === undefined ? "/" : hostRoot;
  const seconds = Number.parseFloat(readText(join(root, "proc/uptime")) ?? "0");
  return Number.isFinite(seconds) ? seconds * 1_000 : 0;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

async function nodeFacts(bootId: string, watchdog: NodeFacts["watchdog"], addresses: AddressPort): Promise<NodeFacts> {
  const interfaces = (await addresses.interfaces()).map(({ name, mac, addresses: held }) => ({
    name,
    mac,
    addresses: held.filter(({ label }) => !isOurLabel(label)).map(({ address }) => address),
  }));
  return { bootId, version: VERSION, watchdog, interfaces };
}
