/**
 * One HTTP request to an isolation target: a connection of its own, so that nothing that was kept open can answer for a
 * network that is gone. Redirects are answers like any other: only the expected status counts. The body is thrown away.
 */
import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { promisify } from "node:util";
import type { HttpTarget } from "../../api/generated/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { TargetAnswer } from "../isolation/port.ts";
import { Turns } from "./turns.ts";

/** Connections to targets that are open at once. */
const MAX_REQUESTS = 64;
/**
 * getaddrinfo(3) cannot be called off, and each call keeps one of the four threads that files need too. Hence half of
 * them, and one per name. Source: https://nodejs.org/api/dns.html#implementation-considerations
 */
const MAX_LOOKUPS = 2;
const MAX_HEADER_BYTES = 32 * 1024;
/** This machine is out of something: no word about the network. */
const OWN_LIMITS: readonly string[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL", "ERR_INVALID_URL"];

const addressesOf = promisify(systemLookup) as (
  hostname: string,
  options: { readonly all: true },
) => Promise<LookupAddress[]>;

export class HttpTargets {
  readonly #clock: Clock;
  readonly #requests = new Turns(MAX_REQUESTS);
  readonly #lookups = new Turns(MAX_LOOKUPS);
  readonly #names = new Map<string, Promise<LookupAddress[]>>();

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
  }

  ask(target: HttpTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    return this.#requests.run(() => this.#ask(target, timeoutMs, signal));
  }

  #ask(target: HttpTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    const { promise, resolve } = Promise.withResolvers<TargetAnswer>();
    const url = URL.parse(target.url);
    if (signal.aborted || url === null)
      return Promise.resolve({ result: "unreadable", message: url === null ? "the URL is invalid" : "called off" });
    const send = url.protocol === "https:" ? tlsRequest : plainRequest;
    const options = { method: target.method, agent: false, rejectUnauthorized: true, lookup: this.#lookup };
    const headers = { "user-agent": "understudy", accept: "*/*", connection: "close" };
    const request = send(url, { ...options, headers, maxHeaderSize: MAX_HEADER_BYTES });
    const finish = (answer: TargetAnswer): void => {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      request.destroy();
      resolve(answer);
    };
    const onAbort = (): void => finish({ result: "unreadable", message: "called off" });
    const timer = this.#clock.setTimer(timeoutMs, () =>
      finish({ result: "lost", message: `no answer within ${timeoutMs} ms` }),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    request.once("response", ({ statusCode }) =>
      finish(
        statusCode === target.expectStatus
          ? { result: "reached" }
          : { result: "lost", message: `answered ${statusCode}, expected ${target.expectStatus}` },
      ),
    );
    request.on("error", (error: NodeJS.ErrnoException) => finish(answerOf(error)));
    request.end();
    return promise;
  }

  readonly #lookup: LookupFunction = (hostname, options, callback) => {
    this.#resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true || first === undefined) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };

  /** Whoever asks for a name that is being looked up waits for that answer. */
  #resolve(hostname: string): Promise<LookupAddress[]> {
    const known = this.#names.get(hostname);
    if (known !== undefined) return known;
    const found = this.#lookups
      .run(() => addressesOf(hostname, { all: true }))
      .finally(() => this.#names.delete(hostname));
    this.#names.set(hostname, found);
    return found;
  }
}

function answerOf(error: NodeJS.ErrnoException): TargetAnswer {
  const message = error.message === "" ? (error.code ?? error.name) : error.message;
  return { result: OWN_LIMITS.includes(error.code ?? "") ? "unreadable" : "lost", message };
}
