/**
 * Watches the availability zones of the members that hold groups, beside the plan: no reconciliation waits for a cloud.
 * A group says with every look what it wants watched; what nobody wanted for a while is forgotten.
 *
 * A zone counts as bad, or as unreadable, only after `retries` more readings of the same; a good reading counts at once.
 * Groups in one region share the calls. Must never do: take "could not be asked" for "does not work".
 */
import type { ZoneMonitor } from "../../api/generated/types.ts";
import type { Ec2ZoneAccess } from "../../cloud/aws/zone-knowledge.ts";
import type { ZoneFacts } from "../../cloud/aws/ports.ts";
import { CloudError } from "../../cloud/errors.ts";
import { type ObjectKey, keyText } from "../../kube/ports.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { ZonePlace, ZoneView } from "./zone-view.ts";

/** What the reconciler needs of it. */
export interface Zones {
  /** What is known about the zone; it is watched from now on, on behalf of this group. */
  viewOf(group: ObjectKey, place: ZonePlace, monitor: ZoneMonitor): ZoneView;
}

export interface ZoneWatchModules {
  readonly access: Ec2ZoneAccess;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** A group that did not ask for so long is gone, or wants nothing watched any more, in milliseconds. */
const FORGET_MS = 180_000;
const MAX_GROUPS = 5_000;
/** States in which a zone takes no harm: `information` and `constrained` say something about new machines. */
const WORKING: readonly string[] = ["available", "information", "constrained"];

const NOT_CHECKED: ZoneView = { state: "NotChecked" };

interface Watched {
  readonly group: ObjectKey;
  readonly place: ZonePlace;
  monitor: ZoneMonitor;
  wantedMs: number;
  view: ZoneView;
  /** Readings in a row that were not good. */
  badReadings: number;
  timer: Timer | undefined;
}

export class ZoneWatch implements Zones {
  readonly #modules: ZoneWatchModules;
  readonly #watched = new Map<string, Watched>();
  readonly #listeners: ((group: ObjectKey) => void)[] = [];

  constructor(modules: ZoneWatchModules) {
    this.#modules = modules;
  }

  /** `listener` gets the group about whose zone something was learnt. */
  onChange(listener: (group: ObjectKey) => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    for (const watched of this.#watched.values()) watched.timer?.cancel();
    this.#watched.clear();
  }

  viewOf(group: ObjectKey, place: ZonePlace, monitor: ZoneMonitor): ZoneView {
    const key = keyText(group);
    const nowMs = this.#modules.clock.monotonicMs();
    const known = this.#watched.get(key);
    if (known !== undefined && known.place.zone === place.zone) {
      known.wantedMs = nowMs;
      known.monitor = monitor;
      return known.view;
    }
    known?.timer?.cancel();
    this.#watched.delete(key);
    if (this.#watched.size >= MAX_GROUPS) return NOT_CHECKED;
    const watched: Watched = {
      group,
      place,
      monitor,
      wantedMs: nowMs,
      view: known === undefined ? NOT_CHECKED : carriedOver(known, place),
      badReadings: 0,
      timer: undefined,
    };
    this.#watched.set(key, watched);
    this.#after(watched, ms(monitor.startDelay));
    return watched.view;
  }

  #after(watched: Watched, delayMs: number): void {
    watched.timer = this.#modules.clock.setTimer(delayMs, () => void this.#read(watched));
  }

  #isWatched(watched: Watched): boolean {
    return this.#watched.get(keyText(watched.group)) === watched;
  }

  async #read(watched: Watched): Promise<void> {
    const { clock, metrics } = this.#modules;
    if (clock.monotonicMs() - watched.wantedMs > FORGET_MS) {
      this.#watched.delete(keyText(watched.group));
      return;
    }
    const view = await this.#ask(watched);
    if (!this.#isWatched(watched)) return;
    const isGood = view.state === "Available";
    metrics.count("understudy_monitor_total", { kind: "zone", result: RESULTS[view.state] });
    watched.badReadings = isGood ? 0 : watched.badReadings + 1;
    const isConfirmed = isGood || watched.badReadings > watched.monitor.retries;
    this.#after(watched, ms(isConfirmed ? watched.monitor.interval : watched.monitor.retryInterval));
    if (!isConfirmed || JSON.stringify(view) === JSON.stringify(watched.view)) return;
    watched.view = view;
    for (const listener of this.#listeners) listener(watched.group);
  }

  async #ask({ place, monitor }: Watched): Promise<ZoneView> {
    const { access, clock } = this.#modules;
    // Whoever asked within half an interval asked for all.
    const sentSinceMs = clock.monotonicMs() - ms(monitor.interval) / 2;
    try {
      const knowledge = await access.zonesOf(place.region, undefined);
      const { value } = await knowledge.zones({ sentSinceMs, timeoutMs: ms(monitor.timeout) });
      return judge(place, value);
    } catch (thrown) {
      const isTimeout = thrown instanceof CloudError && thrown.code === "CallTimeout";
      return { state: "Unreadable", reason: isTimeout ? "CallTimeout" : "CallFailed", detail: messageOf(thrown) };
    }
  }
}

const RESULTS: Readonly<Record<ZoneView["state"], "good" | "bad" | "unknown">> = {
  NotChecked: "unknown",
  Available: "good",
  Unavailable: "bad",
  Invalid: "bad",
  Unreadable: "unknown",
};

/** The group went to another zone: what its region said of all zones still counts, lest the group goes straight back. */
function carriedOver({ place: before, view }: Watched, { region, zone }: ZonePlace): ZoneView {
  if (before.region !== region || !("notWorking" in view) || view.notWorking.includes(zone)) return NOT_CHECKED;
  return { state: "Available", notWorking: view.notWorking };
}

function judge({ zone, region }: ZonePlace, zones: readonly ZoneFacts[]): ZoneView {
  const found = zones.find(({ name }) => name === zone);
  if (found === undefined) {
    const known = zones.map(({ name }) => name).join(", ");
    return { state: "Invalid", detail: `${region} has no zone ${zone} for this account; it has ${known}` };
  }
  const broken = zones.filter(({ state }) => !WORKING.includes(state)).map(({ name }) => name);
  const notWorking = broken.toSorted();
  if (!WORKING.includes(found.state)) return { state: "Unavailable", detail: found.state, notWorking };
  return { state: "Available", notWorking };
}

function ms(duration: string): number {
  return parseDurationMs(duration) ?? 0;
}
