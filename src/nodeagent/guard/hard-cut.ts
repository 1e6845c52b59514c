/**
 * The guard's own cut: what a take-down did not bring down in time, or what a killed life left behind, ends here by
 * force. First whoever could still bring something up (the worker and all it runs), then the addresses, then a fresh
 * look at everything: only that look is proof.
 *
 * Must never: call something down because a signal was sent or a command said so. A process in uninterruptible sleep is
 * still running; an address that cannot be read is still there.
 */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { type AddressPort, isOurLabel, type InterfaceFacts, type ServiceConnections } from "../address/port.ts";
import type { ProcessPort, ProcessRef } from "../command/port.ts";
import type { Holding } from "../guard-protocol.ts";

export interface HardCutModules {
  readonly processes: ProcessPort;
  readonly addresses: AddressPort;
  readonly connections: ServiceConnections;
  readonly clock: Clock;
}

export interface HardCutOptions {
  /** Every command of a group carries the node's name in its environment (API.md 1.1); daemons inherit it. */
  readonly commandEnvironment: Readonly<Record<string, string>>;
}

/** Looks for exits after a kill, and the pause between them in milliseconds: 200 ms per attempt at most. */
const EXIT_LOOKS = 20;
const EXIT_LOOK_MS = 10;
/** One step of an attempt may take so long, in milliseconds; the next attempt tries again. */
const STEP_DEADLINE_MS = 1_000;

export class HardCut {
  readonly #options: HardCutOptions;
  readonly #modules: HardCutModules;

  constructor(options: HardCutOptions, modules: HardCutModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** One attempt; resolves to what is still there, as sentences. Empty: everything is proven down. */
  async attempt(holdings: readonly Holding[], killWorker: () => void): Promise<string[]> {
    killWorker();
    await this.#step("kill processes", (isOver) => this.#killProcesses(holdings, isOver));
    await Promise.all([
      this.#step("remove addresses", () => this.#removeAddresses(holdings)),
      this.#step("reset connections", () => this.#resetConnections(holdings)),
    ]);
    return await this.proof(holdings);
  }

  /** What of `holdings`, or of what only groups bring up, is there at a fresh look. Anything that cannot be read is. */
  async proof(holdings: readonly Holding[]): Promise<string[]> {
    const left: string[] = [];
    const unread = await this.#step("read", async () => {
      for (const { pid } of await this.#running(holdings)) left.push(`process ${pid} runs`);
      for (const { interfaceName, address } of heldAddresses(await this.#modules.addresses.interfaces(), holdings))
        left.push(`address ${address} is on ${interfaceName}`);
    });
    return unread === undefined ? left : [...left, unread];
  }

  async #killProcesses(holdings: readonly Holding[], isOver: () => boolean): Promise<void> {
    for (let look = 0; look < EXIT_LOOKS; look++) {
      const running = await this.#running(holdings);
      // A slow look must not kill what a later life of the worker started meanwhile.
      if (running.length === 0 || isOver()) return;
      this.#modules.processes.signal(running, "SIGKILL");
      await new Promise<void>((resolve) => void this.#modules.clock.setTimer(EXIT_LOOK_MS, resolve));
    }
  }

  /** Zombies excepted: a zombie runs nothing and holds nothing. */
  async #running(holdings: readonly Holding[]): Promise<ProcessRef[]> {
    const { processes } = this.#modules;
    const found = new Map<number, ProcessRef>();
    for (const ref of await processes.find({ sessions: [], environment: this.#options.commandEnvironment }))
      found.set(ref.pid, ref);
    for (const holding of holdings) {
      if (holding.kind !== "process-group") continue;
      const members = await processes.find({ sessions: [holding.processGroup], environment: {} });
      // A leader with this number but another start is a later process: while any member of ours lived, the kernel
      // could not have given the number away (pid_namespaces keep a pid that names a group), so ours is gone.
      const leader = members.find((ref) => ref.pid === holding.processGroup);
      const isLater = leader !== undefined && holding.startTicks > 0 && leader.startTicks !== holding.startTicks;
      if (isLater) continue;
      for (const ref of members) found.set(ref.pid, ref);
    }
    return [...found.values()];
  }

  async #removeAddresses(holdings: readonly Holding[]): Promise<void> {
    const { addresses } = this.#modules;
    const held = heldAddresses(await addresses.interfaces(), holdings);
    await Promise.all(held.map(({ interfaceName, address }) => addresses.remove(interfaceName, address)));
  }

  /** Best effort: load balancers keep old flows; no proof depends on it, since whoever answered them is dead. */
  async #resetConnections(holdings: readonly Holding[]): Promise<void> {
    const ports = holdings.flatMap((holding) => (holding.kind === "service-port" ? [holding.port] : []));
    const addresses = holdings.flatMap((holding) => (holding.kind === "address" ? [addressOf(holding)] : []));
    if (ports.length + addresses.length > 0) await this.#modules.connections.reset({ addresses, ports });
  }

  /** Undefined when it went well in time, else what went wrong. */
  async #step(what: string, work: (isOver: () => boolean) => Promise<void>): Promise<string | undefined> {
    let isOver = false;
    const late = Promise.withResolvers<string>();
    const deadline = this.#modules.clock.setTimer(STEP_DEADLINE_MS, () => late.resolve(`${what}: no end in time`));
    const done = work(() => isOver).then(
      () => undefined,
      (thrown: unknown) => `${what}: ${messageOf(thrown)}`,
    );
    const result = await Promise.race([done, late.promise]);
    isOver = true;
    deadline.cancel();
    return result;
  }
}

function addressOf(holding: Extract<Holding, { kind: "address" }>): string {
  return holding.cidr.split("/")[0] ?? holding.cidr;
}

/** Recorded addresses, and those that carry our label though no record names them (a lost record). */
function heldAddresses(
  interfaces: readonly InterfaceFacts[],
  holdings: readonly Holding[],
): { interfaceName: string; address: string }[] {
  const recorded = new Set(
    holdings.flatMap((holding) => (holding.kind === "address" ? [`${holding.interface} ${addressOf(holding)}`] : [])),
  );
  return interfaces.flatMap((facts) =>
    facts.addresses
      .filter((held) => isOurLabel(held.label) || recorded.has(`${facts.name} ${held.address}`))
      .map((held) => ({ interfaceName: facts.name, address: held.address })),
  );
}
