/**
 * Instance metadata over HTTP: one server for all machines, which knows by the source address who asks, as the clouds'
 * hypervisors do. A machine reaches it although its wire is cut.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { close, listen, readBody } from "../http.ts";
import type { MetadataService } from "./documents.ts";

export interface MetadataServerOptions {
  readonly host: string;
  readonly port: number;
}

export interface MetadataServerModules {
  readonly service: MetadataService;
  /** The machine with this address. */
  readonly vmAt: (address: string) => string | undefined;
}

export interface MetadataServer {
  readonly port: number;
  /** `true`: nobody answers, as while the service is away. */
  setSilent(isSilent: boolean): void;
  close(): Promise<void>;
}

export async function startMetadataServer(
  options: MetadataServerOptions,
  modules: MetadataServerModules,
): Promise<MetadataServer> {
  const mood = { isSilent: false };
  const server = createServer((request, response) => {
    if (!mood.isSilent) void serve(request, response, modules);
  });
  const port = await listen(server, options.host, options.port);
  return { port, setSilent: (isSilent) => (mood.isSilent = isSilent), close: () => close(server) };
}

/** Never rejects. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  modules: MetadataServerModules,
): Promise<void> {
  try {
    const vm = modules.vmAt(request.socket.remoteAddress ?? "");
    const url = new URL(request.url ?? "/", "http://169.254.169.254");
    const { method = "GET", headers } = request;
    const body = await readBody(request);
    const answer = vm === undefined ? { status: 404 } : modules.service.answer(vm, { method, url, headers, body });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  } catch {
    response.destroy(); // the client went away while it sent
  }
}
