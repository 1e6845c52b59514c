/** Isolation targets on this machine's own network: HTTP over `node:http` and `node:https`, echoes by `ping`. */
import type { IsolationTarget } from "../../api/generated/types.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { IsolationProbe, TargetAnswer } from "../isolation/port.ts";
import { HttpTargets } from "./http-target.ts";
import { type PingOptions, PingTargets } from "./ping-target.ts";

export class LinuxIsolationTargets implements IsolationProbe {
  readonly #http: HttpTargets;
  readonly #ping: PingTargets;

  constructor(options: PingOptions, modules: { readonly clock: Clock }) {
    this.#http = new HttpTargets(modules);
    this.#ping = new PingTargets(options, modules);
  }

  async ask(target: IsolationTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    try {
      if (target.http !== undefined) return await this.#http.ask(target.http, timeoutMs, signal);
      if (target.ping !== undefined) return await this.#ping.ask(target.ping, timeoutMs, signal);
      return { result: "unreadable", message: "the target is of no kind that this version knows" };
    } catch (thrown) {
      // Nothing was sent: neither a socket nor a process could be made.
      return { result: "unreadable", message: messageOf(thrown) };
    }
  }
}
