/**
 * HTTP to the API server over `node:http` and `node:https` and nothing else: the agent uses it and must stay small.
 *
 * It answers one question that libraries blur: was the request sent? A request leaves this process only after its
 * connection is up (after the TLS handshake, for https), so a failure before that moment is `NotSent`: nothing can
 * have been written. Everything after it is `Lost`: the server may have acted.
 *
 * Every request has one deadline over obtaining the token, connecting, sending, and reading the whole answer. It must
 * never retry: only the caller knows whether that is right.
 */
import http from "node:http";
import https from "node:https";
import type { Clock, Timer } from "../lib/clock.ts";
import { CodedError, messageOf } from "../lib/errors.ts";

/** How to reach one API server. */
export interface KubeConnection {
  /** `https://host:port`, or `http://` (sandbox, or with `socketPath`); a path prefix is kept. */
  readonly baseUrl: string;
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly serverName?: string;
  /** False only where the user's kubeconfig says `insecure-skip-tls-verify`. */
  readonly verifyServer?: boolean;
  /** The bearer token, asked for before each request; an empty one sends none. */
  readonly token?: () => string | Promise<string>;
  /** Told that the token was answered with 401, so that the next `token()` is fresh. */
  readonly tokenRejected?: () => void;
  readonly headers?: Readonly<Record<string, string>>;
  /** A Unix socket in place of host and port. */
  readonly socketPath?: string;
  /** Where the kubeconfig names a proxy: opens all connections in place of our own pools. */
  readonly agent?: http.Agent;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpStream {
  readonly status: 200;
  readonly chunks: http.IncomingMessage;
}

export interface CallLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type TransportErrorDetail =
  | { readonly code: "NotSent" | "Lost"; readonly timedOut: boolean }
  | { readonly code: "TooLarge" };

export class TransportError extends CodedError<TransportErrorDetail> {
  override readonly name = "TransportError";
}

/** Requests at the same time; more wait for a connection, under their deadline. */
const MAX_CONNECTIONS = 64;
const MAX_IDLE_CONNECTIONS = 4;
/** Well below the 90 s and more after which servers and balancers forget a connection, some of them silently. */
const IDLE_CONNECTION_MS = 30_000;
/** Watches at the same time. */
const MAX_WATCHES = 256;

type Agent = http.Agent | https.Agent;

export class HttpTransport {
  readonly #connection: KubeConnection;
  readonly #base: URL;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #requests: Agent;
  readonly #watches: Agent;

