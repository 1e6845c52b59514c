import { mkdtempSync, readFileSync, rmSync, writeFileSync, appendFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { at, isJsonObject, type JsonObject } from "./json.ts";
import { runApiServer, type ApiServerOptions, type RunningApiServer } from "./main.ts";

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

let directory: string;
const running: RunningApiServer[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "understudy-apiserver-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  rmSync(directory, { recursive: true, force: true });
});

async function start(options: Partial<ApiServerOptions> = {}): Promise<RunningApiServer> {
  const server = await runApiServer({ listen: { host: "127.0.0.1", port: 0 }, ...options });
  running.push(server);
  return server;
}

async function stop(server: RunningApiServer): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.close();
}

type Where = { readonly port: number } | { readonly socketPath: string };

async function call(where: Where, method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  return await new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", ...where, method, path, headers, agent: false }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: parse(answer) }));
    });
    sent.on("error", reject).end(text);
  });
}

function parse(text: string): JsonObject {
  const value: unknown = text.startsWith("{") ? JSON.parse(text) : {};
  return isJsonObject(value) ? value : {};
}

const MAPS = "/api/v1/namespaces/default/configmaps";

async function create(server: RunningApiServer, name: string): Promise<Answer> {
  return await call(server, "POST", MAPS, { metadata: { name } });
}

describe("the journal", () => {
  test("brings everything back after the process is gone, and versions go on", async () => {
    const data = join(directory, "journal");
    const first = await start({ data });
    const made = await create(first, "kept");
    await create(first, "removed");
    await call(first, "DELETE", `${MAPS}/removed`);
    const { version } = first.core.store;
    // Not closed: what a killed process leaves is read by the next one.
    const copy = join(directory, "copy");
    writeFileSync(copy, readFileSync(data));
    const second = await start({ data: copy });
    expect((await call(second, "GET", `${MAPS}/kept`)).body).toEqual(made.body);
    expect((await call(second, "GET", `${MAPS}/removed`)).status).toBe(404);
    expect(second.core.store.version).toBe(version);
    const next = await create(second, "next");
    expect(Number(at(next.body, "metadata", "resourceVersion"))).toBe(version + 1);
  });

  test("drops a last line that was cut short", async () => {
    const data = join(directory, "journal");
    const first = await start({ data });
    await create(first, "kept");
    await stop(first);
    appendFileSync(data, '{"change":true,"version":99,"type":"ADD');
    const second = await start({ data });
    expect((await call(second, "GET", `${MAPS}/kept`)).status).toBe(200);
  });

  test("lets a watch resume across the restart", async () => {
    const data = join(directory, "journal");
    const first = await start({ data });
    const { version } = first.core.store;
    await create(first, "while-away");
    writeFileSync(join(directory, "copy"), readFileSync(data));
    const second = await start({ data: join(directory, "copy") });
    expect(second.core.store.changesAfter(version)?.map((change) => change.key)).toEqual(["default/while-away"]);
  });

  test("serves stored CRDs again", async () => {
    const data = join(directory, "journal");
    const first = await start({ data });
    const names = { kind: "Thing", plural: "things" };
    const versions = [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }];
    const body = { metadata: { name: "things.x.dev" }, spec: { group: "x.dev", scope: "Namespaced", names, versions } };
    await call(first, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body);
    await stop(first);
    const second = await start({ data });
    expect((await call(second, "GET", "/apis/x.dev/v1/namespaces/default/things")).status).toBe(200);
  });
});

describe("the Unix socket", () => {
  test("serves the same objects as TCP", async () => {
    const unix = join(directory, "api.sock");
    const server = await start({ unix });
    await create(server, "shared");
    expect((await call({ socketPath: unix }, "GET", `${MAPS}/shared`)).status).toBe(200);
  });
});

describe("tokens", () => {
  test("all are accepted without a file, only the listed with one", async () => {
    const open = await start();
    expect((await call(open, "GET", MAPS)).status).toBe(200);
    const closed = await start({ tokens: 'secret,jane,1,"ops,dev"\n' });
    expect((await call(closed, "GET", MAPS)).status).toBe(401);
    expect((await call(closed, "GET", MAPS, undefined, "wrong")).status).toBe(401);
    expect((await call(closed, "GET", MAPS, undefined, "secret")).status).toBe(200);
  });

  test("admission is told who asks", async () => {
    const users: string[] = [];
    const server = await start({ admit: (asked) => void users.push(asked.user?.name ?? "server") });
    await call(server, "POST", MAPS, { metadata: { name: "x" } }, "system:serviceaccount:app:agent");
    expect(users.at(-1)).toBe("system:serviceaccount:app:agent");
  });
});

describe("faults over HTTP", () => {
  const FAULTS = "/sandbox/faults";

  test("are served only when asked for", async () => {
    expect((await call(await start(), "GET", FAULTS)).status).toBe(404);
  });

  test("a lost reply leaves the write done", async () => {
    const server = await start({ faultEndpoint: true });
    const rule = { match: { verbs: ["create"], resource: "configmaps" }, action: { kind: "lose-reply" }, times: 1 };
    expect((await call(server, "POST", FAULTS, rule)).status).toBe(201);
    await expect(create(server, "lost")).rejects.toThrow();
    expect((await call(server, "GET", `${MAPS}/lost`)).status).toBe(200);
  });

  test("a cut connection leaves nothing", async () => {
    const server = await start({ faultEndpoint: true });
    await call(server, "POST", FAULTS, { match: { verbs: ["create"] }, action: { kind: "cut" }, times: 1 });
    await expect(create(server, "cut")).rejects.toThrow();
    expect((await call(server, "GET", `${MAPS}/cut`)).status).toBe(404);
  });

  test("a refusal carries its status and Retry-After", async () => {
    const server = await start({ faultEndpoint: true });
    const action = { kind: "refuse", status: 429, retryAfterSeconds: 7 };
    await call(server, "POST", FAULTS, { match: { verbs: ["create"] }, action });
    const refused = await create(server, "many");
    expect(refused).toMatchObject({
      status: 429,
      body: { reason: "TooManyRequests", details: { retryAfterSeconds: 7 } },
    });
    await call(server, "DELETE", FAULTS);
    expect((await create(server, "many")).status).toBe(201);
  });

  test("a frozen server answers once it is thawed", async () => {
    const server = await start({ faultEndpoint: true });
    const id = at((await call(server, "POST", FAULTS, { action: { kind: "freeze" } })).body, "id");
    const waiting = create(server, "late");
    const listed = await call(server, "GET", FAULTS);
    expect(at((listed.body["items"] as unknown[])[0], "action", "kind")).toBe("freeze");
    await call(server, "DELETE", `${FAULTS}/${String(id)}`);
    expect((await waiting).status).toBe(201);
  });

  test.each([
    [{ action: { kind: "explode" } }],
    [{ action: { kind: "delay", ms: "long" } }],
    [{ action: { kind: "cut" }, probability: 2 }],
    ["text"],
  ])("the rule %j is refused", async (rule) => {
    const server = await start({ faultEndpoint: true });
    expect((await call(server, "POST", FAULTS, rule)).status).toBe(400);
  });
});

describe("limits", () => {
  test("a body above the limit is refused", async () => {
    const server = await start();
    const big = { metadata: { name: "big" }, data: { a: "x".repeat(4 * 1024 * 1024) } };
    const answer = await call(server, "POST", MAPS, big).catch(() => ({ status: 413 }));
    expect(answer.status).toBe(413);
  });
});
