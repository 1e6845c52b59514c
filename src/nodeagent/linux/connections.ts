/**
 * Resets TCP connections through `ss -K` (SOCK_DESTROY of the kernel's sock_diag, CONFIG_INET_DIAG_DESTROY). A kernel
 * without it lists the sockets and leaves them; the peers then find out by their own timeouts, and the log says so once.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { parseIpv4 } from "../../lib/ipv4.ts";
import type { Logger } from "../../lib/log.ts";
import type { ServiceConnections } from "../address/port.ts";
import { littleEndianHex } from "./listeners.ts";

/** One `ss -K` takes about 5 ms; the take-down does not wait longer than this, in milliseconds. */
const RESET_DEADLINE_MS = 500;

/** Of the `st` column of /proc/net/tcp: those that have nothing to reset (TIME_WAIT, CLOSE, LISTEN). */
const SETTLED_STATES = new Set(["06", "07", "0A"]);

export class LinuxConnections implements ServiceConnections {
  readonly #log: Logger;
  readonly #command: readonly [string, ...string[]];
  #isWarned = false;

  /** `command`: how to call `ss`; tests put `ip netns exec NAME` before it, where /proc/net says nothing. */
  constructor(modules: { readonly log: Logger; readonly command?: readonly [string, ...string[]] }) {
    this.#log = modules.log;
    this.#command = modules.command ?? ["ss"];
  }

  async reset(target: { readonly addresses: readonly string[]; readonly ports: readonly number[] }): Promise<boolean> {
    const filter = connectionFilter(target);
    if (filter === undefined) return true;
    // Reading two files is ten times faster than a spawn, and most take-downs find nothing to reset.
    if (this.#command[0] === "ss" && !(await hasConnections(target))) return true;
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

async function hasConnections(target: {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}): Promise<boolean> {
  try {
    const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8")));
    return tables.some((table) => anyConnection(table, target));
  } catch {
    return true;
  }
}

/** Whether a table of /proc/net has a connection to be reset; IPv4 addresses appear mapped in the table of IPv6. */
export function anyConnection(
  table: string,
  target: { readonly addresses: readonly string[]; readonly ports: readonly number[] },
): boolean {
  const addresses = target.addresses.map(littleEndianHex);
  const ports = target.ports.map((port) => port.toString(16).toUpperCase().padStart(4, "0"));
  return table.split("\n").some((line) => {
    const [, local = "", , state = ""] = line.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    if (port === "" || SETTLED_STATES.has(state)) return false;
    return ports.includes(port) || addresses.some((wanted) => address.endsWith(wanted));
  });
}
