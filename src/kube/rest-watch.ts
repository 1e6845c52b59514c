/**
 * The body of a watch: one JSON event per line, for as long as the server likes. Silence is judged only while we wait
 * for bytes, so that a slow consumer is not mistaken for a silent server (and is slowed down by TCP).
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import { LineSplitter, LineTooLong } from "./line-splitter.ts";
import { KubeError, type KubeObject, type WatchEvent } from "./ports.ts";
import { isStatusBody, refusal } from "./rest-errors.ts";

interface WatchLimits {
  readonly idleTimeoutMs: number;
  readonly maxLineBytes: number;
  readonly signal: AbortSignal;
}

/** Returns when the server ends the watch or the signal aborts; throws `KubeError` otherwise. Destroys `chunks`. */
export async function* readWatch<T extends KubeObject>(
  what: string,
  chunks: IncomingMessage,
  limits: WatchLimits,
  clock: Clock,
): AsyncGenerator<WatchEvent<T>> {
  const splitter = new LineSplitter(limits.maxLineBytes);
  const stop = (): void => void chunks.destroy();
  limits.signal.addEventListener("abort", stop, { once: true });
  if (limits.signal.aborted) stop();
  const iterator: AsyncIterator<Buffer> = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextChunk(what, iterator, chunks, limits, clock);
      if (limits.signal.aborted) return;
      const lines = next === undefined ? [splitter.rest()] : push(what, splitter, next);
      for (const line of lines) if (line !== "") yield watchEvent<T>(what, line);
      if (next === undefined) return;
    }
  } finally {
    limits.signal.removeEventListener("abort", stop);
    chunks.destroy();
  }
}

async function nextChunk(
  what: string,
  iterator: AsyncIterator<Buffer>,
  chunks: IncomingMessage,
  limits: WatchLimits,
  clock: Clock,
): Promise<Buffer | undefined> {
  let silent = false;
  const timer = clock.setTimer(limits.idleTimeoutMs, () => {
    silent = true;
    chunks.destroy();
  });
  try {
    const { value, done } = await iterator.next();
    if (silent) throw new Error("destroyed");
    return done === true ? undefined : value;
  } catch (thrown) {
    if (limits.signal.aborted) return undefined;
    const text = silent ? `silent for ${limits.idleTimeoutMs} ms` : `broken: ${messageOf(thrown)}`;
    throw new KubeError({ code: "ResultUnknown", timedOut: silent }, `${what}: ${text}`, thrown);
  } finally {
    timer.cancel();
  }
}

function push(what: string, splitter: LineSplitter, chunk: Buffer): string[] {
  try {
    return splitter.push(chunk);
  } catch (thrown) {
    if (thrown instanceof LineTooLong) throw new KubeError({ code: "Malformed" }, `${what}: ${thrown.message}`, thrown);
    throw thrown;
  }
}

interface RawEvent {
  readonly type?: string;
  readonly object?: KubeObject;
}

function watchEvent<T extends KubeObject>(what: string, line: string): WatchEvent<T> {
  const event = parseEvent(what, line);
  const { type, object } = event;
  if (object === undefined || object === null)
    throw new KubeError({ code: "Malformed" }, `${what}: an event without object`);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: object as T };
    case "BOOKMARK":
      return { type, resourceVersion: object.metadata.resourceVersion ?? "" };
    case "ERROR":
      throw errorEvent(what, object);
    default:
      throw new KubeError({ code: "Malformed" }, `${what}: unknown event type ${String(type)}`);
  }
}

function parseEvent(what: string, line: string): RawEvent {
  try {
    return JSON.parse(line) as RawEvent;
  } catch (thrown) {
    throw new KubeError({ code: "Malformed" }, `${what}: an event that is not JSON`, thrown);
  }
}

function errorEvent(what: string, object: unknown): KubeError {
  const status = isStatusBody(object) ? object : undefined;
  return refusal(what, status?.code ?? 500, status);
}
