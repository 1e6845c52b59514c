/** The port that a load balancer probes: open on the active member only, closed at once and with resets. */
import { messageOf } from "../../lib/errors.ts";
import type { Holding } from "../guard-protocol.ts";
import type { Reading } from "../monitor/schedule.ts";
import { DONE, failed, GUARD_REFUSED, type LocalPart, type StepContext } from "../worker/local-part.ts";
import type { StepOutcome } from "../worker/group-state.ts";
import type { ProbePortPlan } from "../worker/part-plan.ts";
import { ListenerError, type ListenerPort, type OpenListener } from "./port.ts";

export interface ProbePortPartModules {
  readonly listeners: ListenerPort;
  /** The kernel took the listener away. */
  readonly onLost: () => void;
}

export class ProbePortPart implements LocalPart {
  readonly #plan: ProbePortPlan;
  readonly #modules: ProbePortPartModules;
  #open: OpenListener | undefined;

  constructor(plan: ProbePortPlan, modules: ProbePortPartModules) {
    this.#plan = plan;
    this.#modules = modules;
  }

  async holdings(): Promise<readonly Holding[]> {
    return [{ kind: "probe-port", port: this.#plan.port }];
  }

  async start(context: StepContext): Promise<StepOutcome> {
    if (this.#open?.isOpen() === true) return DONE;
    const { port, sourceRanges } = this.#plan;
    const held: Holding = { kind: "probe-port", port };
    if (!(await context.hold(held))) return GUARD_REFUSED;
    if (context.signal.aborted) return failed("ActivationFailed", "ended early");
    try {
      this.#open = await this.#modules.listeners.open({ port, sourceRanges, onLost: this.#modules.onLost });
      return DONE;
    } catch (thrown) {
      const isTaken = thrown instanceof ListenerError && thrown.code === "PortInUse";
      return failed(isTaken ? "PortInUse" : "ActivationFailed", messageOf(thrown));
    }
  }

  async stop(context: StepContext): Promise<StepOutcome> {
    this.#open?.close();
    this.#open = undefined;
    context.released({ kind: "probe-port", port: this.#plan.port });
    return DONE;
  }

  /** The listener lives in this process: it stays as long as the process does. */
  async leaveBehind(context: StepContext): Promise<void> {
    context.released({ kind: "probe-port", port: this.#plan.port });
  }

  async check(): Promise<Reading> {
    const { port } = this.#plan;
    if (this.#open?.isOpen() === true) return { result: "good" };
    return {
      result: "bad",
      reason: "ListenerDown",
      message: `nothing of ours listens on port ${port}`,
      isProven: true,
    };
  }
}
