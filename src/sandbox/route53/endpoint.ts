/**
 * The Route 53 endpoint that the real SDK talks to: REST and XML over one `VirtualRoute53`.
 *
 * The order within a call is AWS's: rate, signature, permission, effect. Faults are laid around it, half of the latency
 * before the effect and half after. More than five requests within a second are refused, as for every account.
 * Must never do: answer a change that it did not carry out, unless a fault says so.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { sleep, type Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { FaultInjector, type FaultOutcome } from "../ec2/faults.ts";
import { close, listen, readBody } from "../http.ts";
import { refusedResource } from "../policy.ts";
import { signerOf, type AccessKey, type SignedRequest } from "../sigv4.ts";
import { callOf, type Route53Call } from "./actions.ts";
import { Route53Error, type VirtualRoute53 } from "./virtual-route53.ts";
import { errorXml } from "./xml.ts";

export interface Route53EndpointOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: an ephemeral port. */
  readonly port?: number;
  readonly accessKeys: readonly AccessKey[];
  /** Latency of every call, in ms; default 0. */
  readonly latencyMs?: number;
  /** Requests of any kind within one second; default 5 (developer guide, "Quotas on API requests"). */
  readonly requestsPerSecond?: number;
}

export interface Route53EndpointModules {
  readonly route53: VirtualRoute53;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Route53Endpoint {
  readonly url: string;
  readonly port: number;
  readonly faults: FaultInjector;
  /** Calls that arrived, per action, whatever became of them. */
  readonly calls: ReadonlyMap<string, number>;
  /** Actions that no policy allowed, as they came. */
  readonly refused: readonly string[];
  /** The most requests that arrived within one second so far. */
  busiestSecond(): number;
  /** Replaces the keys, e.g. to revoke one. */
  setAccessKeys(keys: readonly AccessKey[]): void;
  /** Ends every connection and resolves when the port is free. */
  close(): Promise<void>;
}

const ACCOUNT = "123456789012";
const SECOND_MS = 1_000;
/** Most refusals that are remembered. */
const MAX_REFUSED = 1_000;

interface Answer {
  readonly status: number;
  readonly xml: string;
}

export async function startRoute53Endpoint(
  options: Route53EndpointOptions,
  modules: Route53EndpointModules,
): Promise<Route53Endpoint> {
  const host = options.host ?? "127.0.0.1";
  const service = new Route53Service(options, modules);
  const server = createServer((request, response) => void service.serve(request, response));
  const port = await listen(server, host, options.port ?? 0);
  return {
    url: `http://${host}:${port}`,
    port,
    faults: service.faults,
    calls: service.calls,
    refused: service.refused,
    busiestSecond: () => service.busiestSecond,
    setAccessKeys: (keys) => (service.accessKeys = keys),
    close: () => close(server),
  };
}

class Route53Service {
  readonly faults: FaultInjector;
  readonly calls = new Map<string, number>();
  readonly refused: string[] = [];
  busiestSecond = 0;
  accessKeys: readonly AccessKey[];
  readonly #modules: Route53EndpointModules;
  readonly #requestsPerSecond: number;
  /** When the requests of the last second arrived. */
  #arrivals: number[] = [];

  constructor(options: Route53EndpointOptions, modules: Route53EndpointModules) {
    this.faults = new FaultInjector(options.latencyMs ?? 0);
    this.accessKeys = options.accessKeys;
    this.#modules = modules;
    this.#requestsPerSecond = options.requestsPerSecond ?? 5;
  }

  /** Never rejects: whatever goes wrong becomes an answer or a cut connection. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await readBody(request);
      const { method = "GET", url = "/", headers } = request;
      const call = callOf(method, new URL(url, "http://route53").pathname);
      const action = call?.action ?? "Unknown";
      this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
      const isTooMany = this.#isTooMany();
      const { latencyMs, outcome } = this.faults.next(action);
      if (outcome?.type === "hang") return;
      if (outcome?.type === "unreachable") {
        response.destroy();
        return;
      }
      await sleep(this.#modules.clock, latencyMs / 2);
      const answer = this.#answer({ method, url, headers, body }, call, isTooMany, outcome);
      await sleep(this.#modules.clock, latencyMs / 2);
      if (outcome?.type === "loseReply") {
        response.destroy();
        return;
      }
      response.writeHead(answer.status, { "content-type": "text/xml" }).end(answer.xml);
    } catch {
      // The client went away while it sent or waited: there is nobody to answer.
      response.destroy();
    }
  }

  #isTooMany(): boolean {
    const nowMs = this.#modules.clock.monotonicMs();
    this.#arrivals = [...this.#arrivals.filter((atMs) => nowMs - atMs < SECOND_MS), nowMs];
    this.busiestSecond = Math.max(this.busiestSecond, this.#arrivals.length);
    return this.#arrivals.length > this.#requestsPerSecond;
  }

  #answer(
    request: SignedRequest,
    call: Route53Call | undefined,
    isTooMany: boolean,
    outcome: FaultOutcome | undefined,
  ): Answer {
    const requestId = this.#modules.random.uuid();
    try {
      if (isTooMany || outcome?.type === "throttle") throw new Route53Error("Throttling", "Rate exceeded");
      const key = this.#signer(request);
      if (outcome?.type === "error")
        throw new Route53Error(outcome.code, outcome.message ?? outcome.code, outcome.status ?? 400);
      if (call === undefined) throw new Route53Error("UnknownOperationException", request.url, 404);
      this.#assertAllowed(call, key);
      const query = new URL(request.url, "http://route53").searchParams;
      return { status: 200, xml: call.run(this.#modules.route53, query, request.body) };
    } catch (thrown) {
      if (!(thrown instanceof Route53Error))
        return { status: 500, xml: errorXml("InternalFailure", String(thrown), requestId) };
      return { status: thrown.detail.status, xml: errorXml(thrown.code, thrown.message, requestId) };
    }
  }

  /** The texts of "Common Errors" of the API reference. */
  #signer(request: SignedRequest): AccessKey {
    const signer = signerOf(request, this.accessKeys, "route53");
    switch (signer) {
      case "Missing":
        throw new Route53Error("MissingAuthenticationToken", "Missing Authentication Token", 403);
      case "Malformed":
        throw new Route53Error("IncompleteSignature", "Authorization header is not formatted correctly.", 403);
      case "UnknownKey":
        throw new Route53Error("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
      case "Wrong":
        throw new Route53Error(
          "SignatureDoesNotMatch",
          "The request signature we calculated does not match the signature you provided.",
          403,
        );
    }
    return signer.key;
  }

  #assertAllowed({ action, resource }: Route53Call, key: AccessKey): void {
    if (refusedResource(key, `route53:${action}`, [resource]) === undefined) return;
    if (this.refused.length < MAX_REFUSED) this.refused.push(action);
    const who = `arn:aws:iam::${ACCOUNT}:user/${key.accessKeyId}`;
    const text = `User: ${who} is not authorized to perform: route53:${action} on resource: ${resource} because no identity-based policy allows the route53:${action} action`;
    throw new Route53Error("AccessDenied", text, 403);
  }
}
