/**
 * Names as this node would look them up: its hosts file first, then the servers of its resolv.conf (nsswitch.conf's
 * `files dns`, the usual order), both read afresh each time from the host's root, not from the agent's container.
 *
 * The servers are asked by c-ares rather than getaddrinfo(3): that tells "there is no such name" from "nobody could say",
 * can be called off, and takes no thread of the pool.
 */
import { Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { NameAnswer, NameQuery, NameResolver } from "../names/port.ts";
import { hostsEntriesOf, nameServersOf } from "../names/resolver-files.ts";
import { Turns } from "./turns.ts";

export interface LinuxNamesOptions {
  /** Where the host's file system is seen; empty: `/`. */
  readonly hostRoot: string;
}

/** Lookups at once: each has a socket of its own. */
const MAX_LOOKUPS = 16;
/** Each server is asked so often within the deadline. */
const TRIES = 2;
const SHORTEST_TRY_MS = 100;
const MAX_FILE_CHARS = 1_000_000;

/** The servers know, and there is none. Source: https://nodejs.org/api/dns.html#error-codes */
const ABSENT: readonly string[] = ["ENOTFOUND", "ENODATA"];

export class LinuxNames implements NameResolver {
  readonly #options: LinuxNamesOptions;
  readonly #clock: Clock;
  readonly #turns = new Turns(MAX_LOOKUPS);

  constructor(options: LinuxNamesOptions, modules: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = modules.clock;
  }

  resolve(query: NameQuery, timeoutMs: number, signal: AbortSignal): Promise<NameAnswer> {
    return this.#turns.run(() => this.#resolve(query, timeoutMs, signal));
  }

  async #resolve({ name, servers }: NameQuery, timeoutMs: number, signal: AbortSignal): Promise<NameAnswer> {
    try {
      if (servers !== undefined) return await this.#ask(name, servers, timeoutMs, signal);
      const addresses = hostsEntriesOf((await this.#read("etc/hosts")) ?? "", name);
      if (addresses.length > 0) return { result: "resolved", addresses, source: "/etc/hosts" };
      const own = nameServersOf((await this.#read("etc/resolv.conf")) ?? "");
      return await this.#ask(name, own, timeoutMs, signal);
    } catch (thrown) {
      return { result: "unreadable", message: messageOf(thrown) };
    }
  }

  /** Undefined: there is none. */
  async #read(path: string): Promise<string | undefined> {
    try {
      const text = await readFile(join(this.#options.hostRoot === "" ? "/" : this.#options.hostRoot, path), "utf8");
      return text.slice(0, MAX_FILE_CHARS);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw thrown;
    }
  }

  async #ask(name: string, servers: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<NameAnswer> {
    if (servers.length === 0) return { result: "unreadable", message: "/etc/resolv.conf names no name server" };
    if (signal.aborted) return { result: "unreadable", message: "called off" };
    const tryMs = Math.max(SHORTEST_TRY_MS, Math.floor(timeoutMs / (TRIES * servers.length)));
    const resolver = new Resolver({ timeout: tryMs, tries: TRIES });
    resolver.setServers(servers);
    const late = { is: false };
    const timer = this.#clock.setTimer(timeoutMs, () => {
      late.is = true;
      resolver.cancel();
    });
    const onAbort = (): void => resolver.cancel();
    signal.addEventListener("abort", onAbort, { once: true });
    const source = servers.join(", ");
    try {
      const addresses = await resolver.resolve4(name);
      return addresses.length > 0
        ? { result: "resolved", addresses, source }
        : { result: "absent", message: `${source} has no address for it` };
    } catch (thrown) {
      const { code = "" } = thrown as NodeJS.ErrnoException;
      if (ABSENT.includes(code)) return { result: "absent", message: `${source} answers ${code}` };
      const why = late.is ? `no answer within ${timeoutMs} ms` : code === "" ? messageOf(thrown) : code;
      return { result: "unreadable", message: `${source}: ${why}` };
    } finally {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }
}
