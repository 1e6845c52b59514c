/**
 * The kubeconfigs that need no library: one file whose user is a token, a token file, a client certificate, a
 * password, or nobody. Reading those here keeps the controller and the command line small and quick: loading the
 * client library costs about 0.5 s and 85 MB, which only exec plugins, OIDC and proxies are worth.
 *
 * Must never guess: whatever it does not know makes it answer undefined, and the library reads the file instead.
 *
 * Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import type { Clock } from "../lib/clock.ts";
import type { KubeConnection } from "./http-transport.ts";
import { tokenConnection } from "./token-connection.ts";

export interface ClusterAccess {
  readonly connection: KubeConnection;
  /** Of the current context, where it names one. */
  readonly namespace: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: readonly { readonly name?: string; readonly context?: Fields }[];
  readonly clusters?: readonly { readonly name?: string; readonly cluster?: Fields }[];
  readonly users?: readonly { readonly name?: string; readonly user?: Fields }[];
}

const KNOWN_CLUSTER_FIELDS = new Set([
  "server",
  "certificate-authority",
  "certificate-authority-data",
  "insecure-skip-tls-verify",
  "tls-server-name",
  "extensions",
]);
const KNOWN_USER_FIELDS = new Set([
  "token",
  "tokenFile",
  "client-certificate",
  "client-certificate-data",
  "client-key",
  "client-key-data",
  "username",
  "password",
  "extensions",
]);

/** Undefined when the file holds something that only the library understands. Throws when it cannot be read or parsed. */
export async function plainKubeconfig(
  file: string,
  context: string | undefined,
  modules: { readonly clock: Clock },
): Promise<ClusterAccess | undefined> {
  const config = parse(await readFile(file, "utf8")) as Kubeconfig | null;
  const name = context ?? config?.["current-context"];
  const chosen = config?.contexts?.find((entry) => entry.name === name)?.context;
  const cluster = config?.clusters?.find((entry) => entry.name === chosen?.["cluster"])?.cluster;
  const user = config?.users?.find((entry) => entry.name === chosen?.["user"])?.user ?? {};
  if (chosen === undefined || cluster === undefined) return undefined;
  if (!onlyKnown(cluster, KNOWN_CLUSTER_FIELDS) || !onlyKnown(user, KNOWN_USER_FIELDS)) return undefined;
  const server = cluster["server"];
  if (typeof server !== "string") return undefined;
  const namespace = typeof chosen["namespace"] === "string" ? chosen["namespace"] : undefined;
  return { connection: await connectionOf(server, cluster, user, dirname(file), modules), namespace };
}

function onlyKnown(fields: Fields, known: ReadonlySet<string>): boolean {
  return Object.keys(fields).every((field) => known.has(field));
}

async function connectionOf(
  server: string,
  cluster: Fields,
  user: Fields,
  directory: string,
  modules: { readonly clock: Clock },
): Promise<KubeConnection> {
  const ca = await material(cluster, "certificate-authority", directory);
  const cert = await material(user, "client-certificate", directory);
  const key = await material(user, "client-key", directory);
  const serverName = cluster["tls-server-name"];
  const tokenFile = user["tokenFile"];
  const token = user["token"];
  const fromFile =
    typeof tokenFile === "string"
      ? await tokenConnection({ server, tokenFile: resolve(directory, tokenFile) }, modules)
      : {};
  return {
    ...(typeof token === "string" ? { token: () => token } : {}),
    ...fromFile,
    baseUrl: server,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(typeof serverName === "string" ? { serverName } : {}),
    ...(cluster["insecure-skip-tls-verify"] === true ? { verifyServer: false } : {}),
    ...(typeof user["username"] === "string"
      ? { headers: basicAuth(user["username"], String(user["password"] ?? "")) }
      : {}),
  };
}

/** `NAME-data` (base64) before the file `NAME`. */
async function material(fields: Fields, name: string, directory: string): Promise<Buffer | undefined> {
  const data = fields[`${name}-data`];
  if (typeof data === "string" && data !== "") return Buffer.from(data, "base64");
  const file = fields[name];
  return typeof file === "string" && file !== "" ? await readFile(resolve(directory, file)) : undefined;
}

function basicAuth(username: string, password: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}
