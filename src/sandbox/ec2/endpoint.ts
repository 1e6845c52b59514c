/**
 * The EC2 HTTP endpoint that the real SDK talks to: query protocol in, XML out, over one or more `VirtualEc2` regions.
 *
 * The order within a call is AWS's: signature, permission, parameters, dry run, effect. Faults are laid around it: half
 * of the latency passes before the effect and half after, as on a real network.
 * Must never do: answer a change that it did not carry out, unless a fault says so.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { sleep } from "../../lib/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { close, listen, readBody } from "../http.ts";
import { refusedResource } from "../policy.ts";
import { resourcesOf } from "./action-resources.ts";
import { CHANGE_ACTIONS } from "./change-actions.ts";
import { DESCRIBE_ACTIONS } from "./describe-actions.ts";
import { FaultInjector } from "./faults.ts";
import type { FaultOutcome } from "./faults.ts";
import { Ec2Error } from "./ports.ts";
import { QueryParams } from "./query.ts";
import { verifySignature } from "./signature.ts";
import type { AccessKey } from "./signature.ts";
import type { VirtualEc2 } from "./virtual-ec2.ts";
import { errorXml, responseXml } from "./xml.ts";
import type { XmlValue } from "./xml.ts";

export interface Ec2EndpointOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: an ephemeral port. */
  readonly port?: number;
  readonly accessKeys: readonly AccessKey[];
  /** Latency of every call, in ms; default 0. */
  readonly latencyMs?: number;
  /** Items per page when the request does not say; default 1000. */
  readonly pageSize?: number;
}

export interface Ec2EndpointModules {
  /** One per region; the request's signature names the region. */
  readonly regions: readonly VirtualEc2[];
  readonly clock: Clock;
  readonly random: Random;
}

export interface Ec2Endpoint {
  readonly url: string;
  readonly port: number;
  readonly faults: FaultInjector;
  /** Calls that arrived, per action, whatever became of them. */
  readonly calls: ReadonlyMap<string, number>;
  /** Actions that no policy allowed, as they came. */
  readonly refused: readonly string[];
  /** Replaces the keys, e.g. to revoke one. */
  setAccessKeys(keys: readonly AccessKey[]): void;
  /** Ends every connection and resolves when the port is free. */
  close(): Promise<void>;
}

/** Most refusals that are remembered. */
const MAX_REFUSED = 1_000;

interface Answer {
  readonly status: number;
  readonly xml: string;
}

export async function startEc2Endpoint(options: Ec2EndpointOptions, modules: Ec2EndpointModules): Promise<Ec2Endpoint> {
  const service = new Ec2Service(options, modules);
  const server = createServer((request, response) => void service.serve(request, response));
  const port = await listen(server, options.host ?? "127.0.0.1", options.port ?? 0);
  return {
    url: `http://${options.host ?? "127.0.0.1"}:${port}`,
    port,
    faults: service.faults,
    calls: service.calls,
    refused: service.refused,
    setAccessKeys: (keys) => service.setAccessKeys(keys),
    close: () => close(server),
  };
}

class Ec2Service {
  readonly faults: FaultInjector;
  readonly calls = new Map<string, number>();
  readonly refused: string[] = [];
  readonly #modules: Ec2EndpointModules;
  readonly #pageSize: number;
  #accessKeys: readonly AccessKey[];

  constructor(options: Ec2EndpointOptions, modules: Ec2EndpointModules) {
    this.faults = new FaultInjector(options.latencyMs ?? 0);
    this.#modules = modules;
    this.#pageSize = options.pageSize ?? 1_000;
    this.#accessKeys = options.accessKeys;
  }

  setAccessKeys(keys: readonly AccessKey[]): void {
    this.#accessKeys = keys;
  }

  /** Never rejects: whatever goes wrong becomes an answer or a cut connection. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await readBody(request);
      const params = new QueryParams(body);
      this.calls.set(params.action, (this.calls.get(params.action) ?? 0) + 1);
      const { latencyMs, staleMs, outcome } = this.faults.next(params.action);
      if (outcome?.type === "hang") return;
      if (outcome?.type === "unreachable") {
        response.destroy();
        return;
      }
      await sleep(this.#modules.clock, latencyMs / 2);
      const answer = this.#answer(
        { method: request.method ?? "POST", url: request.url ?? "/", headers: request.headers, body },
        params,
        staleMs,
        outcome,
      );
      await sleep(this.#modules.clock, latencyMs / 2);
      if (outcome?.type === "loseReply") {
        response.destroy();
        return;
      }
      response.writeHead(answer.status, { "content-type": "text/xml;charset=UTF-8" }).end(answer.xml);
    } catch {
      // The client went away while it sent or waited: there is nobody to answer.
      response.destroy();
    }
  }

  #answer(
    request: Parameters<typeof verifySignature>[0],
    params: QueryParams,
    staleMs: number,
    outcome: FaultOutcome | undefined,
  ): Answer {
    const requestId = this.#modules.random.uuid();
    try {
      const { key, region } = verifySignature(request, this.#accessKeys);
      refuseByFault(outcome);
      const ec2 = this.#modules.regions.find((candidate) => candidate.region === region);
      if (ec2 === undefined)
        throw new Ec2Error("AuthFailure", `Credential should be scoped to a valid region, not '${region}'.`, 401);
      const body = this.#perform(ec2, params, key, staleMs);
      return { status: 200, xml: responseXml(params.action, requestId, body) };
    } catch (thrown) {
      if (thrown instanceof Ec2Error)
        return { status: thrown.detail.status, xml: errorXml(thrown.code, thrown.message, requestId) };
      return { status: 500, xml: errorXml("InternalError", String(thrown), requestId) };
    }
  }

  #perform(ec2: VirtualEc2, params: QueryParams, key: AccessKey, staleMs: number): XmlValue {
    const { action } = params;
    const describe = ownEntry(DESCRIBE_ACTIONS, action);
    const change = ownEntry(CHANGE_ACTIONS, action);
    if (describe === undefined && change === undefined) {
      throw new Ec2Error("InvalidAction", `The action ${action} is not valid for this web service.`);
    }
    this.#assertAllowed(ec2, params, key);
    const effect = change?.({ ec2, params });
    if (params.flag("DryRun")) {
      throw new Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
    }
    if (effect !== undefined) return effect();
    const state = staleMs > 0 ? ec2.stateAt(staleMs) : ec2.state;
    return describe?.({ state, params, region: ec2.region, ownerId: ec2.ownerId, pageSize: this.#pageSize });
  }

  #assertAllowed(ec2: VirtualEc2, params: QueryParams, key: AccessKey): void {
    const { action } = params;
    const resource = refusedResource(key, `ec2:${action}`, resourcesOf(ec2, params));
    if (resource === undefined) return;
    if (this.refused.length < MAX_REFUSED) this.refused.push(action);
    const who = `arn:aws:iam::${ec2.ownerId}:user/${key.accessKeyId}`;
    const what = resource === "*" ? `ec2:${action}` : `ec2:${action} on resource: ${resource}`;
    const text = `You are not authorized to perform this operation. User: ${who} is not authorized to perform: ${what}`;
    throw new Ec2Error("UnauthorizedOperation", text, 403);
  }
}

function ownEntry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function refuseByFault(outcome: FaultOutcome | undefined): void {
  if (outcome?.type === "error")
    throw new Ec2Error(outcome.code, outcome.message ?? outcome.code, outcome.status ?? 400);
  if (outcome?.type === "throttle") throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.", 503);
}
