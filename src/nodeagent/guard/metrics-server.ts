/** The agent's `/metrics`: one page for guard and worker. */
import { createServer, type Server } from "node:http";

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

const LIMITS = { requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, maxHeaderSize: 8_192 };
const MAX_CONNECTIONS = 16;

/** Resolves when it listens. Throws when it cannot. */
export async function serveMetrics(page: MetricsPage, address: string, port: number): Promise<Server> {
  const server = createServer(LIMITS, (request, response) => {
    if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    page.text().then(
      (text) => response.writeHead(200, { "content-type": page.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  return server;
}
