/**
 * The part of an Azure machine's instance metadata service that gives tokens to its managed identity ("How to use managed
 * identities for Azure resources on an Azure VM to acquire an access token"): GET /metadata/identity/oauth2/token with the
 * header `Metadata: true`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { ArmIdentity } from "./provider.ts";
import type { TokenService } from "./token-service.ts";

export interface ManagedIdentityService {
  readonly url: string;
  close(): Promise<void>;
}

/** Clients of some versions end it with a slash. */
const PATH = /^\/metadata\/identity\/oauth2\/token\/?$/i;

export async function startManagedIdentityService(
  options: { readonly identity: ArmIdentity; readonly host?: string; readonly port?: number },
  modules: { readonly tokens: TokenService },
): Promise<ManagedIdentityService> {
  const server = createServer((request, response) => answer(request, response, options.identity, modules.tokens));
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://${host}:${port}`, close };
}

/** Also for whoever serves the rest of the metadata on the same address. */
export function isManagedIdentityPath(path: string): boolean {
  return PATH.test(path);
}

function answer(request: IncomingMessage, response: ServerResponse, identity: ArmIdentity, tokens: TokenService): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://metadata");
  const send = (status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (!isManagedIdentityPath(pathname)) return send(404, { error: "Not found" });
  if (request.headers["metadata"] !== "true")
    return send(400, { error: "invalid_request", error_description: "Required metadata header not specified" });
  const clientId = searchParams.get("client_id");
  if (clientId !== null && clientId !== identity.clientId)
    return send(400, { error: "invalid_request", error_description: "Identity not found" });
  const { access_token, expires_in } = tokens.managedToken(identity);
  const expires = String(expires_in);
  send(200, { access_token, expires_in: expires, token_type: "Bearer", resource: searchParams.get("resource") });
}
