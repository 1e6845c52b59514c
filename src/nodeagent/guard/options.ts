/** The agent's flags (API.md 2). The worker is given the same ones and reads what it needs. */
import { parseArgs } from "node:util";
import { deriveTimings, PRESETS, type Preset, type Timings } from "../../api/timings.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../../host/pino-log.ts";
import { DELAY_WARNING_PERCENT } from "../delays/delays.ts";
import { METADATA_URL } from "../machine/address.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { StartSettings } from "./session-settings.ts";
import type { WatchdogMode } from "./watchdog.ts";

export interface AgentOptions {
  readonly node: string;
  readonly namespace: string;
  readonly apiServer: string | undefined;
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
  /** As text, for a later change of some of them. */
  readonly session: StartSettings;
  readonly timings: Timings;
  /** Undefined: flags alone count, until the next start. */
  readonly settingsFolder: string | undefined;
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly stateFolder: string;
  readonly hostRoot: string;
  readonly watchdogMode: WatchdogMode;
  readonly watchdogDevice: string;
  /** Undefined: where sysfs has it. */
  readonly watchdogSysfs: string | undefined;
  readonly metricsAddress: string;
  readonly metricsPort: number;
  readonly addressBackend: "linux" | "file";
  readonly delayWarningPercent: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly isHelp: boolean;
}

export const AGENT_HELP = `Usage: understudy agent --node NAME [flags]

The node agent: keeps this node's session, runs the worker, and takes everything down when the right ends.

  --node NAME                    this node's name in Kubernetes (required)
  --namespace NS                 the installation's namespace (understudy-system)
  --api-server URL               Kubernetes API server (in a cluster: its own)
  --token-file F, --ca-file F    credentials (in a cluster: the service account's)
  --preset P                     ${PRESETS.join(", ")} (default)
  --session-duration D           L; everything else is derived from it
  --stop-budget D                S; longer for services that need longer to stop
  --settings-dir DIR             a mounted ConfigMap with a file per flag: session-duration and stop-budget there
                                 change while the agent runs, without a restart
  --peer-address A               local address for heartbeats (0.0.0.0)
  --peer-port N                  UDP port of heartbeats on every member (29740)
  --state-dir DIR                what the next life of the agent must know (/run/understudy)
  --host-root DIR                where the host's file system is seen (/)
  --exec-directory DIR           programs of groups must be under it; repeatable (/etc/understudy/exec.d)
  --watchdog-mode M              Auto, Hardware, Soft, Off (Auto)
  --watchdog-device P            (/dev/watchdog)
  --watchdog-sysfs P             folder with the device's timeout (in sysfs)
  --metrics-address A            (0.0.0.0)
  --metrics-port N               (9811)
  --address-backend B            linux, file (linux)
  --metadata-url URL             instance metadata of the cloud, or none (${METADATA_URL})
  --delay-warning-percent N      warn when so much of a timeout was used (${DELAY_WARNING_PERCENT})
  --log-level L, --log-format F  debug, info, warn, error (info); json, pretty (json)

Example:
  understudy agent --node ip-10-0-1-10 --api-server https://10.0.0.1:6443 --token-file t --ca-file ca.crt

Exit codes: 0 stopped as asked, 1 could not run or a broken invariant, 2 wrong usage.
`;

/** Wrong usage: the text says which flag and what was expected. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const FLAGS = {
  node: { type: "string" },
  namespace: { type: "string", default: "understudy-system" },
  "api-server": { type: "string" },
  "token-file": { type: "string" },
  "ca-file": { type: "string" },
  preset: { type: "string", default: "default" },
  "session-duration": { type: "string" },
  "stop-budget": { type: "string" },
  "settings-dir": { type: "string" },
  "peer-address": { type: "string", default: "0.0.0.0" },
  "peer-port": { type: "string", default: "29740" },
  "state-dir": { type: "string", default: "/run/understudy" },
  "host-root": { type: "string", default: "/" },
  "exec-directory": { type: "string", multiple: true },
  "watchdog-mode": { type: "string", default: "Auto" },
  "watchdog-device": { type: "string", default: "/dev/watchdog" },
  "watchdog-sysfs": { type: "string" },
  "metrics-address": { type: "string", default: "0.0.0.0" },
  "metrics-port": { type: "string", default: "9811" },
  "address-backend": { type: "string", default: "linux" },
  "metadata-url": { type: "string" },
  "delay-warning-percent": { type: "string", default: String(DELAY_WARNING_PERCENT) },
  "log-level": { type: "string", default: "info" },
  "log-format": { type: "string", default: "json" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Throws `UsageError`. */
export function parseAgentOptions(argv: readonly string[]): AgentOptions {
  const values = parsedFlags(argv);
  if (values.help) return { ...optionsOf(values, "help"), isHelp: true };
  if (values.node === undefined || values.node === "") throw new UsageError("--node is required");
  return optionsOf(values, values.node);
}

function parsedFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: false }).values;
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function optionsOf(values: ReturnType<typeof parsedFlags>, node: string): AgentOptions {
  return {
    node,
    namespace: values.namespace,
    apiServer: values["api-server"],
    tokenFile: values["token-file"],
    caFile: values["ca-file"],
    session: {
      preset: presetOf(values),
      "session-duration": values["session-duration"],
      "stop-budget": values["stop-budget"],
    },
    timings: timingsOf(values),
    settingsFolder: values["settings-dir"],
    peerAddress: values["peer-address"],
    peerPort: port("peer-port", values["peer-port"]),
    stateFolder: values["state-dir"],
    hostRoot: values["host-root"],
    watchdogMode: oneOf("watchdog-mode", values["watchdog-mode"], ["Auto", "Hardware", "Soft", "Off"]),
    watchdogDevice: values["watchdog-device"],
    watchdogSysfs: values["watchdog-sysfs"],
    metricsAddress: values["metrics-address"],
    metricsPort: port("metrics-port", values["metrics-port"]),
    addressBackend: oneOf("address-backend", values["address-backend"], ["linux", "file"]),
    delayWarningPercent: percent("delay-warning-percent", values["delay-warning-percent"]),
    logLevel: oneOf("log-level", values["log-level"], LOG_LEVELS),
    logFormat: oneOf("log-format", values["log-format"], LOG_FORMATS),
    isHelp: false,
  };
}

function presetOf(values: ReturnType<typeof parsedFlags>): Preset {
  return oneOf("preset", values.preset, PRESETS);
}

function timingsOf(values: ReturnType<typeof parsedFlags>): Timings {
  try {
    return deriveTimings(
      presetOf(values),
      duration("session-duration", values["session-duration"]),
      duration("stop-budget", values["stop-budget"]),
    );
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new UsageError(thrown.message);
    throw thrown;
  }
}

function duration(flag: string, text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new UsageError(`--${flag} must be a duration such as 15s, not ${text}`);
  return ms;
}

function port(flag: string, text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value > 65_535) throw new UsageError(`--${flag} must be a port, not ${text}`);
  return value;
}

function percent(flag: string, text: string): number {
  const value = Number(text);
  const isPercent = /^[0-9]+$/.test(text) && value >= 1 && value <= 100;
  if (!isPercent) throw new UsageError(`--${flag} must be a number from 1 to 100, not ${text}`);
  return value;
}

function oneOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new UsageError(`--${flag} must be one of ${allowed.join(", ")}, not ${text}`);
  return found;
}
