/** What happened in a world, readable: true time, who, what. Costs nothing unless someone reads it. */
import type { LogFields, Logger } from "../../src/lib/log.ts";
import { silentLog } from "../../src/lib/log.ts";

export class Trace {
  readonly lines: string[] = [];
  readonly isOn: boolean;
  readonly #nowMs: () => number;

  constructor(isOn: boolean, nowMs: () => number) {
    this.isOn = isOn;
    this.#nowMs = nowMs;
  }

  note(who: string, what: string): void {
    if (!this.isOn) return;
    const seconds = (this.#nowMs() / 1_000).toFixed(4).padStart(9);
    this.lines.push(`${seconds} ${who.padEnd(16)} ${what}`);
  }

  log(who: string): Logger {
    if (!this.isOn) return silentLog;
    const write =
      (level: string) =>
      (message: string, fields?: LogFields): void =>
        this.note(who, `${level}${message}${textOf(fields)}`);
    const logger: Logger = {
      debug: () => undefined,
      info: write(""),
      warn: write("warn: "),
      error: write("ERROR: "),
      child: () => logger,
    };
    return logger;
  }
}

function textOf(fields: LogFields | undefined): string {
  if (fields === undefined) return "";
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return ` (${shown.join(" ")})`;
}
