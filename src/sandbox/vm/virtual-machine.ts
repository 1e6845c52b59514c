/**
 * One virtual machine as its hypervisor sees it.
 *
 *            boot                    freeze
 *   off ───────────────> running ─────────────> frozen ──thaw──> running
 *    ^  crash, powerOff     │  watchdog            │ watchdog
 *    ├──────────────────────┘   reset              v
 *    └────── then boot again <────────────── off, boots at thaw
 *
 * The invariant: whatever happens to the machine happens to all its processes at once, and the wire is cut first, so
 * that no packet tells the others about it. EC2's view (`running`) is not touched by anything but EC2 itself.
 * Its wire can be cut in either direction independently of its power.
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import { sleep } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { WireFacts } from "../network/forwarding.ts";
import type { VmPlace } from "../network/topology.ts";
import { Watchdog } from "./watchdog.ts";

export type CutDirection = "both" | "inbound" | "outbound";
export type PowerState = "off" | "running" | "frozen";

/** What a machine is made of; the fabric and the operating system stand behind it. */
export interface MachineParts {
  /** Fresh network and wiped volatile files. */
  prepareBoot(bootId: string): Promise<void>;
  /** Starts the node agent; `exited` is called when it ends. */
  startAgent(exited: (how: string) => void): void;
  /** What the operating system does when it is asked to go down: it says so. */
  announceShutdown(): void;
  /** SIGSTOP or SIGCONT to every process. */
  pause(): void;
  resume(): void;
  /** SIGKILL to every process at once. */
  killProcesses(): void;
  /** Takes the addresses off. */
  dropNetwork(): Promise<void>;
  /** Makes the router know this machine's wire. */
  wireChanged(): Promise<void>;
  watchdogTimeoutMs(): number;
  newBootId(): string;
}

export interface MachineOptions {
  readonly place: VmPlace;
  /** From the loss of power to the start of the agent, in ms. */
  readonly bootMs: number;
  /** From the unexpected end of an agent to its restart, as a kubelet would do, in ms; doubles with each further one. */
  readonly agentRestartMs: number;
}

/** How long a guest may take to shut down before its power is cut (EC2 and Azure allow minutes), in ms. */
const SHUTDOWN_LIMIT_MS = 10_000;
/** Longest time between two starts of an agent that keeps ending, in ms. */
const MAX_RESTART_MS = 8_000;

export type MachineEvent =
  | "booted"
  | "crashed"
  | "shut-down"
  | "frozen"
  | "thawed"
  | "reset"
  | "agent-exited"
  | "cut"
  | "reconnected";

export interface MachineModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly parts: MachineParts;
  readonly heard: (event: MachineEvent) => void;
}

export class VirtualMachine {
  readonly place: VmPlace;
  readonly watchdog: Watchdog;
  readonly #options: MachineOptions;
  readonly #modules: MachineModules;
  #power: PowerState = "off";
  #cut = { inbound: false, outbound: false };
  #bootAfterThaw = false;
  /** Called when the agent has ended, while the machine goes down. */
  #agentIsDone: (() => void) | undefined;
  #restart: Timer | undefined;
  /** Counts lives, so that what belongs to an earlier one is ignored. */
  #life = 0;
  #resets = 0;

