/**
 * The `Logger` port on pino: one JSON object per line, or text for people. Written by this process itself (no worker
 * threads: the agent is small), asynchronously and with a bounded buffer: a reader of our output who stops reading
 * must never stop us, so lines are dropped instead.
 */
import { pino } from "pino";
import type { LogFields, Logger } from "../lib/log.ts";
import { redacted } from "./redact.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ["json", "pretty"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** In every line, such as the process's part and node. */
  readonly fields?: LogFields;
  /** Default: standard error for `pretty`, standard output for `json`. */
  readonly fileDescriptor?: number;
}

export interface HostLogger extends Logger {
  /** Takes effect at once, also in children. */
  setLevel(level: LogLevel): void;
  /** Writes what is buffered before the process ends on purpose. */
  flush(): void;
}

/** Bytes buffered while the reader of our output is slow. */
const MAX_BUFFER_BYTES = 1024 * 1024;

interface Sink {
  write(line: string): void;
  flushSync?(): void;
}

/** `sink` is for tests; by default lines go to a file descriptor. */
export function pinoLog(options: LogOptions, sink?: Sink): HostLogger {
  const fd = options.fileDescriptor ?? (options.format === "pretty" ? 2 : 1);
  const output: Sink = sink ?? pino.destination({ dest: fd, sync: false, maxLength: MAX_BUFFER_BYTES });
  const shared = { threshold: LOG_LEVELS.indexOf(options.level), output };
  const destination =
    options.format === "pretty" ? { write: (line: string) => output.write(prettyLine(line)) } : output;
  const base = redacted(options.fields ?? {});
  const logger = pino(
    {
      level: "debug",
      base,
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return new PinoLog(logger, shared);
}

interface Shared {
  threshold: number;
  readonly output: Sink;
}

class PinoLog implements HostLogger {
  readonly #pino: pino.Logger;
  readonly #shared: Shared;

  constructor(logger: pino.Logger, shared: Shared) {
    this.#pino = logger;
    this.#shared = shared;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  child(fields: LogFields): Logger {
    return new PinoLog(this.#pino.child(redacted(fields)), this.#shared);
  }

  setLevel(level: LogLevel): void {
    this.#shared.threshold = LOG_LEVELS.indexOf(level);
  }

  flush(): void {
    this.#shared.output.flushSync?.();
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) >= this.#shared.threshold) this.#pino[level](redacted(fields), message);
  }
}

/** `12:00:00.000 WARN  message name=value ...`: the time of day is enough for a person at a terminal. */
function prettyLine(line: string): string {
  const { level, time, message, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const texts = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" && !/\s/.test(value) ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(message)}${texts.length === 0 ? "" : ` ${texts.join(" ")}`}\n`;
}
