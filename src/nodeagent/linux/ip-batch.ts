/**
 * One long-lived `ip -j -force -batch -`: a write costs 0.1 ms instead of a spawn (research/ecosystem.md 5). Every
 * request ends with `addr show`, so that its answer is at once the acknowledgement and a fresh read of the kernel.
 *
 *   request ──"addr add ...\naddr show\n"──> ip ──one line of JSON──> answer
 *
 * A syntax error ends the process in spite of `-force`, and so does a lost answer here: the next request starts a new
 * one. Requests run one at a time. Callers validate every word; nothing else may reach the standard input.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Clock, Timer } from "../../lib/clock.ts";
import { AddressError } from "../address/port.ts";

/** Longest wait for one answer, in milliseconds; measured p99 is 4. */
const ANSWER_DEADLINE_MS = 1_000;
const MAX_ANSWER_CHARS = 4 * 1024 * 1024;
const MAX_WAITING = 256;

export interface IpAnswer {
  readonly links: unknown;
  /** What `ip` complained about, if anything; for messages only. */
  readonly complaint: string;
}

export class IpBatch {
  readonly #clock: Clock;
  readonly #command: readonly [string, ...string[]];
  #child: ChildProcessWithoutNullStreams | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** `command`: how to call iproute2, such as `ip -n NAMESPACE`. */
  constructor(modules: { readonly clock: Clock; readonly command: readonly [string, ...string[]] }) {
    this.#clock = modules.clock;
    this.#command = modules.command;
  }

  /** Carries out the commands in order and answers with the interfaces afterwards. Throws `AddressError` (`Unavailable`). */
  run(commands: readonly string[]): Promise<IpAnswer> {
    if (this.#waiting >= MAX_WAITING) throw unavailable("too many address changes are waiting");
    this.#waiting++;
    const turn = this.#last.then(() => this.#exchange(commands));
    this.#last = turn.then(
      () => void this.#waiting--,
      () => void this.#waiting--,
    );
    return turn;
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  #exchange(commands: readonly string[]): Promise<IpAnswer> {
    const child = this.#alive();
    return new Promise((resolve, reject) => {
      let output = "";
      let complaint = "";
      const finish = (settleIt: () => void): void => {
        deadline.cancel();
        child.stdout.off("data", onOutput);
        child.stderr.off("data", onComplaint);
        child.off("close", onClose);
        settleIt();
      };
      const fail = (message: string): void => {
        this.close();
        finish(() => reject(unavailable(message)));
      };
      const onOutput = (chunk: string): void => {
        output += chunk;
        if (output.length > MAX_ANSWER_CHARS) return fail("the answer of ip is too long");
        if (!output.endsWith("\n")) return undefined;
        const links = parsed(output);
        return links === undefined
          ? fail("the answer of ip is no JSON")
          : finish(() => resolve({ links, complaint: complaint.trim() }));
      };
      const onComplaint = (chunk: string): void => {
        complaint = (complaint + chunk).slice(-500);
      };
      const onClose = (): void => fail(`ip ended${complaint === "" ? "" : `: ${complaint.trim()}`}`);
      const deadline: Timer = this.#clock.setTimer(ANSWER_DEADLINE_MS, () => fail("ip did not answer in time"));
      child.stdout.on("data", onOutput);
      child.stderr.on("data", onComplaint);
      child.on("close", onClose);
      child.stdin.write([...commands, "addr show"].map((command) => `${command}\n`).join(""));
    });
  }

  #alive(): ChildProcessWithoutNullStreams {
    if (this.#child !== undefined) return this.#child;
    const [program, ...words] = this.#command;
    const child = spawn(program, [...words, "-j", "-force", "-batch", "-"], { stdio: "pipe" });
    child.stdout.setEncoding("utf8");
    child.stderr.setEncoding("utf8");
    const gone = (): void => {
      if (this.#child === child) this.#child = undefined;
    };
    child.on("close", gone);
    // A missing `ip` and a broken pipe both end the exchange through `close`.
    child.on("error", gone);
    child.stdin.on("error", gone);
    child.unref();
    this.#child = child;
    return child;
  }
}

function parsed(output: string): unknown {
  try {
    return JSON.parse(output) as unknown;
  } catch {
    return undefined;
  }
}

function unavailable(message: string): AddressError {
  return new AddressError({ code: "Unavailable" }, `addresses cannot be read or written: ${message}`);
}
