/**
 * `understudy controller`: composes the controller with the real cluster and clouds and runs it. Decides nothing.
 *
 * Everything a failover needs is loaded and warm before this process stands for election: caches, connections, the
 * cloud's SDK. Two replicas run, one leads.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { deriveTimings, PRESETS, type Preset, type Timings } from "../api/timings.ts";
import { Ec2Clients } from "../cloud/aws/ec2-access.ts";
import { Route53Clients } from "../cloud/aws/route53-access.ts";
import { AzureFencers } from "../cloud/azure/fencers.ts";
import { AzureConnections } from "../cloud/azure/connections.ts";
import { AzureDnsClients } from "../cloud/azure/dns-access.ts";
import { AzureNetworkClients } from "../cloud/azure/network-knowledge.ts";
import type { AzureEndpoints } from "../cloud/azure/client-credential.ts";
import { CloudFencers } from "../cloud/fencers.ts";
import { type HostLogger, LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel, pinoLog } from "../host/pino-log.ts";
import { prometheusMetrics } from "../host/prometheus.ts";
import { untilAskedToEnd } from "../host/signals.ts";
import { systemClock } from "../host/system-clock.ts";
import { systemRandom } from "../host/system-random.ts";
import { openCluster } from "../kube/connection.ts";
import { RestKubeApi } from "../kube/rest-client.ts";
import { formatDuration, parseDurationMs } from "../lib/duration.ts";
import { messageOf } from "../lib/errors.ts";
import type { FencingLimit } from "../reconcilers/failover-group/fencing-record.ts";
import { composeController, FENCING_LIMIT, FIELD_MANAGER } from "./composition.ts";
import { startHealthServer } from "./health-server.ts";

export const CONTROLLER_HELP = `Usage: understudy controller [flags]

The controller: decides where groups run and does all calls to clouds. Runs in two replicas, of which one leads.

  --namespace NS                 the installation's namespace, with the session Leases (understudy-system)
  --kubeconfig F                 (KUBECONFIG, then the pod's service account, then ~/.kube/config)
  --identity NAME                name of this replica (the host's name)
  --preset P                     ${PRESETS.join(", ")} (default)
  --session-duration D           L; everything else is derived from it
  --metrics-port N               /metrics (9810)
  --health-port N                /healthz and /readyz (9812)
  --aws-endpoint URL             VPC endpoint or emulator for EC2 (AWS's own)
  --aws-route53-endpoint URL     the same for Route 53 (AWS's own)
  --azure-endpoint URL           Azure Resource Manager of another cloud, or an emulator (Azure's own)
  --azure-authority URL          where its tokens come from (Microsoft Entra ID)
  --azure-ca-file F              PEM to trust for these two, instead of the usual ones
  --fencing-max-per-period N     machines that may be stopped within the period, 1 to 32 (${FENCING_LIMIT.maxPerPeriod})
  --fencing-period D             (${formatDuration(FENCING_LIMIT.periodMs)})
  --ambient-namespace NS         who may omit credentials; repeatable (all)
  --recovery-mode M              Automatic, Paused (Automatic)
  --delay-warning-percent N      warn when cloud calls take so much of their timeout, 1 to 100 (80)
  --exec-directory DIR           accepted for symmetry with the agent, which checks commands; repeatable
  --log-level L, --log-format F  debug, info, warn, error (info); json, pretty (json)

Example:
  understudy controller --kubeconfig ~/.kube/config --identity controller-1 --preset fast

Exit codes: 0 stopped as asked, 1 could not run or leadership was lost, 2 wrong usage.
`;

const FLAGS = {
  namespace: { type: "string", default: "understudy-system" },
  kubeconfig: { type: "string" },
  identity: { type: "string" },
  preset: { type: "string", default: "default" },
  "session-duration": { type: "string" },
  "metrics-port": { type: "string", default: "9810" },
  "health-port": { type: "string", default: "9812" },
  "aws-endpoint": { type: "string" },
  "aws-route53-endpoint": { type: "string" },
  "azure-endpoint": { type: "string" },
  "azure-authority": { type: "string" },
  "azure-ca-file": { type: "string" },
  "fencing-max-per-period": { type: "string", default: String(FENCING_LIMIT.maxPerPeriod) },
  "fencing-period": { type: "string", default: formatDuration(FENCING_LIMIT.periodMs) },
  "ambient-namespace": { type: "string", multiple: true },
  "recovery-mode": { type: "string", default: "Automatic" },
  "delay-warning-percent": { type: "string", default: "80" },
  "exec-directory": { type: "string", multiple: true },
  "log-level": { type: "string", default: "info" },
  "log-format": { type: "string", default: "json" },
  help: { type: "boolean", short: "h", default: false },
} as const;

interface ControllerOptions {
  readonly namespace: string;
  readonly kubeconfig: string | undefined;
  readonly identity: string;
  readonly preset: Preset;
  readonly timings: Timings;
  readonly metricsPort: number;
  readonly healthPort: number;
  /** By service: `ec2`, `route53`; AWS's own where there is none. */
  readonly awsEndpoints: Readonly<Record<string, string>>;
  readonly azure: AzureEndpoints;
  readonly fencing: FencingLimit;
  readonly ambientNamespaces: readonly string[];
  readonly isRecoveryPaused: boolean;
  readonly delayWarningPercent: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Default deadline of one request to the API server, in milliseconds. */
