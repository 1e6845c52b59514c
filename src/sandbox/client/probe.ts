/**
 * One HTTP request on a fresh connection, with a deadline of its own: who answered? Used by the client, which asks
 * through the network, and by the observer, which asks each machine itself.
 */
import { connect } from "node:net";
import type { Clock } from "../../lib/clock.ts";

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
}

const MAX_ANSWER_BYTES = 4_096;

/** The name in the answer, or undefined when none came in time. Never rejects. */
export function probe(target: ProbeTarget, timeoutMs: number, clock: Clock): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    let text = "";
    const finish = (answer: string | undefined): void => {
      timer.cancel();
      socket.destroy();
      resolve(answer);
    };
    const timer = clock.setTimer(timeoutMs, () => finish(undefined));
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write("GET / HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n"));
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER_BYTES) finish(undefined);
    });
    socket.on("end", () => finish(answerOf(text)));
    socket.on("error", () => finish(undefined));
  });
}

/** The body of a complete `200` answer that consists of one name. */
export function answerOf(text: string): string | undefined {
  return /^HTTP\/1\.1 200 [^\r]*\r\n(?:[^\r]+\r\n)*\r\n([A-Za-z0-9.-]{1,253})\n$/.exec(text)?.[1];
}
