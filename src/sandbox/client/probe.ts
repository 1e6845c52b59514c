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

export interface Answer {
  readonly name: string;
  /** When the service answered, on the machine's monotonic clock, in ms. */
  readonly atMs: number;
}

const MAX_ANSWER_BYTES = 4_096;

/** The answer, or undefined when none came in time. Never rejects. */
export function probe(target: ProbeTarget, timeoutMs: number, clock: Clock): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    let text = "";
    const finish = (answer: Answer | undefined): void => {
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

/** What a complete `200` answer of the demo service says. */
export function answerOf(text: string): Answer | undefined {
  const match = /^HTTP\/1\.1 200 [^\r]*\r\n(?:[^\r]+\r\n)*\r\n([A-Za-z0-9.-]{1,253}) ([0-9.]{1,30})\n$/.exec(text);
  const [, name, atMs] = match ?? [];
  return name === undefined ? undefined : { name, atMs: Number(atMs) };
}
