/**
 * Addresses on the node's interfaces behind a port. Every write is idempotent and every answer is what a fresh read
 * of the kernel said afterwards: a caller never has to believe that a command did what it was told.
 */
import { CodedError } from "../../lib/errors.ts";

export interface InterfaceAddress {
  /** Dotted IPv4 address. */
  readonly address: string;
  /** 0-32 */
  readonly prefixLength: number;
  /** The kernel's label; `isOurLabel` recognises ours. Empty when the backend knows none. */
  readonly label: string;
}

export interface InterfaceFacts {
  readonly name: string;
  /** Lower case with colons; `00:00:00:00:00:00` on the loopback. */
  readonly mac: string;
  readonly isUp: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

export type AddressErrorDetail =
  /** The arguments are no interface name or no IPv4 address: nothing was done. */
  | { readonly code: "Malformed"; readonly argument: string }
  /** The kernel refused, or the read afterwards does not show what was asked for. */
  | { readonly code: "Refused"; readonly interface: string; readonly address: string }
  /** No answer within the deadline, or the tool is missing: the state is unknown. */
  | { readonly code: "Unavailable" };

export class AddressError extends CodedError<AddressErrorDetail> {
  override readonly name = "AddressError";
}

export interface AddressPort {
  /** Name of the loopback, where frontend addresses of Direct Server Return go. Absent: `lo`. */
  readonly loopback?: string;
  /** A fresh read. Throws `AddressError` (`Unavailable`). */
  interfaces(): Promise<readonly InterfaceFacts[]>;
  /** Resolves with the fresh read that shows `address/32` on the interface; also when it was there before. */
  add(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]>;
  /** Resolves with the fresh read that shows the interface without the address; also when it was absent before. */
  remove(interfaceName: string, address: string): Promise<readonly InterfaceFacts[]>;
  /** Takes our mark off an address that is to stay although nobody guards it any more (`whenDeleted: Leave`). Absent: cannot. */
  unmark?(interfaceName: string, address: string): Promise<void>;
  /** Calls `onChange` soon after any address changed, whoever changed it; at worst never: callers also check in intervals. */
  watch(onChange: () => void, signal: AbortSignal): void;
}

/** Tells the neighbours where an address now lives. Best effort: never awaited, never a proof. */
export interface AddressAnnouncer {
  announce(interfaceName: string, address: string): void;
}

export const silentAnnouncer: AddressAnnouncer = { announce: () => undefined };

/**
 * Keeps neighbours from learning the addresses of the loopback from this node: the frontend of a load balancer with Direct
 * Server Return belongs to the load balancer on the wire, though every answer leaves this node with it as its source.
 */
export interface ArpSilence {
  /** Resolves when neighbours are neither answered nor asked with `address`. Idempotent. Throws `AddressError`. */
  keep(address: string): Promise<void>;
  /** Whether it still is so: somebody may have changed the settings. Throws `AddressError`. */
  isKept(): Promise<boolean>;
  /** Puts back what was found, once no address needs it any more. Never throws: silence does no harm. */
  end(address: string): Promise<void>;
}

/** Ends TCP connections of a service that stops being served here, so that clients and load balancers reconnect at once. */
export interface ServiceConnections {
  /** Resets established connections whose local address or local port is named. Never throws; false: this kernel cannot do it. */
  reset(target: { readonly addresses: readonly string[]; readonly ports: readonly number[] }): Promise<boolean>;
}

/** Longest interface name of Linux (IFNAMSIZ - 1), and of an address label. */
export const MAX_INTERFACE_CHARS = 15;
const LABEL_SUFFIX = ":us";

/** The label that marks our addresses in `ip addr`; undefined when the interface's name leaves no room for it. */
export function addressLabel(interfaceName: string): string | undefined {
  const label = `${interfaceName}${LABEL_SUFFIX}`;
  return label.length <= MAX_INTERFACE_CHARS ? label : undefined;
}

export function isOurLabel(label: string): boolean {
  return label.endsWith(LABEL_SUFFIX);
}

export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/.test(text);
}

/** The interfaces that carry `address`, whatever its prefix length. */
export function holdersOf(interfaces: readonly InterfaceFacts[], address: string): string[] {
  return interfaces
    .filter((facts) => facts.addresses.some((held) => held.address === address))
    .map((facts) => facts.name);
}
