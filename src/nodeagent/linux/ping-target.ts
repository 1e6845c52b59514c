/**
 * One ICMP echo by the system's `ping`: sending one needs a privilege that the agent's own sockets need not have. A `ping`
 * that is missing or may not send is "unreadable": it says nothing about the network.
 *
 * Source: ping(8) of iputils (0 answered, 1 not answered, 2 other error); BusyBox exits with 1 for all of them, so the
 * words decide as well.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { PingTarget } from "../../api/generated/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { TargetAnswer } from "../isolation/port.ts";
import { Turns } from "./turns.ts";

/** Processes at once. */
const MAX_PINGS = 16;
const MAX_OUTPUT_CHARS = 500;
/** The messages are compared, so the language must not vary; the agent's own environment is nobody's business. */
const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** It may not send, or does not know these flags. "sendmsg: Operation not permitted" is a local filter: a lost network. */
const NOT_ASKED =
  /socket: (operation not permitted|permission denied)|cap_net_raw|are you root|lacking privilege|usage:|(invalid|unrecognized) option/i;
/** Refused by the kernel on the way out; "invalid argument" is what a blackhole route answers. */
const NO_WAY_OUT =
  /unreachable|no route|network is down|host is down|invalid argument|not permitted|permission denied/i;

export interface PingOptions {
  /** Where `ping` is looked for; folders separated by colons. */
  readonly searchPath?: string;
}

export class PingTargets {
  readonly #searchPath: string;
  readonly #clock: Clock;
  readonly #pings = new Turns(MAX_PINGS);

  constructor(options: PingOptions, modules: { readonly clock: Clock }) {
    this.#searchPath = options.searchPath ?? SEARCH_PATH;
    this.#clock = modules.clock;
  }

  ask(target: PingTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    return this.#pings.run(() => this.#ask(target, timeoutMs, signal));
  }

  #ask(target: PingTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    const { promise, resolve } = Promise.withResolvers<TargetAnswer>();
    if (signal.aborted) return Promise.resolve({ result: "unreadable", message: "called off" });
    // `-W` in whole seconds, as BusyBox wants it; the deadline in milliseconds is kept here.
    const flags = ["-n", "-q", "-c", "1", "-W", String(Math.ceil(timeoutMs / 1_000))];
    const child = spawn("ping", [...flags, target.address], {
      cwd: "/",
      env: { PATH: this.#searchPath, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = outputOf(child);
    let ended: TargetAnswer | undefined;
    const kill = (answer: TargetAnswer): void => {
      ended ??= answer;
      child.kill("SIGKILL");
    };
    const onAbort = (): void => kill({ result: "unreadable", message: "called off" });
    const timer = this.#clock.setTimer(timeoutMs, () =>
      kill({ result: "lost", message: `no answer within ${timeoutMs} ms` }),
    );
    const finish = (answer: TargetAnswer): void => {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      resolve(answer);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    child.once("error", (error) =>
      finish({ result: "unreadable", message: `ping cannot be started: ${error.message}` }),
    );
    child.once("close", (code) => finish(ended ?? answerOf(code, output())));
    return promise;
  }
}

export function answerOf(exitCode: number | null, output: string): TargetAnswer {
  if (exitCode === 0) return { result: "reached" };
  const message = output === "" ? `ping exited with ${exitCode ?? "a signal"}` : output;
  if (exitCode === null || NOT_ASKED.test(output)) return { result: "unreadable", message };
  if (exitCode === 1) return { result: "lost", message: lostWord(output) };
  return { result: NO_WAY_OUT.test(output) ? "lost" : "unreadable", message };
}

/** Statistics are no cause: they differ from round to round. */
function lostWord(output: string): string {
  const cause = output.split("\n").find((line) => line.startsWith("ping:"));
  return cause ?? "no answer";
}

function outputOf(child: ChildProcess): () => string {
  let kept = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      kept = `${kept}${chunk.toString("utf8")}`.slice(0, MAX_OUTPUT_CHARS);
    });
    stream?.on("error", () => stream.destroy());
  }
  return () => kept.trim();
}