const REQUEST_TIMEOUT_MS = 5_000;
const EVENTS_TIMEOUT_MS = 1_000;

/** Runs until SIGTERM or SIGINT; resolves to the exit code of `CONTROLLER_HELP`. */
export async function runController(argv: readonly string[]): Promise<number> {
  let options: ControllerOptions | undefined;
  try {
    options = parseOptions(argv);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    process.stderr.write(`understudy controller: ${thrown.message}\n\n${CONTROLLER_HELP}`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(CONTROLLER_HELP);
    return 0;
  }
  const log = pinoLog({
    level: options.logLevel,
    format: options.logFormat,
    fields: { process: "controller", identity: options.identity },
  });
  try {
    await run(options, log);
    return 0;
  } catch (thrown) {
    log.error("the controller could not run", { error: messageOf(thrown) });
    return 1;
  } finally {
    log.flush();
  }
}

async function run(options: ControllerOptions, log: HostLogger): Promise<void> {
  const asked = untilAskedToEnd();
  const metrics = prometheusMetrics({ process: "controller", processMetrics: true });
  const access = await openCluster(
    { kubeconfig: options.kubeconfig },
    { clock: systemClock, environment: process.env },
  );
  const kube = new RestKubeApi(
    {
      connection: access.connection,
      timeoutMs: REQUEST_TIMEOUT_MS,
      fieldManager: FIELD_MANAGER,
      userAgent: `understudy-controller/${options.identity}`,
    },
    { clock: systemClock, metrics },
  );
  const endpoints = { endpoints: options.awsEndpoints };
  const shared = { clock: systemClock, random: systemRandom, log, metrics };
  const ec2 = new Ec2Clients(endpoints, shared);
  const route53 = new Route53Clients(endpoints, shared);
  const azure = new AzureConnections(options.azure, shared);
  const onLost = (): never => {
    log.flush();
    process.exit(1);
  };
  const azureDns = new AzureDnsClients(azure, shared);
  const azureNetworks = new AzureNetworkClients(azure, shared);
  const fencers = new CloudFencers(ec2, new AzureFencers(azure));
  const { manager, poller, events, fencing } = composeController(options, {
    ...shared,
    kube,
    ec2,
    route53,
    azureDns,
    azureNetworks,
    fencers,
    zones: ec2,
    onLost,
  });
  const loaded = { isDone: false };
  const health = await startHealthServer(
    { metricsPort: options.metricsPort, healthPort: options.healthPort },
    {
      metrics,
      healthy: { leadership: manager.healthy },
      ready: { caches: manager.ready, clouds: () => (loaded.isDone ? undefined : "loading the cloud's SDK") },
    },
  );
  log.info("listening", { metricsPort: health.metricsPort, healthPort: health.healthPort });
  const loading = Promise.all([ec2.warmUp(), route53.warmUp()]).then(() => (loaded.isDone = true));
  await Promise.all([Promise.race([manager.start(), asked]), loading]);
  log.info("asked to end", { signal: await asked });
  poller.stop();
  fencing.stop();
  await manager.stop();
  await events.stop(EVENTS_TIMEOUT_MS);
  await health.close();
  ec2.close();
  route53.close();
  kube.close();
}

/** Undefined: help was asked for. Throws `UsageError`. */
function parseOptions(argv: readonly string[]): ControllerOptions | undefined {
  const values = parsedFlags(argv);
  if (values.help) return undefined;
  const preset = oneOf("preset", values.preset, PRESETS);
  return {
    namespace: values.namespace,
    kubeconfig: values.kubeconfig,
    identity: values.identity ?? process.env["HOSTNAME"] ?? "controller",
    preset,
    timings: timingsOf(preset, values["session-duration"]),
    metricsPort: port("metrics-port", values["metrics-port"]),
    healthPort: port("health-port", values["health-port"]),
    awsEndpoints: awsEndpoints(values["aws-endpoint"], values["aws-route53-endpoint"]),
    azure: azureEndpoints(values),
    fencing: fencingLimit(values["fencing-max-per-period"], values["fencing-period"]),
    ambientNamespaces: values["ambient-namespace"] ?? ["*"],
    isRecoveryPaused: oneOf("recovery-mode", values["recovery-mode"], ["Automatic", "Paused"]) === "Paused",
    delayWarningPercent: percent("delay-warning-percent", values["delay-warning-percent"]),
    logLevel: oneOf("log-level", values["log-level"], LOG_LEVELS),
    logFormat: oneOf("log-format", values["log-format"], LOG_FORMATS),
  };
}

function parsedFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: false }).values;
  } catch (thrown) {
    throw new UsageError(messageOf(thrown));
  }
}

