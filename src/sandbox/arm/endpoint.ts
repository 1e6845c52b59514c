/**
 * The Azure Resource Manager endpoint that the real SDK talks to, over TLS on loopback with a certificate of its own, and the
 * token endpoint beside it. The order within a call is Azure's: token, permission, resource, effect; faults are laid around it.
 *
 * Must never do: answer a change that it did not carry out, unless a fault says so.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { type Clock, sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Random } from "../../lib/random.ts";
import { close, listen, readBody } from "../http.ts";
import { FaultInjector, type FaultOutcome } from "../ec2/faults.ts";
import { selfSigned } from "./certificate.ts";
import { ComputeProvider } from "./compute.ts";
import { assertAllowed, isPermissionsPath, permissionsAnswer } from "./permissions.ts";
import {
  type ArmAnswer,
  type ArmCall,
  ArmError,
  type ArmIdentity,
  type ArmProvider,
  type ArmRole,
  errorAnswer,
} from "./provider.ts";
import { TokenService } from "./token-service.ts";
import type { VirtualMachines } from "./virtual-machines.ts";

export type { ArmIdentity } from "./provider.ts";

export interface ArmEndpointOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: an ephemeral port. */
  readonly port?: number;
  readonly identities: readonly ArmIdentity[];
  /** Latency of every call, in ms; default 0. */
  readonly latencyMs?: number;
}

export interface ArmEndpointModules {
  readonly machines: VirtualMachines;
  /** What there is besides machines. */
  readonly providers?: readonly ArmProvider[];
  readonly clock: Clock;
  readonly random: Random;
}

export interface ArmEndpoint {
  readonly url: string;
  /** PEM that a client has to trust. */
  readonly certificate: string;
  /** Faults by name of the call: `Token`, `Permissions`, `InstanceView`, `PowerOff`, ..., those of the providers. */
  readonly faults: FaultInjector;
  /** Calls that arrived, per name, whatever became of them. */
  readonly calls: ReadonlyMap<string, number>;
  /** Actions that no role allowed, as they came. */
  readonly refused: readonly string[];
  readonly tokens: TokenService;
  /** From now on every identity may do what this role allows, and nothing else. */
  restrict(role: ArmRole): void;
  close(): Promise<void>;
}

export async function startArmEndpoint(options: ArmEndpointOptions, modules: ArmEndpointModules): Promise<ArmEndpoint> {
  const host = options.host ?? "127.0.0.1";
  const { key, cert } = selfSigned(host, modules.clock.wallMs());
  const service = new ArmService(options, modules);
  const server = createServer({ key, cert }, (request, response) => void service.serve(request, response));
  const port = await listen(server, host, options.port ?? 0);
  service.url = `https://${host}:${port}`;
  return {
    url: service.url,
    certificate: cert,
    faults: service.faults,
    calls: service.calls,
    refused: service.refused,
    tokens: service.tokens,
    restrict: (role) => (service.role = role),
    close: () => close(server),
  };
}

/** Most refusals that are remembered. */
const MAX_REFUSED = 1_000;

class ArmService {
  readonly faults: FaultInjector;
  readonly calls = new Map<string, number>();
  readonly refused: string[] = [];
  readonly tokens: TokenService;
  url = "";
  role: ArmRole | undefined;
  readonly #providers: readonly ArmProvider[];
  readonly #modules: ArmEndpointModules;

  constructor(options: ArmEndpointOptions, modules: ArmEndpointModules) {
    this.faults = new FaultInjector(options.latencyMs ?? 0);
    this.tokens = new TokenService(options.identities, modules);
    this.#providers = [new ComputeProvider(modules.machines), ...(modules.providers ?? [])];
    this.#modules = modules;
  }

  /** Never rejects: whatever goes wrong becomes an answer or a cut connection. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await readBody(request);
      const url = new URL(request.url ?? "/", this.url);
      const call = this.#callOf(request, url, body);
      const name = call?.name ?? "Unknown";
      this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
      const { latencyMs, outcome } = this.faults.next(name);
      if (outcome?.type === "hang") return;
      if (outcome?.type === "unreachable") {
        response.destroy();
        return;
      }
      await sleep(this.#modules.clock, latencyMs / 2);
      const answer = this.#answer(call, url, outcome);
      await sleep(this.#modules.clock, latencyMs / 2);
      if (outcome?.type === "loseReply") {
        response.destroy();
        return;
      }
      const headers = { "content-type": "application/json", "x-ms-request-id": this.#modules.random.uuid() };
      response.writeHead(answer.status, { ...headers, ...answer.headers });
      response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
    } catch {
      // The client went away while it sent or waited: there is nobody to answer.
      response.destroy();
    }
  }

  #answer(call: Named | undefined, url: URL, outcome: FaultOutcome | undefined): ArmAnswer {
    try {
      if (outcome?.type === "error")
        throw new ArmError(outcome.status ?? 500, outcome.code, outcome.message ?? outcome.code);
      if (outcome?.type === "throttle") throw new ArmError(429, "TooManyRequests", "The request is being throttled.");
      if (call === undefined) throw new ArmError(404, "InvalidResourceType", `${url.pathname} is not emulated.`);
      return call.answer();
    } catch (thrown) {
      if (thrown instanceof ArmError) return errorAnswer(thrown);
      return errorAnswer(new ArmError(500, "InternalServerError", messageOf(thrown)));
    }
  }

  #callOf(request: IncomingMessage, url: URL, body: string): Named | undefined {
    const { method = "GET" } = request;
    const { pathname } = url;
    const { tokens } = this;
    if (tokens.isTokenPath(method, pathname))
      return { name: "Token", answer: () => tokens.answer(pathname, body, this.url) };
    if (isPermissionsPath(method, pathname))
      return { name: "Permissions", answer: () => this.#permissions(request, pathname) };
    for (const provider of this.#providers) {
      const call = provider.callOf(method, pathname);
      if (call !== undefined) return { name: call.name, answer: () => this.#run(call, request, url, body) };
    }
    return undefined;
  }

  #permissions(request: IncomingMessage, path: string): ArmAnswer {
    const identity = this.#identityOf(request);
    this.#assertAllowed(identity, "Microsoft.Authorization/permissions/read", path);
    return permissionsAnswer(identity);
  }

  #run(call: ArmCall, request: IncomingMessage, url: URL, body: string): ArmAnswer {
    const identity = this.#identityOf(request);
    if (call.permission !== undefined) this.#assertAllowed(identity, call.permission, url.pathname);
    return call.run({ url, body, identity, headers: request.headers, endpointUrl: this.url });
  }

  #assertAllowed(identity: ArmIdentity, action: string, path: string): void {
    try {
      assertAllowed(identity, action, path);
    } catch (thrown) {
      if (this.refused.length < MAX_REFUSED) this.refused.push(action);
      throw thrown;
    }
  }

  #identityOf({ headers }: IncomingMessage): ArmIdentity {
    const identity = this.tokens.identityOf(headers.authorization);
    if (identity === undefined) throw new ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.");
    const { role } = this;
    return role === undefined ? identity : { ...identity, allowedActions: role.Actions, scopes: role.AssignableScopes };
  }
}

/** A call, whoever answers it. */
interface Named {
  readonly name: string;
  answer(): ArmAnswer;
}
