/**
 * How controller and command line find their cluster: flags, then `KUBECONFIG`, then the cluster they run in, then
 * `~/.kube/config`, as kubectl does. The client library is imported only when a kubeconfig needs
 * it (exec plugins, OIDC, proxies, several files).
 */
import type http from "node:http";
import type https from "node:https";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { KubeConnection } from "./http-transport.ts";
import type { ClusterAccess } from "./plain-kubeconfig.ts";
import { inClusterServer, SERVICE_ACCOUNT_FILES, tokenConnection } from "./token-connection.ts";

export type { ClusterAccess } from "./plain-kubeconfig.ts";

export interface ClusterFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** `--api-server`; wins over everything else, with `tokenFile` and `caFile`. */
  readonly server?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

export interface ClusterModules {
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Throws an `Error` that says what was looked for when no cluster is configured. */
export async function openCluster(flags: ClusterFlags, modules: ClusterModules): Promise<ClusterAccess> {
  const { environment } = modules;
  if (flags.server !== undefined) return await byFlags(flags.server, flags, modules);
  const named = flags.kubeconfig ?? environment["KUBECONFIG"];
  if (named !== undefined && named !== "") return await byKubeconfig(named, flags.context, modules);
  const inCluster = inClusterServer(environment);
  if (inCluster !== undefined) {
    const { token: tokenFile, ca: caFile } = SERVICE_ACCOUNT_FILES;
    return await byFlags(inCluster, { tokenFile, caFile }, modules);
  }
  const home = join(environment["HOME"] ?? "", ".kube", "config");
  if (environment["HOME"] !== undefined && (await exists(home)))
    return await byKubeconfig(home, flags.context, modules);
  throw new Error(
    "no cluster: neither --kubeconfig nor KUBECONFIG is set, this is no pod, and ~/.kube/config does not exist",
  );
}

async function byFlags(server: string, flags: ClusterFlags, modules: ClusterModules): Promise<ClusterAccess> {
  const { tokenFile, caFile } = flags;
  const files = { ...(tokenFile === undefined ? {} : { tokenFile }), ...(caFile === undefined ? {} : { caFile }) };
  return { connection: await tokenConnection({ server, ...files }, modules), namespace: undefined };
}

async function byKubeconfig(
  paths: string,
  context: string | undefined,
  modules: ClusterModules,
): Promise<ClusterAccess> {
  const files = paths.split(delimiter).filter((path) => path !== "");
  const [file] = files;
  if (file !== undefined && files.length === 1) {
    const { plainKubeconfig } = await import("./plain-kubeconfig.ts");
    const plain = await plainKubeconfig(file, context, modules);
    if (plain !== undefined) return plain;
  }
  return await byLibrary(files, context, modules);
}

/** A plugin or token endpoint is asked at most this often; the library keeps tokens until they expire. */
const AUTH_MAX_AGE_MS = 30_000;

async function byLibrary(
  files: readonly string[],
  context: string | undefined,
  modules: ClusterModules,
): Promise<ClusterAccess> {
  const { KubeConfig } = await import("./kubeconfig-library.ts");
  const config = new KubeConfig();
  for (const [index, file] of files.entries()) {
    const next = index === 0 ? config : new KubeConfig();
    next.loadFromFile(file);
    if (index > 0) config.mergeConfig(next, true);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error(`${files.join(delimiter)}: context ${JSON.stringify(config.getCurrentContext())} names no cluster`);
  const first: https.RequestOptions = {};
  await config.applyToHTTPSOptions(first);
  const authorization = new FreshValue(modules.clock, AUTH_MAX_AGE_MS, async () => {
    const next: https.RequestOptions = {};
    await config.applyToHTTPSOptions(next);
    return bearerOf(next);
  });
  return {
    connection: {
      ...libraryConnection(cluster.server, first, cluster.proxyUrl !== undefined),
      token: () => authorization.get(),
      tokenRejected: () => authorization.forget(),
    },
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
  };
}

function libraryConnection(server: string, options: https.RequestOptions, proxied: boolean): KubeConnection {
  const { ca, cert, key, servername, rejectUnauthorized, auth, agent } = options;
  return {
    baseUrl: server,
    ...(isMaterial(ca) ? { ca } : {}),
    ...(isMaterial(cert) ? { cert } : {}),
    ...(isMaterial(key) ? { key } : {}),
    ...(servername === undefined ? {} : { serverName: servername }),
    ...(rejectUnauthorized === false ? { verifyServer: false } : {}),
    ...(typeof auth === "string"
      ? { headers: { authorization: `Basic ${Buffer.from(auth).toString("base64")}` } }
      : {}),
    ...(proxied && typeof agent === "object" ? { agent: agent satisfies http.Agent } : {}),
  };
}

function isMaterial(value: unknown): value is string | Buffer {
  return typeof value === "string" || Buffer.isBuffer(value);
}

function bearerOf(options: https.RequestOptions): string {
  const headers: Readonly<Record<string, unknown>> = { ...(options.headers as http.OutgoingHttpHeaders | undefined) };
  const header = headers["Authorization"] ?? headers["authorization"];
  return typeof header === "string" ? header.replace(/^Bearer /, "") : "";
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** A value that is fetched again when it is older than `maxAgeMs` or was refused. */
class FreshValue {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #fetch: () => Promise<string>;
  #value = "";
  #fetchedAtMs: number | undefined;

  constructor(clock: Clock, maxAgeMs: number, fetch: () => Promise<string>) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
    this.#fetch = fetch;
  }

  async get(): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#fetchedAtMs === undefined || nowMs - this.#fetchedAtMs >= this.#maxAgeMs) {
      this.#value = await this.#fetch();
      this.#fetchedAtMs = nowMs;
    }
    return this.#value;
  }

  forget(): void {
    this.#fetchedAtMs = undefined;
  }
}