function awsEndpoints(ec2: string | undefined, route53: string | undefined): Readonly<Record<string, string>> {
  return { ...(ec2 === undefined ? {} : { ec2 }), ...(route53 === undefined ? {} : { route53 }) };
}

function azureEndpoints(values: ReturnType<typeof parsedFlags>): AzureEndpoints {
  const { "azure-endpoint": resourceManager, "azure-authority": authority, "azure-ca-file": file } = values;
  return {
    ...(resourceManager === undefined ? {} : { resourceManager }),
    ...(authority === undefined ? {} : { authority }),
    ...(file === undefined ? {} : { certificateAuthority: readCertificate(file) }),
  };
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw new UsageError(`--azure-ca-file: ${messageOf(thrown)}`);
  }
}

/** More than this many at once is a storm whatever the operator thinks. */
const MOST_PER_PERIOD = 32;

function fencingLimit(count: string, period: string): FencingLimit {
  const maxPerPeriod = Number(count);
  if (!Number.isInteger(maxPerPeriod) || maxPerPeriod < 1 || maxPerPeriod > MOST_PER_PERIOD)
    throw new UsageError(`--fencing-max-per-period ${count}: expected a number from 1 to ${MOST_PER_PERIOD}`);
  const periodMs = parseDurationMs(period);
  if (periodMs === undefined || periodMs === 0)
    throw new UsageError(`--fencing-period ${period}: expected a duration such as 10m`);
  return { maxPerPeriod, periodMs };
}

function timingsOf(preset: Preset, sessionDuration: string | undefined): Timings {
  if (sessionDuration === undefined) return deriveTimings(preset);
  const durationMs = parseDurationMs(sessionDuration);
  if (durationMs === undefined)
    throw new UsageError(`--session-duration ${sessionDuration}: expected a duration such as 15s`);
  try {
    return deriveTimings(preset, durationMs);
  } catch (thrown) {
    throw new UsageError(messageOf(thrown));
  }
}

function oneOf<Value extends string>(flag: string, value: string, allowed: readonly Value[]): Value {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new UsageError(`--${flag} ${value}: expected one of ${allowed.join(", ")}`);
  return found;
}

function percent(flag: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 100)
    throw new UsageError(`--${flag} ${value}: expected a number from 1 to 100`);
  return number;
}

function port(flag: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new UsageError(`--${flag} ${value}: expected a port from 0 to 65535`);
  return number;
}
