/**
 * Which machines were stopped lately: one ConfigMap in the installation's namespace, written by compare-and-set BEFORE a
 * machine is stopped, so that the limit per period holds across groups, replicas and changes of the leader, and so that a
 * new leader knows which machine this product stopped and may start again.
 *
 * One stop of a session counts once, however often the call is repeated. Times are wall clocks of leaders; nothing but
 * the limit rests on them, and one from the future counts as now.
 * Must never do: let a machine be stopped when the record cannot be read, understood or written.
 */
import { type KubeApi, isKubeError, type KubeObject, type ResourceType } from "../../kube/ports.ts";
import type { Clock } from "../../lib/clock.ts";

const CONFIG_MAP: ResourceType = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};
export const FENCING_RECORD = "understudy-fencing";
const KEY = "shots";

/** Most entries kept: far more than any limit, far less than a ConfigMap holds. */
const MAX_ENTRIES = 64;
/** Somebody else wrote in between so often: give up and come back. */
const MAX_TRIES = 4;

export interface Shot {
  readonly node: string;
  readonly session: string;
  /** The machine, for people. */
  readonly machine: string;
  /** RFC 3339. */
  readonly at: string;
  /** The cloud proved it off. */
  readonly isStopped?: true;
  /** It was started again. */
  readonly isStarted?: true;
}

export interface FencingLimit {
  /** `fencing.maxPerPeriod` of the installation. */
  readonly maxPerPeriod: number;
  readonly periodMs: number;
}

export type Reservation =
  /** `isNew`: nobody had noted this stop before. */
  | { readonly ok: true; readonly isNew: boolean }
  /** The limit is reached: by whom, and for how long still. */
  | { readonly ok: false; readonly shots: readonly Shot[]; readonly leftMs: number };

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export class FencingRecord {
  readonly #options: FencingLimit & { readonly namespace: string; readonly timeoutMs: number };
  readonly #modules: { readonly kube: KubeApi; readonly clock: Clock };

  constructor(
    options: FencingLimit & { readonly namespace: string; readonly timeoutMs: number },
    modules: { readonly kube: KubeApi; readonly clock: Clock },
  ) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Notes that the machine is about to be stopped, if the limit allows it. Rejects when that cannot be written. */
  async reserve(shot: Pick<Shot, "node" | "session" | "machine">): Promise<Reservation> {
    return await this.#edit<Reservation>((shots, nowMs) => {
      const sinceMs = nowMs - this.#options.periodMs;
      const recent = shots.filter((entry) => Date.parse(entry.at) > sinceMs);
      if (recent.some((entry) => isSame(entry, shot))) return { answer: { ok: true, isNew: false } };
      if (recent.length >= this.#options.maxPerPeriod) {
        const freeAt = recent.map((entry) => Date.parse(entry.at)).toSorted((a, b) => b - a)[
          this.#options.maxPerPeriod - 1
        ];
        const leftMs = (freeAt ?? nowMs) + this.#options.periodMs - nowMs;
        return { answer: { ok: false, shots: recent, leftMs: Math.max(0, leftMs) } };
      }
      const others = shots.filter((entry) => !isSame(entry, shot));
      return { answer: { ok: true, isNew: true }, shots: [{ ...shot, at: new Date(nowMs).toISOString() }, ...others] };
    });
  }

  /** The cloud refused the call for which `reserve` made a new entry: nothing was stopped. */
  async cancel(node: string, session: string): Promise<void> {
    await this.#edit<void>((shots) => ({
      answer: undefined,
      shots: shots.filter((entry) => !isSame(entry, { node, session })),
    }));
  }

  /** Whether this product stopped the machine under that session and has not started it again. */
  async isToBeStarted(node: string, session: string): Promise<boolean> {
    const { shots } = await this.#read();
    return shots.some((entry) => isSame(entry, { node, session }) && entry.isStopped && entry.isStarted !== true);
  }

  async noteStopped(node: string, session: string): Promise<void> {
    await this.#mark(node, session, { isStopped: true });
  }

  async noteStarted(node: string, session: string): Promise<void> {
    await this.#mark(node, session, { isStarted: true });
  }

  async #mark(node: string, session: string, mark: Pick<Shot, "isStopped" | "isStarted">): Promise<void> {
    await this.#edit<void>((shots) => ({
      answer: undefined,
      shots: shots.map((entry) => (isSame(entry, { node, session }) ? { ...entry, ...mark } : entry)),
    }));
  }

  async #edit<T>(
    change: (shots: readonly Shot[], nowMs: number) => { readonly answer: T; readonly shots?: readonly Shot[] },
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      const { map, shots } = await this.#read();
      const nowMs = this.#modules.clock.wallMs();
      const past = shots.map((entry) =>
        Date.parse(entry.at) > nowMs ? { ...entry, at: new Date(nowMs).toISOString() } : entry,
      );
      const { answer, shots: wanted } = change(past, nowMs);
      if (wanted === undefined) return answer;
      try {
        await this.#write(map, wanted.slice(0, MAX_ENTRIES));
        return answer;
      } catch (thrown) {
        if (!isKubeError(thrown, "Conflict", "AlreadyExists") || tries >= MAX_TRIES) throw thrown;
      }
    }
  }

  async #read(): Promise<{ readonly map: ConfigMap | undefined; readonly shots: readonly Shot[] }> {
    const { namespace, timeoutMs } = this.#options;
    const map = await this.#modules.kube.get<ConfigMap>(CONFIG_MAP, { namespace, name: FENCING_RECORD }, { timeoutMs });
    const text = map?.data?.[KEY];
    return { map, shots: text === undefined ? [] : parse(text, namespace) };
  }

  async #write(map: ConfigMap | undefined, shots: readonly Shot[]): Promise<void> {
    const { namespace, timeoutMs } = this.#options;
    const data = { [KEY]: JSON.stringify(shots) };
    const base = { apiVersion: "v1", kind: "ConfigMap" };
    if (map === undefined) {
      await this.#modules.kube.create<ConfigMap>(
        CONFIG_MAP,
        { ...base, metadata: { namespace, name: FENCING_RECORD }, data },
        { timeoutMs },
      );
      return;
    }
    await this.#modules.kube.replace<ConfigMap>(
      CONFIG_MAP,
      { ...map, ...base, data: { ...map.data, ...data } },
      { timeoutMs },
    );
  }
}

function isSame(a: Pick<Shot, "node" | "session">, b: Pick<Shot, "node" | "session">): boolean {
  return a.node === b.node && a.session === b.session;
}

export class RecordUnreadable extends Error {
  override readonly name = "RecordUnreadable";
  readonly code = "RecordUnreadable";
}

/** Whoever edited it by hand must not lift the limit by accident. */
function parse(text: string, namespace: string): readonly Shot[] {
  try {
    const shots: unknown = JSON.parse(text);
    if (Array.isArray(shots) && shots.every(isShot)) return shots;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  throw new RecordUnreadable(
    `ConfigMap ${namespace}/${FENCING_RECORD} does not hold the record of stopped machines: correct it, or delete it once nothing was stopped lately`,
  );
}

function isShot(value: unknown): value is Shot {
  if (typeof value !== "object" || value === null) return false;
  const { node, session, at } = value as Partial<Record<keyof Shot, unknown>>;
  return typeof node === "string" && typeof session === "string" && !Number.isNaN(Date.parse(String(at)));
}
