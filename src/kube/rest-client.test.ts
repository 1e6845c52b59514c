import http from "node:http";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import type { KubeConnection } from "./http-transport.ts";
import {
  isKubeError,
  type KubeError,
  type KubeErrorDetail,
  type KubeObject,
  type ResourceType,
  type WatchEvent,
} from "./ports.ts";
import { RestKubeApi } from "./rest-client.ts";

const LEASE: ResourceType = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};
const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const KEY = { namespace: "ha", name: "n1" };
const lease = (): KubeObject => ({ metadata: { name: "n1", namespace: "ha" } });

type Handler = (request: http.IncomingMessage, body: string, response: http.ServerResponse) => void;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function serve(handler: Handler): Promise<string> {
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => handler(request, body, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(baseUrl: string, clock = new FakeClock(), connection: Partial<KubeConnection> = {}): RestKubeApi {
  const api = new RestKubeApi(
    { connection: { baseUrl, ...connection }, timeoutMs: 1_000, fieldManager: "test" },
    { clock },
  );
  cleanups.push(() => api.close());
  return api;
}

const json = (response: http.ServerResponse, status: number, body: unknown, headers = {}): void =>
  void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

async function failure(call: Promise<unknown>): Promise<KubeError> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isKubeError(thrown)) throw new Error(`expected a KubeError, got ${String(thrown)}`);
  return thrown;
}

