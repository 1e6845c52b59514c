/**
 * How an emulated cloud service joins the world. A scenario makes the emulators that it needs, keeps hold of them for
 * its faults, and hands them to the world, which starts them before the controllers and ends them with the run.
 * All live in the orchestrator's process, in the control namespace.
 */
import type { ArmRole } from "../arm/provider.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Timings } from "../../api/timings.ts";
import type { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import type { SandboxMode } from "../network/fabric.ts";
import type { Topology } from "../network/topology.ts";
import type { Policy } from "../policy.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import type { Ec2World } from "./ec2-world.ts";

export interface Emulator {
  /** Listens when it resolves. Called once, before controllers and machines run. */
  start(): Promise<void>;
  /** What every controller is told besides, known after `start`. */
  controllerFlags?(): readonly string[];
  controllerEnvironment?(): Readonly<Record<string, string>>;
  /** AWS's: from now on the controllers' key may do what this policy allows, and nothing else. */
  restrict?(policy: Policy): void;
  /** Azure's: the same with a role. */
  restrictTo?(role: ArmRole): void;
  /** Actions that the policy or role did not allow, as they came. */
  refused?(): readonly string[];
  close(): Promise<void>;
}

/** What the world gives an emulator to stand on. */
export interface Ground {
  readonly topology: Topology;
  readonly mode: SandboxMode;
  readonly timings: Timings;
  /** Of a call of a cloud API, in ms. */
  readonly latencyMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Files of this run. */
  readonly directory: string;
  /** Port of the name servers at `topology.resolvers` and wherever else names are asked for. */
  readonly dnsPort: number;
  /** One per region; empty in Azure's world. */
  readonly regions: readonly VirtualEc2[];
  readonly ec2World: Ec2World;
  /** Makes an address lead to this process, from everywhere, so that an emulator can listen there. */
  publish(address: string): Promise<void>;
  /**
   * Sends packets for an address to a machine's wire, unchanged, whatever the machine's own address (`undefined`: drops
   * them). Namespaces only; rejects in loopback mode.
   */
  lead(address: string, vm: string | undefined): Promise<void>;
  /** Where a process outside the machine reaches a service of it, its wire permitting. */
  reachAddress(vm: string): string;
  /** Whether a packet from outside reaches the machine and an answer comes back. */
  isReachable(vm: string): boolean;
  /** Only once the machines exist: after every emulator has started. */
  machine(vm: string): VirtualMachine;
}
