/**
 * Addresses that must not be here: absent unless granted. Whatever carries our label, or is the address of a group that
 * names this node, and is not part of a grant that this worker is serving, is removed as soon as it is seen. Pure.
 *
 * Must never do: take the node's own address, or one that somebody configured with a wider prefix: those are no /32 of
 * ours, whatever a misspelt object claims.
 */
import { type InterfaceFacts, isOurLabel } from "./port.ts";

export interface Stray {
  readonly interface: string;
  readonly address: string;
}

export interface AddressClaims {
  /** Addresses of all groups that name this node. */
  readonly known: ReadonlySet<string>;
  /** Those that a grant may have up here now. */
  readonly granted: ReadonlySet<string>;
  readonly nodeAddress: string | undefined;
}

export function strayAddresses(interfaces: readonly InterfaceFacts[], claims: AddressClaims): Stray[] {
  return interfaces.flatMap((facts) =>
    facts.addresses
      .filter(
        (held) => held.prefixLength === 32 && held.address !== claims.nodeAddress && !claims.granted.has(held.address),
      )
      .filter((held) => isOurLabel(held.label) || claims.known.has(held.address))
      .map((held) => ({ interface: facts.name, address: held.address })),
  );
}
