/**
 * Fencing on EC2: StopInstances with Force and SkipOsShutdown (EC2 API reference, StopInstances: with both, neither the
 * guest nor its file systems are waited for), and what counts as off.
 *
 * Reads may be older than a write (eventual consistency): a `stopped` of the instance's former life must not pass for
 * this one, so `areReadsConsistent` is false and the answer of a further StopInstances (its `previousState`) decides.
 * A hibernated instance is `stopped` too, but its processes go on when it starts: no proof.
 */
import { assert } from "../../lib/assert.ts";
import { CloudError } from "../errors.ts";
import type { Fencer, PowerOffOptions, PowerReading, PowerState, VmRef } from "../fencing-ports.ts";
import type { Ec2PowerPort, Instance } from "./ports.ts";

/** InstanceState names (EC2 API reference); `shutting-down` ends in `terminated`. */
const STATES: Readonly<Record<string, PowerState>> = {
  pending: "running",
  running: "running",
  "shutting-down": "stopping",
  stopping: "stopping",
  stopped: "off",
  terminated: "gone",
};

/** StateReason of an instance that was hibernated (EC2 API reference, StateReason). */
const HIBERNATED = "Client.UserInitiatedHibernate";

export class AwsFencer implements Fencer {
  readonly areReadsConsistent = false;
  readonly #ec2: Ec2PowerPort;

  constructor(ec2: Ec2PowerPort) {
    this.#ec2 = ec2;
  }

  async state(vm: VmRef, options: { readonly timeoutMs: number }): Promise<PowerReading> {
    const id = idOf(vm);
    const found = (await this.#ec2.describeInstances([id], options)).find(({ instanceId }) => instanceId === id);
    return found === undefined ? { state: "unknown", detail: "not in the answer" } : readingOf(found);
  }

  async powerOff(vm: VmRef, { graceful, timeoutMs }: PowerOffOptions): Promise<"off" | "stopping"> {
    const plug = graceful ? {} : { force: true, skipOsShutdown: true };
    const { previousState } = await this.#ec2.stopInstance(idOf(vm), plug, { timeoutMs });
    return previousState === "stopped" ? "off" : "stopping";
  }

  async powerOn(vm: VmRef, options: { readonly timeoutMs: number }): Promise<void> {
    await this.#ec2.startInstance(idOf(vm), options);
  }

  async check(vm: VmRef, { timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    const id = idOf(vm);
    const [found] = await this.#ec2.describeInstances([id], { timeoutMs });
    if (found === undefined || found.state === "terminated") {
      const detail = { code: "NotFound", action: "DescribeInstances" } as const;
      throw new CloudError(detail, `EC2 has no instance ${id} that could be stopped`);
    }
    await this.#ec2.stopInstance(id, { force: true, skipOsShutdown: true }, { timeoutMs, dryRun: true });
  }
}

function readingOf({ state, stateReason }: Instance): PowerReading {
  if (state === "stopped" && stateReason === HIBERNATED)
    return { state: "unknown", detail: "stopped by hibernation: what ran goes on when it starts" };
  return { state: STATES[state] ?? "unknown", detail: state === "" ? "no state in the answer" : state };
}

function idOf(vm: VmRef): string {
  assert(vm.provider === "aws", "an EC2 fencer stops EC2 instances");
  return vm.instanceId;
}