describe("requests", () => {
  it("name the object, the field manager and the subresource in the URL, and carry the kind in the body", async () => {
    const seen: string[] = [];
    const url = await serve((request, body, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["content-type"]} ${body}`);
      json(response, 200, {});
    });
    const api = client(url);
    await api.create(LEASE, lease());
    await api.replace(LEASE, lease(), { subresource: "status", fieldManager: "me", dryRun: true });
    const body = { metadata: { name: "n1", resourceVersion: "7" } };
    await api.patch(LEASE, KEY, { type: "apply", body, fieldManager: "agent", force: true }, { subresource: "status" });
    await api.patch(LEASE, KEY, { type: "json", body: [{ op: "test", path: "/a", value: 1 }] });
    await api.delete(LEASE, KEY, { uid: "u1" });
    const path = "/apis/coordination.k8s.io/v1/namespaces/ha/leases";
    const identity = '"apiVersion":"coordination.k8s.io/v1","kind":"Lease"';
    expect(seen).toEqual([
      `POST ${path}?fieldManager=test application/json {"metadata":{"name":"n1","namespace":"ha"},${identity}}`,
      `PUT ${path}/n1/status?fieldManager=me&dryRun=All application/json {"metadata":{"name":"n1","namespace":"ha"},${identity}}`,
      `PATCH ${path}/n1/status?fieldManager=agent&force=true application/apply-patch+yaml {"metadata":{"name":"n1","resourceVersion":"7"},${identity}}`,
      `PATCH ${path}/n1?fieldManager=test application/json-patch+json [{"op":"test","path":"/a","value":1}]`,
      `DELETE ${path}/n1 application/json {"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background","preconditions":{"uid":"u1"}}`,
    ]);
  });

  it("read a list page by page and give each item its kind", async () => {
    const url = await serve((request, _body, response) => {
      const page = new URL(request.url ?? "", "http://x").searchParams.get("continue");
      const items = [{ metadata: { name: page === null ? "a" : "b" } }];
      json(response, 200, {
        metadata: { resourceVersion: "9", ...(page === null ? { continue: "next" } : {}) },
        items,
      });
    });
    expect(await client(url).list(NODE)).toEqual({
      resourceVersion: "9",
      items: [
        { apiVersion: "v1", kind: "Node", metadata: { name: "a" } },
        { apiVersion: "v1", kind: "Node", metadata: { name: "b" } },
      ],
    });
  });

  it("send a fresh token once after 401", async () => {
    const tokens: (string | undefined)[] = [];
    const url = await serve((request, _body, response) => {
      tokens.push(request.headers.authorization);
      json(response, request.headers.authorization === "Bearer new" ? 200 : 401, {
        kind: "Status",
        reason: "Unauthorized",
      });
    });
    let token = "old";
    await client(url, new FakeClock(), { token: () => token, tokenRejected: () => (token = "new") }).replace(
      LEASE,
      lease(),
    );
    expect(tokens).toEqual(["Bearer old", "Bearer new"]);
  });

  it("do not happen without a token", async () => {
    const url = await serve(() => expect.unreachable());
    const token = (): Promise<string> => Promise.reject(new Error("ENOENT"));
    expect((await failure(client(url, new FakeClock(), { token }).get(LEASE, KEY))).detail).toEqual({
      code: "Unreachable",
    });
  });
});

describe("what an answer means", () => {
  const cases: readonly [number, string, KubeErrorDetail][] = [
    [409, "AlreadyExists", { code: "AlreadyExists", status: 409, reason: "AlreadyExists" }],
    [409, "Conflict", { code: "Conflict", status: 409, reason: "Conflict" }],
    [410, "Expired", { code: "Gone", status: 410, reason: "Expired" }],
    [422, "Invalid", { code: "Invalid", status: 422, reason: "Invalid" }],
    [400, "BadRequest", { code: "Invalid", status: 400, reason: "BadRequest" }],
    [403, "Forbidden", { code: "Forbidden", status: 403, reason: "Forbidden" }],
    [404, "NotFound", { code: "NotFound", status: 404, reason: "NotFound" }],
    [500, "InternalError", { code: "ResultUnknown", status: 500 }],
    [504, "Timeout", { code: "ResultUnknown", status: 504 }],
  ];
  it.each(cases)("%i %s to a write", async (status, reason, detail) => {
    const url = await serve((_request, _body, response) =>
      json(response, status, { kind: "Status", reason, message: "why" }),
    );
    const error = await failure(client(url).replace(LEASE, lease()));
    expect(error.detail).toEqual(detail);
    expect(error.message).toBe(`replace leases ha/n1: ${status} ${reason}: why`);
  });

  it("429 carries the server's Retry-After", async () => {
    const url = await serve((_request, _body, response) =>
      json(response, 429, { kind: "Status", reason: "TooManyRequests" }, { "retry-after": "3" }),
    );
    expect((await failure(client(url).list(LEASE))).detail).toMatchObject({
      code: "TooManyRequests",
      retryAfterMs: 3_000,
    });
  });

  it("only the API server's own NotFound says that an object is gone; a bare 404 does not", async () => {
    const url = await serve((request, _body, response) => {
      if (request.url?.includes("leases") === true) json(response, 404, { kind: "Status", reason: "NotFound" });
      else response.writeHead(404).end("404 page not found\n");
    });
    expect(await client(url).get(LEASE, KEY)).toBeUndefined();
    expect((await failure(client(url).get(NODE, KEY))).code).toBe("NotFound");
  });

  it("a body that is not JSON is malformed", async () => {
    const url = await serve((_request, _body, response) => void response.writeHead(200).end("<html>"));
    expect((await failure(client(url).get(LEASE, KEY))).code).toBe("Malformed");
  });
});

describe("no answer", () => {
  it("a refused connection was not sent", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect((await failure(client(`http://127.0.0.1:${port}`).replace(LEASE, lease()))).detail).toEqual({
      code: "Unreachable",
    });
  });

  it("a name that does not resolve was not sent", async () => {
    expect((await failure(client("http://no-such-host.invalid").replace(LEASE, lease()))).code).toBe("Unreachable");
  });

  it("a write without answer by the deadline has an unknown result, also when the answer's body stops half way", async () => {
    for (const head of [false, true]) {
      const clock = new FakeClock();
      let arrived: (() => void) | undefined;
      const received = new Promise<void>((resolve) => (arrived = resolve));
      const url = await serve((_request, _body, response) => {
        if (head) response.writeHead(200, { "content-length": "100" }).write("{");
        arrived?.();
      });
      const error = failure(client(url, clock).replace(LEASE, lease(), { timeoutMs: 300 }));
      await received;
      await clock.advance(300);
      expect((await error).detail).toEqual({ code: "ResultUnknown", timedOut: true });
      expect(clock.timersPending).toBe(0);
    }
  });

  it("a TLS handshake that hangs was not sent", async () => {
    const clock = new FakeClock();
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => void sockets.push(socket.on("error", () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const connected = new Promise<void>((resolve) => server.once("connection", () => resolve()));
    const error = failure(
      client(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, clock).replace(LEASE, lease()),
    );
    await connected;
    await clock.advance(1_000);
    expect((await error).detail).toEqual({ code: "Unreachable" });
  });

  it("a connection reset after the request has an unknown result", async () => {
    const url = await serve((request) => void request.socket.resetAndDestroy());
    expect((await failure(client(url).create(LEASE, lease()))).detail).toEqual({
      code: "ResultUnknown",
      timedOut: false,
    });
  });

  it("an abort ends a request at once", async () => {
    const abort = new AbortController();
    const url = await serve(() => abort.abort());
    expect((await failure(client(url).list(LEASE, { signal: abort.signal }))).code).toBe("ResultUnknown");
    expect((await failure(client(url).list(LEASE, { signal: abort.signal }))).code).toBe("Unreachable");
  });
});

describe("watch", () => {
  const options = (signal = new AbortController().signal) => ({
    resourceVersion: "5",
    timeoutSeconds: 60,
    idleTimeoutMs: 10_000,
    signal,
  });
  const line = (type: string, name: string): string =>
    `${JSON.stringify({ type, object: { kind: "Lease", metadata: { name, resourceVersion: "6" } } })}\n`;
  const text = (event: WatchEvent<KubeObject>): string =>
    event.type === "BOOKMARK" ? `BOOKMARK ${event.resourceVersion}` : `${event.type} ${event.object.metadata.name}`;

  async function collect(events: AsyncIterable<WatchEvent<KubeObject>>): Promise<string[]> {
    const seen: string[] = [];
    for await (const event of events) seen.push(text(event));
    return seen;
  }

  it("yields events until the server ends it, whatever the chunks cut apart", async () => {
    const url = await serve((request, _body, response) => {
      expect(request.url).toContain("?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=60");
      const bytes = Buffer.from(
        line("ADDED", "gr\u00fcn") + line("MODIFIED", "\u6a5f") + line("BOOKMARK", "") + line("DELETED", "b"),
      );
      for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
      response.end();
    });
    expect(await collect(client(url).watch(LEASE, options()))).toEqual([
      "ADDED gr\u00fcn",
      "MODIFIED \u6a5f",
      "BOOKMARK 6",
      "DELETED b",
    ]);
  });

  it("fails with Gone for a version that is too old, as status or as event", async () => {
    for (const asEvent of [false, true]) {
      const status = { kind: "Status", code: 410, reason: "Expired", message: "too old" };
      const url = await serve((_request, _body, response) =>
        asEvent
          ? void response.end(`${JSON.stringify({ type: "ERROR", object: status })}\n`)
          : json(response, 410, status),
      );
      expect((await failure(collect(client(url).watch(LEASE, options())))).code).toBe("Gone");
    }
  });

  it("fails when the server falls silent", async () => {
    const clock = new FakeClock();
    const url = await serve((_request, _body, response) => void response.write(line("ADDED", "a")));
    const seen: string[] = [];
    const watching = failure(
      (async () => {
        for await (const event of client(url, clock).watch(LEASE, options())) {
          seen.push(text(event));
          setImmediate(() => void clock.advance(10_000));
        }
      })(),
    );
    expect((await watching).detail).toEqual({ code: "ResultUnknown", timedOut: true });
    expect(seen).toEqual(["ADDED a"]);
  });

  it("fails when the connection breaks in the middle", async () => {
    const url = await serve(
      (request, _body, response) => void response.write(line("ADDED", "a"), () => request.socket.resetAndDestroy()),
    );
    expect((await failure(collect(client(url).watch(LEASE, options())))).detail).toEqual({
      code: "ResultUnknown",
      timedOut: false,
    });
  });

  it("returns quietly when aborted, also before it starts", async () => {
    const abort = new AbortController();
    const url = await serve((_request, _body, response) => void response.write(line("ADDED", "a")));
    for await (const event of client(url).watch(LEASE, options(abort.signal))) {
      expect(event.type).toBe("ADDED");
      abort.abort();
    }
    expect(await collect(client(url).watch(LEASE, options(abort.signal)))).toEqual([]);
  });

  it("closes its connection when the consumer stops", async () => {
    let closed: (() => void) | undefined;
    const done = new Promise<void>((resolve) => (closed = resolve));
    const url = await serve((_request, _body, response) => {
      response.on("close", () => closed?.());
      response.write(line("ADDED", "a"));
    });
    for await (const event of client(url).watch(LEASE, options())) {
      expect(event.type).toBe("ADDED");
      break;
    }
    await done;
  });
});
