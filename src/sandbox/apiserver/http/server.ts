/**
 * The HTTP shell: sockets, bodies, identities, faults and watch streams around the core.
 *
 * It limits what a client can make it hold: body size, and bytes that a slow watch leaves unread.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { messageOf } from "../../../lib/errors.ts";
import { sleep } from "../../../lib/clock.ts";
import type { ApiServerCore } from "../core.ts";
import type { FaultPlan, Faults, RequestFacts } from "../faults.ts";
import { isJsonObject } from "../json.ts";
import type { User } from "../requests.ts";
import { badRequest, internalError, StatusError, unauthorized } from "../status-error.ts";
import { decodeProtobuf, PROTOBUF } from "./protobuf.ts";
import { handleFaults } from "./fault-handler.ts";
import { handleMeta } from "./meta-handler.ts";
import { factsOf, handleResource, verbOf, type ResourceAnswer, type ResourceRequest } from "./resource-handler.ts";
import { routeOf, type ResourceRoute } from "./route.ts";
import { streamWatch } from "./watch-stream.ts";

export interface HttpShellOptions {
  readonly core: ApiServerCore;
  readonly faults: Faults;
  /** Serve `/sandbox/faults`. */
  readonly faultEndpoint: boolean;
  /** Who a bearer token stands for; undefined refuses it. */
  readonly authenticate: (token: string | undefined) => User | undefined;
  /** Makes the server when it is not plain HTTP; TLS is loaded by whoever needs it. */
  readonly createServer?: (onRequest: RequestListener) => Server;
}

/** As of a real server (limit of a resource body). */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  readonly contentType: string;
  readonly userAgent: string;
  readonly user: User;
  readonly bytes: Buffer;
}

export class HttpShell {
  readonly server: Server;
  readonly #options: HttpShellOptions;

  constructor(options: HttpShellOptions) {
    this.#options = options;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.server = (options.createServer ?? createServer)(onRequest);
    this.server.keepAliveTimeout = 60_000;
  }

  /** Breaks every connection, as a crash of the server would. */
  cutConnections(): void {
    this.server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(await this.#read(request), response);
    } catch (thrown) {
      if (response.headersSent || response.destroyed) response.destroy();
      else sendError(response, thrown instanceof StatusError ? thrown : internalError(messageOf(thrown)));
    }
  }

  async #read(request: IncomingMessage): Promise<Call> {
    const url = new URL(request.url ?? "/", "http://server");
    const { accept, authorization, "content-type": contentType = "", "user-agent": userAgent = "" } = request.headers;
    const token = /^Bearer\s+(.+)$/i.exec(authorization ?? "")?.[1];
    const bytes = await readBytes(request);
    const user = this.#options.authenticate(token);
    if (user === undefined) throw unauthorized();
    return {
      method: request.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      accept,
      contentType: contentType.split(";")[0]?.trim() ?? "",
      userAgent,
      user,
      bytes,
    };
  }

  async #answer(call: Call, response: ServerResponse): Promise<void> {
    const { core, faults } = this.#options;
    if (call.path.startsWith("/sandbox/faults")) {
      if (!this.#options.faultEndpoint) return sendNotFound(response);
      const result = handleFaults(faults, call.method, call.path, call.bytes.toString(), () => this.cutConnections());
      return sendJson(response, result.status, result.body);
    }
    const route = routeOf(core.registry, call.path);
    const facts = this.#facts(call, route);
    const plan = faults.decide(facts);
    if (plan.cut) return void response.destroy();
    await this.#hold(plan);
    if (plan.refusal !== undefined) throw plan.refusal;
    if (route === undefined) {
      const meta = call.method === "GET" ? handleMeta(core.registry, call.path, call.accept) : undefined;
      if (meta === undefined) return sendNotFound(response);
      return send(
        response,
        200,
        meta.contentType,
        typeof meta.body === "string" ? meta.body : JSON.stringify(meta.body),
      );
    }
    const answer = handleResource(core, await resourceRequest(call, route), plan.versionsBehind);
    if (plan.loseReply) return void response.destroy();
    this.#deliver(answer, response, facts);
  }

  #facts(call: Call, route: ResourceRoute | undefined): RequestFacts {
    if (route !== undefined) {
      return factsOf(verbOf(call.method, route, call.query) ?? "get", route, call.user, call.userAgent);
    }
    const { user, userAgent } = call;
    const nothing = { group: "", resource: "", namespace: "", name: "", subresource: "" };
    return { verb: "get", ...nothing, user: user.name, userAgent };
  }

  async #hold(plan: FaultPlan): Promise<void> {
    await plan.thawed;
    if (plan.delayMs > 0) await sleep(this.#options.core.clock, plan.delayMs);
  }

  #deliver(answer: ResourceAnswer, response: ServerResponse, facts: RequestFacts): void {
    if (answer.kind === "watch") {
      streamWatch(this.#options.core, this.#options.faults, facts, answer, response);
      return;
    }
    for (const text of answer.warnings) response.appendHeader("Warning", `299 - ${JSON.stringify(text)}`);
    sendJson(response, answer.status, answer.body);
  }
}

async function resourceRequest(call: Call, route: ResourceRoute): Promise<ResourceRequest> {
  const { method, query, accept, contentType, userAgent, user } = call;
  return { method, route, query, accept, contentType, userAgent, user, body: await parseBody(call) };
}

async function parseBody({ bytes, contentType, method }: Call): Promise<unknown> {
  if (bytes.length === 0) return undefined;
  if (contentType === PROTOBUF) return decodeProtobuf(bytes);
  const text = bytes.toString();
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (!contentType.includes("yaml")) {
      if (method === "DELETE") return undefined;
      throw badRequest(`the object provided is unrecognized (must be of type JSON): ${messageOf(thrown)}`);
    }
  }
  const { parse } = await import("yaml");
  const parsed: unknown = parse(text);
  if (!isJsonObject(parsed)) throw badRequest("the object provided is unrecognized (must be of type object)");
  return parsed;
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) {
      throw new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${MAX_BODY_BYTES}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, "application/json", JSON.stringify(body));
}

/** Plain text, so that no client takes "no such kind" for "no such object". */
function sendNotFound(response: ServerResponse): void {
  send(response, 404, "text/plain; charset=utf-8", "404 page not found\n");
}

function sendError(response: ServerResponse, error: StatusError): void {
  const seconds = error.details?.retryAfterSeconds;
  if (seconds !== undefined) response.setHeader("Retry-After", String(seconds));
  sendJson(response, error.code, error.body());
}
