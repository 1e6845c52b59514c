/**
 * Running `ip` (iproute2): single commands, and one long-lived `ip -batch -` per namespace where speed matters
 * (a spawn costs milliseconds, a line of a batch a tenth of one).
 * A syntax error ends a batch process even with `-force`, so every word is checked before it is sent.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { assert } from "../../lib/assert.ts";
import type { Clock, Timer } from "../../lib/clock.ts";

/** Longest time for one command or one batch, in ms. */
const DEADLINE_MS = 5_000;
const MAX_BATCH_OUTPUT_BYTES = 1_000_000;

export class IpCommandFailed extends Error {
  override readonly name = "IpCommandFailed";
}

/** Runs `ip ARGS` and resolves to its output. */
export function ip(args: readonly string[]): Promise<string> {
  return run("ip", args);
}

/** Runs a short command with a deadline and resolves to its standard output; a non-zero exit rejects. */
export function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { timeout: DEADLINE_MS, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new IpCommandFailed(`${command} ${args.join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}

/** Whether a batch line consists of harmless words only. */
export function isSafeLine(line: string): boolean {
  return /^[a-z][A-Za-z0-9 ./:_-]{0,200}$/.test(line);
}

interface Waiting {
  readonly lines: readonly string[];
  readonly resolve: (output: string) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** One `ip -batch -` inside a namespace. Calls are answered in order; a dead process is started again at the next call. */
export class IpBatch {
  readonly #namespace: string;
  readonly #clock: Clock;
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #output = "";
  #waiting: Waiting[] = [];

  constructor(namespace: string, clock: Clock) {
    this.#namespace = namespace;
    this.#clock = clock;
  }

  /** Runs the lines; rejects when one of them fails (those after it are still tried). */
  run(lines: readonly string[]): Promise<string> {
    if (lines.length === 0) return Promise.resolve("");
    for (const line of lines) assert(isSafeLine(line), `ip batch line must be plain words, found: ${line}`);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(DEADLINE_MS, () => this.#end(new IpCommandFailed("ip -batch did not answer")));
      this.#waiting.push({ lines, resolve, reject, timer });
      // "link show dev lo" prints one line for certain: its output says that everything before it was done.
      this.#process().stdin.write(`${lines.join("\n")}\nlink show dev lo\n`);
    });
  }

  /** Of the process that serves this batch, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  close(): void {
    this.#child?.stdin.end();
    this.#end(new IpCommandFailed("closed"));
  }

  #process(): ChildProcessByStdio<Writable, Readable, null> {
    if (this.#child !== undefined) return this.#child;
    // Errors go to the same pipe, so that they arrive in order with the acknowledgement.
    const script = 'exec ip -force -oneline -n "$1" -batch - 2>&1';
    const child = spawn("sh", ["-c", script, "sh", this.#namespace], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => this.#received(chunk));
    child.stdin.on("error", () => this.#end(new IpCommandFailed("ip -batch closed its input")));
    child.on("error", (error) => this.#end(error));
    child.on("exit", () => {
      if (this.#child === child) this.#end(new IpCommandFailed(`ip -batch ended: ${this.#output}`));
    });
    this.#child = child;
    return child;
  }

  #received(chunk: string): void {
    this.#output = (this.#output + chunk).slice(-MAX_BATCH_OUTPUT_BYTES);
    for (;;) {
      const match = /^[0-9]+: lo: .*\n/m.exec(this.#output);
      const first = this.#waiting[0];
      if (match === null || first === undefined) return;
      const output = this.#output.slice(0, match.index);
      this.#output = this.#output.slice(match.index + match[0].length);
      this.#waiting = this.#waiting.slice(1);
      first.timer.cancel();
      if (/^(RTNETLINK|Error|Command failed|Cannot)/m.test(output)) {
        first.reject(new IpCommandFailed(`${first.lines.join("; ")}: ${output.trim()}`));
      } else first.resolve(output);
    }
  }

  #end(error: Error): void {
    const waiting = this.#waiting;
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#output = "";
    this.#waiting = [];
    for (const entry of waiting) {
      entry.timer.cancel();
      entry.reject(error);
    }
  }
}
