/**
 * Virtual machines of one region that can be switched off, under a clock: a `Fencer` without a cloud. Stopping takes time,
 * calls fail, hang or lose their reply, reads can be older than they should be; `onPower` is what happens to the guest.
 */
import { CloudError, type CloudErrorCode } from "../../src/cloud/errors.ts";
import type {
  Fencer,
  FencerAccess,
  PowerReading,
  PowerState,
  SecretKeys,
  VmRef,
} from "../../src/cloud/fencing-ports.ts";
import { type Clock, sleep } from "../../src/lib/clock.ts";

export type MachineCall = "state" | "powerOff" | "powerOn" | "check";

export interface MachineFault {
  /** Refused; nothing is carried out. */
  readonly error?: CloudErrorCode;
  /** Carried out after so long, in ms, and nobody hears of it. */
  readonly loseReplyAfterMs?: number;
  /** Reads answer this. */
  readonly stale?: PowerState;
}

interface Machine {
  state: PowerState;
  /** Counts changes of power, so that what belongs to an earlier life is ignored. */
  life: number;
  readonly onPower: (isOn: boolean) => void;
}

export class FakeMachines implements FencerAccess {
  /** As Azure; else as EC2. */
  areReadsConsistent = false;
  /** Between the call and `off`, in ms; infinite: it stays `stopping`. */
  stopMs = 1_000;
  callMs = 20;
  /** Calls in order, as `powerOff i-node1`. */
  readonly calls: string[] = [];
  readonly #clock: Clock;
  readonly #machines = new Map<string, Machine>();
  readonly #faults: { readonly call: MachineCall; readonly fault: MachineFault; left: number }[] = [];
  /** Told of every `powerOff` as it is sent. */
  onShot: (id: string) => void = () => undefined;
  /** Told of every machine that gets or loses power. */
  onPower: (id: string, isOn: boolean) => void = () => undefined;
  /** What every call is made with. */
  keys: SecretKeys | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(id: string, { onPower = () => undefined }: { readonly onPower?: (isOn: boolean) => void } = {}): void {
    this.#machines.set(id, { state: "running", life: 0, onPower });
  }

  stateOf(id: string): PowerState {
    return this.#of(id).state;
  }

  shotsAt(id: string): number {
    return this.calls.filter((call) => call === `powerOff ${id}`).length;
  }

  /** Returns what ends it. */
  fail(call: MachineCall, fault: MachineFault, times = Number.POSITIVE_INFINITY): () => void {
    const entry = { call, fault, left: times };
    this.#faults.unshift(entry);
    return () => void (entry.left = 0);
  }

  /** What somebody else does to the machine. */
  force(id: string, state: PowerState): void {
    const machine = this.#of(id);
    machine.life++;
    const wasOn = machine.state !== "off" && machine.state !== "gone";
    machine.state = state;
    const isOn = state === "running" || state === "stopping";
    if (wasOn !== isOn) machine.onPower(isOn);
    if (wasOn !== isOn) this.onPower(id, isOn);
  }

  fencerFor(_vm: VmRef, keys: SecretKeys | undefined): Promise<Fencer> {
    this.keys = keys;
    return Promise.resolve({
      areReadsConsistent: this.areReadsConsistent,
      state: (vm, options) =>
        this.#call<PowerReading>("state", vm, options.timeoutMs, (machine) => readingOf(machine.state)),
      powerOff: (vm, options) => this.#call("powerOff", vm, options.timeoutMs, (machine) => this.#stop(vm, machine)),
      powerOn: (vm, options) =>
        this.#call("powerOn", vm, options.timeoutMs, (machine) => {
          if (machine.state === "off") this.force(idOf(vm), "running");
        }),
      check: (vm, options) => this.#call("check", vm, options.timeoutMs, () => undefined),
    });
  }

  #stop(vm: VmRef, machine: Machine): "off" | "stopping" {
    if (machine.state === "off") return "off";
    if (machine.state === "stopping") return "stopping";
    machine.state = "stopping";
    const life = machine.life;
    if (Number.isFinite(this.stopMs)) {
      this.#clock.setTimer(this.stopMs, () => {
        if (machine.life === life) this.force(idOf(vm), "off");
      });
    }
    return "stopping";
  }

  async #call<T>(call: MachineCall, vm: VmRef, timeoutMs: number, perform: (machine: Machine) => T): Promise<T> {
    this.calls.push(`${call} ${idOf(vm)}`);
    if (call === "powerOff") this.onShot(idOf(vm));
    const entry = this.#faults.find((candidate) => candidate.call === call && candidate.left > 0);
    if (entry !== undefined) entry.left--;
    const { error, loseReplyAfterMs, stale } = entry?.fault ?? {};
    await sleep(this.#clock, this.callMs / 2);
    if (loseReplyAfterMs !== undefined) {
      this.#clock.setTimer(loseReplyAfterMs, () => void perform(this.#of(idOf(vm))));
      await sleep(this.#clock, timeoutMs);
      throw new CloudError({ code: "CallTimeout", action: call }, `${call}: no answer within ${timeoutMs} ms`);
    }
    if (error !== undefined) throw new CloudError({ code: error, action: call }, `${call} failed: ${error}`);
    const machine = this.#machines.get(idOf(vm));
    if (machine === undefined) throw new CloudError({ code: "NotFound", action: call }, `no machine ${idOf(vm)}`);
    const answer = stale !== undefined ? (readingOf(stale) as T) : perform(machine);
    await sleep(this.#clock, this.callMs / 2);
    return answer;
  }

  #of(id: string): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw new RangeError(`no machine ${id}`);
    return machine;
  }
}

function readingOf(state: PowerState): PowerReading {
  return { state, detail: state };
}

function idOf(vm: VmRef): string {
  return vm.provider === "aws" ? vm.instanceId : vm.name;
}
