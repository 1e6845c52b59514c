/**
 * Resets TCP connections through `ss -K` (SOCK_DESTROY of the kernel's sock_diag, CONFIG_INET_DIAG_DESTROY). A kernel
 * without it lists the sockets and leaves them; the peers then find out by their own timeouts, and the log says so once.
 * A look at /proc/net/tcp first would cost more than it saves: it walks the whole hash table (10 ms; `ss -K` takes 5).
 */
import { execFile } from "node:child_process";
import { parseIpv4 } from "../../lib/ipv4.ts";
import type { Logger } from "../../lib/log.ts";
import type { ServiceConnections } from "../address/port.ts";

/** One `ss -K` takes about 5 ms; the take-down does not wait longer than this, in milliseconds. */
const RESET_DEADLINE_MS = 500;

export class LinuxConnections implements ServiceConnections {
  readonly #log: Logger;
  readonly #command: readonly [string, ...string[]];
  #isWarned = false;

  /** `command`: how to call `ss`; tests put `ip netns exec NAME` before it. */
  constructor(modules: { readonly log: Logger; readonly command?: readonly [string, ...string[]] }) {
    this.#log = modules.log;
    this.#command = modules.command ?? ["ss"];
  }

  async reset(target: { readonly addresses: readonly string[]; readonly ports: readonly number[] }): Promise<boolean> {
    const filter = connectionFilter(target);
    if (filter === undefined) return true;
    const [program, ...words] = this.#command;
    const complaint = await new Promise<string | undefined>((resolve) => {
      const options = { timeout: RESET_DEADLINE_MS, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 } as const;
      execFile(
        program,
        [...words, "-K", "-H", "-t", "-n", "-a", "exclude", "listening", ...filter],
        options,
        (error, _stdout, stderr) => resolve(error === null && stderr === "" ? undefined : (error?.message ?? stderr)),
      );
    });
    if (complaint !== undefined && !this.#isWarned) {
      this.#isWarned = true;
      this.#log.warn("connections cannot be reset on this node", { complaint: complaint.trim() });
    }
    return complaint === undefined;
  }
}

/** The filter expression of ss(8); undefined when it would match nothing. Only numbers and dotted addresses pass. */
export function connectionFilter(target: {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}): string[] | undefined {
  const terms = [
    ...target.addresses.filter((address) => parseIpv4(address) !== undefined).map((address) => ["src", address]),
    ...target.ports
      .filter((port) => Number.isInteger(port) && port > 0 && port < 65_536)
      .map((port) => ["sport", "=", `:${port}`]),
  ];
  if (terms.length === 0) return undefined;
  return ["(", ...terms.flatMap((term, index) => (index === 0 ? term : ["or", ...term])), ")"];
}
