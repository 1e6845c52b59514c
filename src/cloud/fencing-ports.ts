/**
 * Power of virtual machines as fencing needs it: plain values, both clouds alike, no Kubernetes.
 *
 * The invariant: `off` and `gone` are proof that nothing of the machine's former life runs any more, whatever happens
 * next. Everything else is no proof: `stopping` least of all, nor "not found" (a wrong id, account or region gives the
 * same answer), nor a machine whose memory was kept to go on later (hibernated).
 */
import type { CloudError } from "./errors.ts";

export type { CloudError };

export type VmRef = AwsVm | AzureVm;

export interface AwsVm {
  readonly provider: "aws";
  readonly region: string;
  readonly instanceId: string;
}

export interface AzureVm {
  readonly provider: "azure";
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Name of the machine; inside a scale set of uniform machines its instance id. */
  readonly name: string;
  readonly scaleSet?: string;
}

export type PowerState =
  /** Runs or may run. */
  | "running"
  | "stopping"
  /** Has no power and keeps no memory. */
  | "off"
  /** Was destroyed and cannot come back. */
  | "gone"
  /** Anything that proves nothing. */
  | "unknown";

export interface PowerReading {
  readonly state: PowerState;
  /** The cloud's own words, for messages. */
  readonly detail: string;
}

export interface PowerOffOptions {
  /** The guest may shut down by itself; else the plug is pulled. */
  readonly graceful: boolean;
  readonly timeoutMs: number;
}

/** One cloud under one identity. Every call ends within `timeoutMs`; all reject with `CloudError`. */
export interface Fencer {
  /**
   * Whether a read that is sent after `powerOff` was answered sees at least that state. EC2 does not promise it (EC2
   * developer guide, "Eventual consistency"): there a read counts only when a further `powerOff` answers `off`.
   */
  readonly areReadsConsistent: boolean;
  state(vm: VmRef, options: { readonly timeoutMs: number }): Promise<PowerReading>;
  /** Idempotent. `off`: the call itself found the machine without power; `stopping`: it is on its way. */
  powerOff(vm: VmRef, options: PowerOffOptions): Promise<"off" | "stopping">;
  /** Idempotent: a running machine stays as it is. Resolves when the cloud has accepted it. */
  powerOn(vm: VmRef, options: { readonly timeoutMs: number }): Promise<void>;
  /** Resolves when the machine exists and this identity may stop it. Changes nothing. */
  check(vm: VmRef, options: { readonly timeoutMs: number }): Promise<void>;
}

/** Keys of a Secret as API.md names them, decoded. */
export type SecretKeys = Readonly<Record<string, string>>;

export interface FencerAccess {
  /** Loads what the first call would otherwise wait for. `keys` undefined: the ambient identity. Rejects with `CloudError`. */
  fencerFor(vm: VmRef, keys: SecretKeys | undefined): Promise<Fencer>;
}

/** One text per machine: two refs to the same machine give the same. */
export function vmText(vm: VmRef): string {
  if (vm.provider === "aws") return `${vm.instanceId} (${vm.region})`;
  const machine = vm.scaleSet === undefined ? vm.name : `${vm.scaleSet}/${vm.name}`;
  return `${machine} (${vm.resourceGroup}, ${vm.subscriptionId})`.toLowerCase();
}