  constructor(
    options: { readonly connection: KubeConnection; readonly userAgent: string },
    modules: { readonly clock: Clock },
  ) {
    this.#connection = options.connection;
    this.#base = new URL(options.connection.baseUrl);
    this.#userAgent = options.userAgent;
    this.#clock = modules.clock;
    this.#requests = newAgent(options.connection, {
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
      timeout: IDLE_CONNECTION_MS,
    });
    this.#watches = newAgent(options.connection, { keepAlive: false, maxSockets: MAX_WATCHES });
  }

  /** One request and its whole answer. Throws `TransportError`; `TooLarge` for a body over `maxBodyBytes`. */
  async exchange(request: HttpRequest, limits: CallLimits & { readonly maxBodyBytes: number }): Promise<HttpAnswer> {
    const deadline = new Deadline(this.#clock, limits);
    try {
      const stream = await this.#open(request, this.#requests, deadline);
      const body = await readBody(stream, limits.maxBodyBytes, deadline);
      return { status: stream.statusCode ?? 0, headers: stream.headers, body };
    } catch (thrown) {
      if (deadline.timedOut) this.#dropIdleConnections();
      throw thrown;
    } finally {
      deadline.end();
    }
  }

  /** One request whose answer, if 200, is read by the caller, who destroys `chunks`; the deadline covers its head only. */
  async stream(
    request: HttpRequest,
    limits: CallLimits & { readonly maxBodyBytes: number },
  ): Promise<HttpStream | HttpAnswer> {
    const deadline = new Deadline(this.#clock, limits);
    try {
      const chunks = await this.#open(request, this.#watches, deadline);
      if (chunks.statusCode === 200) return { status: 200, chunks };
      const body = await readBody(chunks, limits.maxBodyBytes, deadline);
      return { status: chunks.statusCode ?? 0, headers: chunks.headers, body };
    } finally {
      deadline.end();
    }
  }

  /** Closes every connection; requests under way fail. */
  close(): void {
    this.#requests.destroy();
    this.#watches.destroy();
  }

  async #open(request: HttpRequest, agent: Agent, deadline: Deadline): Promise<http.IncomingMessage> {
    const token = await this.#token(deadline);
    if (deadline.expired) throw deadline.failure("NotSent", undefined);
    const { protocol, hostname, port, pathname } = this.#base;
    const { socketPath } = this.#connection;
    const send = protocol === "https:" ? https.request : http.request;
    const options: http.RequestOptions = {
      agent,
      method: request.method,
      path: `${pathname.replace(/\/$/, "")}${request.path}`,
      headers: this.#headers(request, token),
      ...(socketPath === undefined ? { hostname: hostname.replace(/^\[|\]$/g, ""), port } : { socketPath }),
    };
    return await roundTrip(send(options), request.body, deadline);
  }

  async #token(deadline: Deadline): Promise<string> {
    if (this.#connection.token === undefined) return "";
    try {
      return await deadline.race(Promise.resolve(this.#connection.token()));
    } catch (thrown) {
      throw deadline.failure("NotSent", new Error(`no token: ${messageOf(thrown)}`, { cause: thrown }));
    }
  }

  #headers(request: HttpRequest, token: string): http.OutgoingHttpHeaders {
    return {
      accept: "application/json",
      "user-agent": this.#userAgent,
      ...this.#connection.headers,
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(request.body === undefined
        ? {}
        : {
            "content-type": request.contentType ?? "application/json",
            "content-length": Buffer.byteLength(request.body),
          }),
    };
  }

  /** After a timeout the other idle connections lead to the same silent peer: the next request must open a new one. */
  #dropIdleConnections(): void {
    for (const sockets of Object.values(this.#requests.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}

function newAgent(connection: KubeConnection, pool: http.AgentOptions): Agent {
  if (connection.agent !== undefined) return connection.agent;
  if (new URL(connection.baseUrl).protocol !== "https:") return new http.Agent(pool);
  return new https.Agent({
    ...pool,
    ...(connection.ca === undefined ? {} : { ca: connection.ca }),
    ...(connection.cert === undefined ? {} : { cert: connection.cert }),
    ...(connection.key === undefined ? {} : { key: connection.key }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
    ...(connection.verifyServer === false ? { rejectUnauthorized: false } : {}),
  });
}

/** Sends and waits for the head of the answer. */
function roundTrip(
  request: http.ClientRequest,
  body: string | undefined,
  deadline: Deadline,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const secure = request.protocol === "https:";
    request.on("socket", (socket) => {
      if (request.reusedSocket || !(socket.connecting || secure)) sent = true;
      else socket.once(secure ? "secureConnect" : "connect", () => (sent = true));
    });
    const stop = deadline.onExpired(() => request.destroy());
    request.on("error", (error) => {
      stop();
      reject(deadline.failure(sent ? "Lost" : "NotSent", error));
    });
    request.on("response", (response) => {
      stop();
      resolve(response);
    });
    request.end(body);
  });
}

async function readBody(stream: http.IncomingMessage, maxBytes: number, deadline: Deadline): Promise<string> {
  const stop = deadline.onExpired(() => stream.destroy());
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        throw new TransportError({ code: "TooLarge" }, `the answer is longer than ${maxBytes} bytes`);
      parts.push(chunk);
    }
    if (!stream.complete) throw new Error("the answer ended before it was complete");
  } catch (thrown) {
    throw thrown instanceof TransportError ? thrown : deadline.failure("Lost", thrown);
  } finally {
    stop();
  }
  return Buffer.concat(parts, bytes).toString("utf8");
}

/** One deadline over several steps, together with the caller's wish to stop. */
class Deadline {
  readonly #timeoutMs: number;
  readonly #timer: Timer;
  readonly #signal: AbortSignal | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #onAbort = (): void => this.#expire(false);
  expired = false;
  timedOut = false;

  constructor(clock: Clock, limits: CallLimits) {
    this.#timeoutMs = limits.timeoutMs;
    this.#signal = limits.signal;
    this.#timer = clock.setTimer(limits.timeoutMs, () => this.#expire(true));
    if (limits.signal?.aborted === true) this.#expire(false);
    limits.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Calls `listener` once when time is up or the caller aborted, at once if it already is; returns how to take it back. */
  onExpired(listener: () => void): () => void {
    if (this.expired) listener();
    else this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = this.onExpired(() => reject(new Error("time is up")));
      promise.then(resolve, reject).finally(stop).catch(reject);
    });
  }

  failure(code: "NotSent" | "Lost", cause: unknown): TransportError {
    const text = this.timedOut
      ? `no answer within ${Math.round(this.#timeoutMs)} ms`
      : this.expired
        ? "aborted"
        : messageOf(cause);
    return new TransportError({ code, timedOut: this.timedOut }, text, cause);
  }

  end(): void {
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#listeners.clear();
  }

  #expire(timedOut: boolean): void {
    if (this.expired) return;
    this.expired = true;
    this.timedOut = timedOut;
    for (const listener of this.#listeners) listener();
  }
}
