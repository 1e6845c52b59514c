/**
 * What carries the virtual machines: network namespaces and real packets, or (loopback mode) 127.x addresses and a
 * TCP relay. Everything above this port is the same in both modes.
 */
import type { Ec2State } from "../ec2/ports.ts";
import type { Detours, WireFacts } from "./forwarding.ts";

export type SandboxMode = "namespaces" | "loopback";

export interface Fabric {
  readonly mode: SandboxMode;
  /** The command line that runs `argv` at a place (`control`, `client`, or a machine's name). */
  enter(place: string, argv: readonly string[]): readonly string[];
  /** Pids of everything a machine runs, and of nothing else. */
  processesOf(vm: string): readonly number[];
  /** Gives a machine a fresh network, as its boot would. */
  guestUp(vm: string): Promise<void>;
  /** Takes everything off its interfaces, as the loss of its power would. */
  guestDown(vm: string): Promise<void>;
  /** Makes packets go where this state sends them; resolves when they do. Latest call wins. */
  forward(state: Ec2State, wires: readonly WireFacts[], detours?: Detours): Promise<void>;
  /** Makes an address lead to the orchestrator from everywhere. */
  publish(address: string): Promise<void>;
  close(): Promise<void>;
}
