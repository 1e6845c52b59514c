/**
 * The state of the system as systemd tells it, asked with its own programs in the host's root: `systemctl` when the agent
 * is asked to end, `busctl` for the announcement of a shutdown, and `systemd-inhibit` to be heard before the rest goes down.
 * Without systemd nothing is known, and whoever asks decides what that means.
 *
 * `systemd-inhibit` runs `cat`, which ends with the pipe to this process: a delay never outlives who asked for it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Clock, sleep } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { announcesShutdown, isScheduledNow, isStopping } from "../shutdown/announcements.ts";
import type { SystemState } from "../shutdown/port.ts";

export interface LinuxSystemStateOptions {
  /** Where the host's file system is seen; empty: `/`. */
  readonly hostRoot: string;
}

const PROGRAMS = "/usr/bin";
const MATCH = "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown'";
const LOGIND = ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"] as const;
const MAX_OUTPUT_CHARS = 200;
/** Between looks where only the file tells, and before a watcher that ended is started again, in milliseconds. */
const LOOK_MS = 1_000;
const AGAIN_MS = 30_000;

export class LinuxSystemState implements SystemState {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(options: LinuxSystemStateOptions, modules: { readonly clock: Clock; readonly log: Logger }) {
    this.#root = options.hostRoot === "" ? "/" : options.hostRoot;
    this.#clock = modules.clock;
    this.#log = modules.log;
  }

  async isGoingDown(timeoutMs: number): Promise<boolean | undefined> {
    if (this.#isScheduledNow()) return true;
    const [state, preparing] = await Promise.all([
      this.#ask("systemctl", ["is-system-running"], timeoutMs),
      // While others hold a shutdown up (the kubelet, say), the system still counts as running.
      this.#ask("busctl", ["get-property", ...LOGIND, "PreparingForShutdown"], timeoutMs),
    ]);
    return preparing.trim() === "b true" ? true : isStopping(state);
  }

  /** What the host's program printed; empty where there is none, or no time. */
  async #ask(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
    const child = this.#start(program, args, "ignore");
    return child === undefined ? "" : await this.#output(child, timeoutMs);
  }

  watch(onGoingDown: (how: string) => void): void {
    const told = { is: false };
    const tell = (how: string): void => {
      if (told.is) return;
      told.is = true;
      onGoingDown(how);
    };
    this.#inhibit();
    this.#follow(tell);
    void this.#look(tell, told);
  }

  /** Where there is no bus: the file that `shutdown` leaves. */
  async #look(tell: (how: string) => void, told: { readonly is: boolean }): Promise<void> {
    while (!told.is) {
      if (this.#isScheduledNow()) tell("/run/systemd/shutdown/scheduled");
      await sleep(this.#clock, LOOK_MS);
    }
  }

  #isScheduledNow(): boolean {
    try {
      const text = readFileSync(join(this.#root, "run/systemd/shutdown/scheduled"), "utf8");
      return isScheduledNow(text, this.#clock.wallMs());
    } catch {
      return false; // there is no such file while nobody shuts down
    }
  }

  #inhibit(): void {
    const why = "groups leave this machine first";
    const flags = ["--what=shutdown", "--mode=delay", "--who=understudy", `--why=${why}`, `${PROGRAMS}/cat`];
    const child = this.#start("systemd-inhibit", flags, "pipe");
    child?.stdin?.on("error", () => child.stdin?.destroy());
    child?.stdout?.resume();
    child?.once("exit", (code) => this.#log.warn("shutdowns are not held up any more", { code }));
  }

  #follow(tell: (how: string) => void): void {
    const flags = ["monitor", "--system", "--json=short", `--match=${MATCH}`];
    const child = this.#start("busctl", flags, "ignore");
    if (child?.stdout === undefined || child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (announcesShutdown(line)) tell("PrepareForShutdown");
    });
    child.once("exit", (code) => {
      this.#log.warn("announcements of shutdowns cannot be followed", { code });
      this.#clock.setTimer(AGAIN_MS, () => this.#follow(tell));
    });
  }

  /** Undefined: the host has no such program. */
  #start(program: string, args: readonly string[], input: "ignore" | "pipe"): ChildProcess | undefined {
    if (!existsSync(join(this.#root, PROGRAMS, program))) return undefined;
    const [command = "", ...rest] = this.#inHost(program);
    const child = spawn(command, [...rest, ...args], {
      cwd: "/",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      stdio: [input, "pipe", "ignore"],
    });
    child.once("error", (error) =>
      this.#log.warn("a program of the host cannot be started", { program, why: error.message }),
    );
    return child;
  }

  /** With the host's own libraries where its root is a whole system. */
  #inHost(program: string): string[] {
    if (this.#root === "/") return [`${PROGRAMS}/${program}`];
    const isSystem = existsSync(join(this.#root, "usr/lib/systemd/systemd"));
    return isSystem ? ["chroot", this.#root, `${PROGRAMS}/${program}`] : [join(this.#root, PROGRAMS, program)];
  }

  /** What it printed until it ended or the time was over; it may exit with any status. */
  #output(child: ChildProcess, timeoutMs: number): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    let text = "";
    const timer = this.#clock.setTimer(timeoutMs, () => {
      child.kill("SIGKILL");
      resolve("");
    });
    child.stdout?.on("data", (chunk: Buffer) => {
      text = `${text}${chunk.toString("utf8")}`.slice(0, MAX_OUTPUT_CHARS);
    });
    child.once("error", () => resolve(""));
    child.once("close", () => {
      timer.cancel();
      resolve(text);
    });
    return promise;
  }
}
