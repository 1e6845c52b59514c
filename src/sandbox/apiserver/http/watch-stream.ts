/** A watch over HTTP: one JSON event per line until the watch ends, the client goes, or it reads too slowly. */
import type { ServerResponse } from "node:http";
import type { ApiServerCore } from "../core.ts";
import type { Faults, RequestFacts } from "../faults.ts";
import type { JsonObject } from "../json.ts";
import type { WatchRequest, WireEvent } from "../watch.ts";

export interface WatchAnswer {
  readonly request: WatchRequest;
  readonly shape: (event: WireEvent) => JsonObject;
}

/** Bytes that a client may leave unread before its watch is cut. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

export function streamWatch(
  core: ApiServerCore,
  faults: Faults,
  facts: RequestFacts,
  answer: WatchAnswer,
  response: ServerResponse,
): void {
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-cache, private" });
  response.flushHeaders();
  /** Lines held back by a freeze. */
  let held: string[] = [];
  let heldBytes = 0;
  let ended = false;
  const flush = (): void => {
    if (faults.isFrozen(facts)) return;
    for (const line of held) response.write(line);
    held = [];
    heldBytes = 0;
    if (ended) response.end();
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  };
  const sink = {
    event: (event: WireEvent): void => {
      const line = `${JSON.stringify(answer.shape(event))}\n`;
      held.push(line);
      heldBytes += line.length;
      if (heldBytes > MAX_UNREAD_BYTES) response.destroy();
      flush();
    },
    end: (): void => {
      ended = true;
      flush();
    },
  };
  const unlisten = faults.onChange(flush);
  const session = core.watch(answer.request, sink);
  response.on("close", () => {
    unlisten();
    core.cancelWatch(session);
  });
}
