/**
 * The server under contract: the embedded one on a free port, or the real one that the kubeconfig named by
 * UNDERSTUDY_TEST_KUBECONFIG points to. Plain HTTP either way, so that the suite describes the wire and no client.
 */
import { randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Schema } from "../../../src/api/schema.ts";
import { at, isJsonObject, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { runApiServer } from "../../../src/sandbox/apiserver/main.ts";
import { thingSchema } from "./apply-cases.ts";

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  readonly text: string;
  readonly warnings: string;
  readonly contentType: string;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
}

export interface WatchLine {
  readonly type: string;
  readonly object: JsonObject;
}

export interface Watching {
  readonly lines: readonly WatchLine[];
  /** Settles when the server ended the stream or it broke. */
  readonly ended: Promise<void>;
  close(): void;
}

const REAL_KUBECONFIG = process.env["UNDERSTUDY_TEST_KUBECONFIG"];
export const isEmbedded = REAL_KUBECONFIG === undefined || REAL_KUBECONFIG === "";

type Dial = (path: string, options: RequestOptions) => ReturnType<typeof httpRequest>;

export class Cluster {
  readonly #dial: Dial;
  readonly #close: () => Promise<void>;
  /** Base URL of the embedded server; empty for a real one. */
  readonly url: string;
  /** A namespace of this file's own. */
  readonly namespace = `contract-${randomBytes(4).toString("hex")}`;
  /** An API group of this file's own. */
  readonly group = `${this.namespace}.understudy.dev`;

  private constructor(dial: Dial, url: string, close: () => Promise<void>) {
    this.#dial = dial;
    this.url = url;
    this.#close = close;
  }

  static async open(): Promise<Cluster> {
    return await Cluster.#prepared(isEmbedded ? await embedded() : await real(REAL_KUBECONFIG ?? ""));
  }

  /** For comparing the two. */
  static async openEmbedded(): Promise<Cluster> {
    return await Cluster.#prepared(await embedded());
  }

  static async #prepared(cluster: Cluster): Promise<Cluster> {
    await cluster.expectOk("POST", "/api/v1/namespaces", { body: { metadata: { name: cluster.namespace } } });
    return cluster;
  }

  /** For `open` only. */
  static from(dial: Dial, url: string, close: () => Promise<void>): Cluster {
    return new Cluster(dial, url, close);
  }

  async close(): Promise<void> {
    const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    if (this.url === "") {
      await this.#releaseThings();
      await this.call("DELETE", `/api/v1/namespaces/${this.namespace}`);
      await this.call("DELETE", `${crds}/things.${this.group}`);
    }
    await this.#close();
  }

  /** Finalizers that a test left would keep the kind for ever. */
  async #releaseThings(): Promise<void> {
    const collection = `/apis/${this.group}/v1/namespaces/${this.namespace}/things`;
    const { items } = (await this.call("GET", collection)).body;
    for (const item of Array.isArray(items) ? items.filter(isJsonObject) : []) {
      const body = { metadata: { finalizers: null } };
      const path = `${collection}/${String(at(item, "metadata", "name"))}`;
      await this.call("PATCH", path, { body, contentType: "application/merge-patch+json" });
    }
  }

  /** Installs kind Thing (v1) in this file's group and returns the URL of its collection. */
  async installThings(schema: Schema = thingSchema, version: JsonObject = {}): Promise<string> {
    const name = `things.${this.group}`;
    const names = { kind: "Thing", plural: "things", singular: "thing", shortNames: ["th"], categories: ["all"] };
    const versions = [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: schema },
        ...version,
      },
    ];
    const spec = { group: this.group, scope: "Namespaced", names, versions };
    const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await this.expectOk("POST", crds, { body: { ...CRD_TYPE, metadata: { name }, spec } });
    const collection = `/apis/${this.group}/v1/namespaces/${this.namespace}/things`;
    for (let attempt = 0; attempt < 100; attempt++) {
      if ((await this.call("GET", collection)).status === 200) return collection;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${name} was never served`);
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { body, accept = "application/json" } = options;
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const contentType = options.contentType ?? "application/json";
    // Node frames the body of a DELETE only when its length is given.
    const framing =
      text === undefined ? {} : { "content-type": contentType, "content-length": Buffer.byteLength(text) };
    const headers = { accept, "user-agent": "contract/1", ...framing };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = this.#dial(path, { method, headers });
      request.once("response", resolve).once("error", reject);
      request.end(text);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const answer = Buffer.concat(chunks).toString();
    return {
      status: response.statusCode ?? 0,
      body: parse(answer),
      text: answer,
      warnings: response.headers["warning"] ?? "",
      contentType: response.headers["content-type"] ?? "",
    };
  }

  /** The body; throws unless the status is 2xx. */
  async expectOk(method: string, path: string, options: CallOptions = {}): Promise<JsonObject> {
    const answer = await this.call(method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 1_000)}`);
    return answer.body;
  }

  async watch(path: string, accept = "application/json"): Promise<Watching> {
    const request = this.#dial(path, { method: "GET", headers: { accept, "user-agent": "contract/1" } });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once("response", resolve).once("error", reject);
      request.end();
    });
    const lines: WatchLine[] = [];
    let rest = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = `${rest}${chunk}`.split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) lines.push(JSON.parse(part) as WatchLine);
    });
    const ended = new Promise<void>((resolve) =>
      response.once("close", () => resolve()).once("error", () => resolve()),
    );
    return { lines, ended, close: () => void request.destroy() };
  }
}

const CRD_TYPE = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };

function parse(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

async function embedded(): Promise<Cluster> {
  const server = await runApiServer({ listen: { host: "127.0.0.1", port: 0 } });
  const base = { host: "127.0.0.1", port: server.port };
  const dial: Dial = (path, options) => httpRequest({ ...base, path, ...options });
  return Cluster.from(dial, `http://127.0.0.1:${server.port}`, () => server.close());
}

async function real(file: string): Promise<Cluster> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(file);
  const server = new URL(config.getCurrentCluster()?.server ?? "");
  const isPlain = server.protocol === "http:";
  const login: RequestOptions = {};
  await config.applyToHTTPSOptions(login);
  const dial: Dial = (path, options) => {
    const headers = { ...login.headers, ...options.headers } as Record<string, string>;
    const all = { ...login, ...options, headers, host: server.hostname, port: server.port, path };
    return isPlain ? httpRequest(all) : httpsRequest(all);
  };
  return Cluster.from(dial, "", async () => {});
}