  constructor(options: MachineOptions, modules: MachineModules) {
    this.place = options.place;
    this.#options = options;
    this.#modules = modules;
    this.watchdog = new Watchdog(
      { timeoutMs: () => modules.parts.watchdogTimeoutMs() },
      { clock: modules.clock, reset: () => void this.#reset() },
    );
  }

  get power(): PowerState {
    return this.#power;
  }

  get resets(): number {
    return this.#resets;
  }

  get wire(): WireFacts {
    const dead = this.#power !== "running";
    return {
      name: this.place.name,
      address: this.place.address,
      inboundCut: dead || this.#cut.inbound,
      outboundCut: dead || this.#cut.outbound,
    };
  }

  async boot(): Promise<void> {
    if (this.#power !== "off") return;
    const life = this.#newLife("running");
    const { parts } = this.#modules;
    await parts.prepareBoot(parts.newBootId());
    await parts.wireChanged();
    if (this.#life !== life) return;
    this.#startAgent(life, this.#options.agentRestartMs);
    this.#modules.heard("booted");
  }

  /** The power fails: nothing is flushed, nobody is told. */
  async crash(): Promise<void> {
    await this.#losePower();
    this.#modules.heard("crashed");
  }

  /** Off without a word, for EC2's StopInstances. */
  async powerOff(): Promise<void> {
    await this.#losePower();
  }

  /** Asked to by a person or the cloud: what runs ends in order, then it is off. */
  async shutDown(): Promise<void> {
    if (this.#power !== "running") return await this.#losePower();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#agentIsDone = resolve;
    this.#modules.parts.announceShutdown();
    await Promise.race([promise, sleep(this.#modules.clock, SHUTDOWN_LIMIT_MS)]);
    await this.#losePower();
    this.#modules.heard("shut-down");
  }

  /** Boots again after the usual time. */
  async bootAfterDelay(): Promise<void> {
    const life = this.#life;
    await sleep(this.#modules.clock, this.#options.bootMs);
    if (this.#life === life) await this.boot();
  }

  async freeze(): Promise<void> {
    if (this.#power !== "running") return;
    this.#modules.parts.pause();
    this.#power = "frozen";
    await this.#modules.parts.wireChanged();
    this.#modules.heard("frozen");
  }

  /** Goes on where it stopped, unless its watchdog has reset it meanwhile: then it boots. */
  async thaw(): Promise<void> {
    if (this.#bootAfterThaw) {
      this.#bootAfterThaw = false;
      this.#modules.heard("thawed");
      await this.bootAfterDelay();
      return;
    }
    if (this.#power !== "frozen") return;
    this.#power = "running";
    this.#modules.parts.resume();
    await this.#modules.parts.wireChanged();
    this.#modules.heard("thawed");
  }

  async cutOff(direction: CutDirection = "both"): Promise<void> {
    this.#cut = { inbound: direction !== "outbound", outbound: direction !== "inbound" };
    await this.#modules.parts.wireChanged();
    this.#modules.heard("cut");
  }

  async reconnect(): Promise<void> {
    this.#cut = { inbound: false, outbound: false };
    await this.#modules.parts.wireChanged();
    this.#modules.heard("reconnected");
  }

  async #reset(): Promise<void> {
    if (this.#power === "off") return;
    const wasFrozen = this.#power === "frozen";
    this.#resets += 1;
    await this.#losePower();
    this.#modules.heard("reset");
    // A frozen machine has no processor to boot with.
    if (wasFrozen) this.#bootAfterThaw = true;
    else await this.bootAfterDelay();
  }

  async #losePower(): Promise<void> {
    const { parts } = this.#modules;
    this.#newLife("off");
    this.#bootAfterThaw = false;
    this.watchdog.powerOff();
    parts.pause();
    await parts.wireChanged();
    parts.killProcesses();
    await parts.dropNetwork();
  }

  #newLife(power: PowerState): number {
    this.#power = power;
    this.#restart?.cancel();
    this.#restart = undefined;
    this.#agentIsDone = undefined;
    this.#life += 1;
    return this.#life;
  }

  #startAgent(life: number, restartMs: number): void {
    const { clock, log, heard, parts } = this.#modules;
    parts.startAgent((how) => {
      if (this.#life !== life) return;
      if (this.#agentIsDone !== undefined) return this.#agentIsDone();
      log.warn("agent ended", { vm: this.place.name, how });
      heard("agent-exited");
      const nextMs = Math.min(restartMs * 2, MAX_RESTART_MS);
      this.#restart = clock.setTimer(restartMs, () => this.#startAgent(life, nextMs));
    });
  }
}
