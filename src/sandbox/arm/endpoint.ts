/**
 * The Azure Resource Manager endpoint that the real SDK talks to, over TLS on loopback with a certificate of its own, and the
 * token endpoint beside it. The order within a call is Azure's: token, permission, resource, effect; faults are laid around it.
 *
 * Must never do: answer a change that it did not carry out, unless a fault says so.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { type Clock, sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Random } from "../../lib/random.ts";
import { FaultInjector, type FaultOutcome } from "../ec2/faults.ts";
import { selfSigned } from "./certificate.ts";
import {
  type ArmAnswer,
  ArmError,
  type ArmRoute,
  errorAnswer,
  instanceViewOf,
  type MachineAction,
  routeOf,
} from "./routes.ts";
import type { VirtualMachines } from "./virtual-machines.ts";

export interface ArmIdentity {
  readonly tenantId: string;
  readonly clientId: string;
  /** Omitted: the client authenticates with a certificate (its assertion is taken as good). */
  readonly clientSecret?: string;
  /** Actions it may carry out on machines; omitted: all. */
  readonly allowedActions?: readonly MachineAction[];
}

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
  readonly clock: Clock;
  readonly random: Random;
}

export interface ArmEndpoint {
  readonly url: string;
  /** PEM that a client has to trust. */
  readonly certificate: string;
  /** Faults by action: `InstanceView`, `PowerOff`, `Start`, `Permissions`, `Operation`, `Token`. */
  readonly faults: FaultInjector;
  /** Calls that arrived, per action, whatever became of them. */
  readonly calls: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

const TOKEN_SECONDS = 3_600;
const MAX_BODY_BYTES = 64 * 1024;

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
    close: () => close(server),
  };
}

class ArmService {
  readonly faults: FaultInjector;
  readonly calls = new Map<string, number>();
  url = "";
  readonly #options: ArmEndpointOptions;
  readonly #modules: ArmEndpointModules;
  readonly #tokens = new Map<string, ArmIdentity>();

  constructor(options: ArmEndpointOptions, modules: ArmEndpointModules) {
    this.faults = new FaultInjector(options.latencyMs ?? 0);
    this.#options = options;
    this.#modules = modules;
  }

  /** Never rejects: whatever goes wrong becomes an answer or a cut connection. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await readBody(request);
      const url = new URL(request.url ?? "/", this.url);
      const route = routeOf(request.method ?? "GET", url.pathname);
      const action = actionOf(route);
      this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
      const { latencyMs, outcome } = this.faults.next(action);
      if (outcome?.type === "hang") return;
      if (outcome?.type === "unreachable") {
        response.destroy();
        return;
      }
      await sleep(this.#modules.clock, latencyMs / 2);
      const answer = this.#answer(route, url, request.headers.authorization, body, outcome);
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

  #answer(
    route: ArmRoute | undefined,
    url: URL,
    authorization: string | undefined,
    body: string,
    outcome: FaultOutcome | undefined,
  ): ArmAnswer {
    try {
      if (outcome?.type === "error")
        throw new ArmError(outcome.status ?? 500, outcome.code, outcome.message ?? outcome.code);
      if (outcome?.type === "throttle") throw new ArmError(429, "TooManyRequests", "The request is being throttled.");
      if (route === undefined) throw new ArmError(404, "InvalidResourceType", `${url.pathname} is not emulated.`);
      if (route.type === "openIdConfiguration") return this.#openId(route.tenant);
      if (route.type === "token") return this.#token(route.tenant, new URLSearchParams(body));
      const identity = this.#tokens.get(authorization?.replace(/^Bearer /, "") ?? "");
      if (identity === undefined) throw new ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.");
      return this.#resource(route, url, identity);
    } catch (thrown) {
      if (thrown instanceof ArmError) return errorAnswer(thrown);
      return errorAnswer(new ArmError(500, "InternalServerError", messageOf(thrown)));
    }
  }

  #resource(route: Extract<ArmRoute, { type: "operation" | "machine" }>, url: URL, identity: ArmIdentity): ArmAnswer {
    const { machines } = this.#modules;
    if (route.subscription.toLowerCase() !== machines.subscriptionId.toLowerCase())
      throw new ArmError(404, "SubscriptionNotFound", `The subscription '${route.subscription}' could not be found.`);
    if (route.type === "operation") {
      const operation = machines.operation(route.id);
      if (operation === undefined) throw new ArmError(404, "NotFound", `There is no operation ${route.id}.`);
      return { status: 200, body: { name: operation.id, status: operation.status } };
    }
    const { action } = route;
    const actions = identity.allowedActions;
    if (action === "Permissions") return { status: 200, body: { value: [permissionOf(actions)] } };
    if (actions !== undefined && !actions.includes(action))
      throw new ArmError(
        403,
        "AuthorizationFailed",
        `The client '${identity.clientId}' does not have authorization to perform ${action}.`,
      );
    const machine = machines.find(route.machine);
    if (machine === undefined)
      throw new ArmError(
        404,
        "ResourceNotFound",
        `The Resource 'Microsoft.Compute/virtualMachines/${route.machine.name}' under resource group '${route.machine.resourceGroup}' was not found.`,
      );
    if (action === "InstanceView") return instanceViewOf(machine);
    const skipShutdown = url.searchParams.get("skipShutdown") === "true";
    const operation = action === "PowerOff" ? machines.powerOff(machine, { skipShutdown }) : machines.start(machine);
    const path = `/subscriptions/${machines.subscriptionId}/providers/Microsoft.Compute/locations/virtual/operations/${operation.id}`;
    const location = `${this.url}${path}?api-version=2024-07-01`;
    return { status: 202, headers: { "azure-asyncoperation": location, location, "retry-after": "1" } };
  }

  #openId(tenant: string): ArmAnswer {
    const base = `${this.url}/${tenant}`;
    const body = {
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
      token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
      response_types_supported: ["code"],
      subject_types_supported: ["pairwise"],
      id_token_signing_alg_values_supported: ["RS256"],
    };
    return { status: 200, body };
  }

  #token(tenant: string, form: URLSearchParams): ArmAnswer {
    const client = this.#options.identities.find(
      ({ tenantId, clientId }) => tenantId === tenant && clientId === form.get("client_id"),
    );
    const isKnown =
      client?.clientSecret === undefined
        ? client !== undefined && form.get("client_assertion") !== null
        : form.get("client_secret") === client.clientSecret;
    if (client === undefined || !isKnown) {
      const body = {
        error: "invalid_client",
        error_description: "AADSTS7000215: Invalid client secret provided.",
        error_codes: [7000215],
      };
      return { status: 401, body };
    }
    const token = this.#modules.random.uuid();
    this.#tokens.set(token, client);
    return {
      status: 200,
      body: { token_type: "Bearer", expires_in: TOKEN_SECONDS, ext_expires_in: TOKEN_SECONDS, access_token: token },
    };
  }
}

function actionOf(route: ArmRoute | undefined): string {
  if (route === undefined) return "Unknown";
  if (route.type === "machine") return route.action;
  return route.type === "operation" ? "Operation" : "Token";
}

function permissionOf(actions: readonly MachineAction[] | undefined): object {
  const named = actions?.flatMap((action) => {
    const verb = action === "PowerOff" ? "powerOff" : action === "Start" ? "start" : undefined;
    return verb === undefined ? ["Microsoft.Compute/virtualMachines/read"] : [`Microsoft.Compute/*/${verb}/action`];
  });
  return { actions: named ?? ["*"], notActions: [] };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream: AsyncIterable<Uint8Array> = request;
  for await (const chunk of stream) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new RangeError(`body larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
