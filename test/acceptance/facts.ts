/**
 * Waiting for facts, never for time: objects by the API's own list and watch, everything else by looking again soon.
 * What does not become true within its limit fails with what was seen last.
 */
import { systemClock } from "../../src/host/system-clock.ts";
import type { KubeApi, KubeObject, ResourceType } from "../../src/kube/ports.ts";

/** Longest wait for anything, in milliseconds: a wait that succeeds is far shorter, on a loaded machine as well. */
export const LIMIT_MS = 25_000;
const LOOK_AGAIN_MS = 20;

/** What `look` gives, once it gives something; it is asked again every 20 ms. */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const endMs = systemClock.monotonicMs() + LIMIT_MS; systemClock.monotonicMs() < endMs;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => void systemClock.setTimer(LOOK_AGAIN_MS, resolve));
  }
  throw new Error(`${what}: not within ${LIMIT_MS} ms`);
}

export interface Place {
  readonly namespace: string;
  readonly name?: string;
}

/** The first object of the kind, at that place, that fits: now or as soon as one does. */
export async function untilObject<T extends KubeObject>(
  api: KubeApi,
  type: ResourceType,
  place: Place,
  what: string,
  fits: (object: T) => boolean,
): Promise<T> {
  const late = new AbortController();
  const timer = systemClock.setTimer(LIMIT_MS, () => late.abort());
  let last: T | undefined;
  const isIt = (object: T): boolean => {
    if (place.name !== undefined && object.metadata.name !== place.name) return false;
    last = object;
    return fits(object);
  };
  try {
    while (!late.signal.aborted) {
      const list = await api.list<T>(type, { namespace: place.namespace, signal: late.signal });
      const found = list.items.find(isIt);
      if (found !== undefined) return found;
      const follow = { namespace: place.namespace, resourceVersion: list.resourceVersion, signal: late.signal };
      for await (const event of api.watch<T>(type, { ...follow, timeoutSeconds: 60, idleTimeoutMs: 60_000 }))
        if (event.type !== "BOOKMARK" && event.type !== "DELETED" && isIt(event.object)) return event.object;
    }
  } catch (thrown) {
    if (!late.signal.aborted) throw thrown;
  } finally {
    timer.cancel();
    late.abort();
  }
  const { metadata: _bulk, ...seen } = last ?? { metadata: {} };
  throw new Error(
    `${type.kind} ${place.namespace}/${place.name ?? "*"}: ${what}: not within ${LIMIT_MS} ms: ${JSON.stringify(seen)}`,
  );
}
