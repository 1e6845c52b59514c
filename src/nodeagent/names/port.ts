/**
 * Asking for an address behind a port, as a client on this machine would: by the node's own resolvers (with its hosts
 * file), or by servers that a person named.
 *
 * Three answers, since they mean different things: the name has addresses; the name surely has none (NXDOMAIN, or no A
 * record); nobody could say (no answer in time, SERVFAIL, REFUSED). The last one is never "wrong".
 */
export interface NameQuery {
  /** Absolute, without the last dot, lower case. */
  readonly name: string;
  /** IPv4 addresses of DNS servers; undefined: what the node itself would ask. */
  readonly servers: readonly string[] | undefined;
}

export type NameAnswer =
  /** All IPv4 addresses, at least one. */
  | { readonly result: "resolved"; readonly addresses: readonly string[]; readonly source: string }
  | { readonly result: "absent"; readonly message: string }
  | { readonly result: "unreadable"; readonly message: string };

export interface NameResolver {
  /** Asks once, nothing is cached here. `unreadable` when `timeoutMs` have passed or `signal` aborts. Never throws. */
  resolve(query: NameQuery, timeoutMs: number, signal: AbortSignal): Promise<NameAnswer>;
}
