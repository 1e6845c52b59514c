/** What the worker reads of the agent's flags; it is given all of them (API.md 2). */
import { parseArgs } from "node:util";
import { deriveTimings, PRESETS } from "../../api/timings.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { DELAY_WARNING_PERCENT } from "../delays/delays.ts";
import { METADATA_URL } from "../machine/address.ts";

export interface WorkerOptions {
  readonly node: string;
  readonly apiServer: string | undefined;
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
  readonly requestTimeoutMs: number;
  readonly stopBudgetMs: number;
  readonly stateFolder: string;
  readonly hostRoot: string;
  readonly execDirectories: readonly string[];
  readonly addressBackend: "linux" | "file";
  /** Where probe ports listen. */
  readonly probeAddress: string;
  /** Undefined: nobody is asked. */
  readonly metadataUrl: string | undefined;
  readonly delayWarningPercent: number;
  readonly logLevel: string;
  readonly logFormat: string;
}

const FLAGS = {
  node: { type: "string" },
  "api-server": { type: "string" },
  "token-file": { type: "string" },
  "ca-file": { type: "string" },
  preset: { type: "string" },
  "session-duration": { type: "string" },
  "stop-budget": { type: "string" },
  "peer-address": { type: "string" },
  "state-dir": { type: "string" },
  "host-root": { type: "string" },
  "exec-directory": { type: "string", multiple: true },
  "address-backend": { type: "string" },
  "metadata-url": { type: "string" },
  "delay-warning-percent": { type: "string" },
  "log-level": { type: "string" },
  "log-format": { type: "string" },
} as const;

export const DEFAULT_EXEC_DIRECTORY = "/etc/understudy/exec.d";

/** The guard has checked the flags; what is not for the worker is passed over. Throws `RangeError` without `--node`. */
export function parseWorkerOptions(argv: readonly string[]): WorkerOptions {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: false, allowPositionals: true });
  const text = (name: keyof typeof FLAGS): string | undefined => {
    const value = values[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const node = text("node");
  if (node === undefined) throw new RangeError("--node is required");
  const preset = PRESETS.find((known) => known === text("preset")) ?? "default";
  const timings = deriveTimings(
    preset,
    parseDurationMs(text("session-duration") ?? ""),
    parseDurationMs(text("stop-budget") ?? ""),
  );
  const directories = (values["exec-directory"] ?? []) as readonly (string | boolean)[];
  const addressBackend = text("address-backend") === "file" ? "file" : "linux";
  return {
    node,
    apiServer: text("api-server"),
    tokenFile: text("token-file"),
    caFile: text("ca-file"),
    requestTimeoutMs: timings.requestTimeoutMs,
    stopBudgetMs: timings.stopBudgetMs,
    stateFolder: text("state-dir") ?? "/run/understudy",
    hostRoot: text("host-root") ?? "/",
    execDirectories:
      directories.length === 0
        ? [DEFAULT_EXEC_DIRECTORY]
        : directories.filter((directory) => typeof directory === "string"),
    addressBackend,
    // Without interfaces of its own a node has only its peer address (loopback mode of the sandbox).
    probeAddress: addressBackend === "file" ? (text("peer-address") ?? "127.0.0.1") : "0.0.0.0",
    metadataUrl: metadataUrl(text("metadata-url"), addressBackend),
    delayWarningPercent: Number(text("delay-warning-percent") ?? DELAY_WARNING_PERCENT),
    logLevel: text("log-level") ?? "info",
    logFormat: text("log-format") ?? "json",
  };
}

/** A node without interfaces of its own shares its machine with others: that machine's cloud would speak of something else. */
function metadataUrl(given: string | undefined, backend: "linux" | "file"): string | undefined {
  if (given === "none") return undefined;
  return given ?? (backend === "file" ? undefined : METADATA_URL);
}
