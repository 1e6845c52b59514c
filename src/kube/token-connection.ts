/**
 * A connection from three plain facts: the server's URL, a file with the token, a file with the CA. It is all that
 * runs inside a cluster needs, and it needs no library, so that the agent stays small.
 *
 * Tokens of service accounts are rotated on disk by the kubelet (they live an hour, at least ten minutes): the file is
 * read again every minute and after a 401. A file that cannot be read for a moment keeps the last token.
 */
import { readFile } from "node:fs/promises";
import type { Clock } from "../lib/clock.ts";
import type { KubeConnection } from "./http-transport.ts";

/** Where the kubelet mounts a service account, https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";
export const SERVICE_ACCOUNT_FILES = {
  token: `${SERVICE_ACCOUNT_DIR}/token`,
  ca: `${SERVICE_ACCOUNT_DIR}/ca.crt`,
  namespace: `${SERVICE_ACCOUNT_DIR}/namespace`,
} as const;

const TOKEN_MAX_AGE_MS = 60_000;

export interface TokenConnectionOptions {
  readonly server: string;
  /** Omitted: no token is sent (sandbox). */
  readonly tokenFile?: string;
  /** Omitted: the system's CAs, or none for `http://`. */
  readonly caFile?: string;
}

/** Throws when the CA file cannot be read; the token file is first read by the first request. */
export async function tokenConnection(
  options: TokenConnectionOptions,
  modules: { readonly clock: Clock },
): Promise<KubeConnection> {
  const { server, tokenFile, caFile } = options;
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  const file = tokenFile === undefined ? undefined : new TokenFile(tokenFile, modules.clock);
  return {
    baseUrl: server,
    ...(ca === undefined ? {} : { ca }),
    ...(file === undefined ? {} : { token: () => file.token(), tokenRejected: () => file.forget() }),
  };
}

/**
 * The server's URL as a pod finds it, or undefined outside a cluster.
 * Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
 */
export function inClusterServer(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (host === undefined || host === "") return undefined;
  return `https://${host.includes(":") ? `[${host}]` : host}:${port ?? "443"}`;
}

class TokenFile {
  readonly #path: string;
  readonly #clock: Clock;
  #token = "";
  #readAtMs: number | undefined;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async token(): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#readAtMs !== undefined && nowMs - this.#readAtMs < TOKEN_MAX_AGE_MS) return this.#token;
    try {
      this.#token = (await readFile(this.#path, "utf8")).trim();
      this.#readAtMs = nowMs;
    } catch (thrown) {
      if (this.#token === "") throw thrown;
    }
    return this.#token;
  }

  /** The next request reads the file again. */
  forget(): void {
    this.#readAtMs = undefined;
  }
}
