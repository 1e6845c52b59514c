/**
 * Reaching an isolation target behind a port: one HTTP request or one ICMP echo, answered by a value. What could not be
 * asked from here (no `ping`, no descriptor left) is "unreadable", which is never the same as "lost".
 */
import type { IsolationTarget } from "../../api/generated/types.ts";

export type TargetAnswer =
  | { readonly result: "reached" }
  /** Asked, and not answered as expected: no route, no name, no answer in time, another status, an untrusted certificate. */
  | { readonly result: "lost"; readonly message: string }
  /** Could not be asked: says nothing about the network. */
  | { readonly result: "unreadable"; readonly message: string };

export interface IsolationProbe {
  /**
   * Asks once. Answers `lost` when `timeoutMs` have passed since the request began; waiting for a turn does not count.
   * An aborted `signal` ends it at once, with any answer. Never throws.
   */
  ask(target: IsolationTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer>;
}

/** How people call a target. Without user, password and query: they may be secrets. */
export function targetText(target: IsolationTarget): string {
  if (target.ping !== undefined) return `ping ${target.ping.address}`;
  const url = URL.parse(target.http?.url ?? "");
  const path = url === null ? "an invalid URL" : `${url.origin}${url.pathname}`;
  return `${target.http?.method ?? "HEAD"} ${path}`;
}
