/** Collects what the client and the observers send, and answers what the scenario asks about it. */
import { activeIntervals, maxSimultaneous, overlapsOf, samplingQuality } from "../observer/activity.ts";
import type { ActivityInterval, ActivitySample, Overlap, SamplingQuality } from "../observer/activity.ts";
import { outageAround } from "../client/outage.ts";
import type { ClientSample, Outage } from "../client/outage.ts";

export class Measurements {
  readonly #client: ClientSample[] = [];
  readonly #observed = new Map<string, ActivitySample[]>();

  /** A line of the client process. */
  clientLine(line: string): void {
    const [sentMs, answeredBy] = JSON.parse(line) as [number, string | null];
    this.#client.push({ sentMs, answeredBy: answeredBy ?? undefined });
  }

  /** A line of the observer of one machine. */
  observerLine(node: string, line: string): void {
    const samples = this.#observed.get(node) ?? [];
    this.#observed.set(node, samples);
    for (const [sentMs, activeAtMs] of JSON.parse(line) as [number, number | null][]) {
      samples.push({ sentMs, activeAtMs: activeAtMs ?? undefined });
    }
  }

  outage(faultMs: number, untilMs: number): Outage | undefined {
    return outageAround(this.#client, faultMs, untilMs);
  }

  /** Who answered the client last, of the requests sent since a moment. */
  answeredSince(sinceMs: number): ReadonlySet<string> {
    const recent = this.#client.filter((sample) => sample.sentMs >= sinceMs);
    return new Set(recent.flatMap((sample) => sample.answeredBy ?? []));
  }

  /** When the machine was last proven active in a stretch of time; undefined: never. */
  lastActive(node: string, fromMs: number, untilMs: number): number | undefined {
    const inside = activeIntervals(node, this.#samplesOf(node)).filter(
      (interval) => interval.untilMs >= fromMs && interval.fromMs <= untilMs,
    );
    return inside.length === 0 ? undefined : Math.min(untilMs, Math.max(...inside.map((interval) => interval.untilMs)));
  }

  maxSimultaneousActive(): number {
    return maxSimultaneous(this.#intervals());
  }

  /** When two were active at once, as far as samples since a moment show it. */
  overlaps(sinceMs = -Infinity): Overlap[] {
    return overlapsOf(this.#intervals(sinceMs));
  }

  /** The client's requests since a moment, in the order in which they ended. */
  clientSince(sinceMs: number): ClientSample[] {
    return this.#client.filter((sample) => sample.sentMs >= sinceMs);
  }

  /** The longest time within a stretch in which one of those who measure did not get to look, in ms. */
  longestGap(fromMs: number, untilMs: number): number {
    const looks = [this.#client, ...this.#observed.values()].map((samples) =>
      samples.map((sample) => sample.sentMs).filter((sentMs) => sentMs >= fromMs && sentMs <= untilMs),
    );
    return Math.max(0, ...looks.map(longestStep));
  }

  /** Of the machine that was watched worst. */
  worstSampling(): SamplingQuality {
    const all = [...this.#observed.keys()].map((node) => samplingQuality(this.#samplesOf(node)));
    return all.sort((a, b) => b.p99GapMs - a.p99GapMs)[0] ?? { samples: 0, p99GapMs: Infinity, longestGapMs: Infinity };
  }

  #intervals(sinceMs = -Infinity): ActivityInterval[] {
    return [...this.#observed.keys()].flatMap((node) => activeIntervals(node, this.#samplesOf(node, sinceMs)));
  }

  #samplesOf(node: string, sinceMs = -Infinity): ActivitySample[] {
    const samples = (this.#observed.get(node) ?? []).filter((sample) => sample.sentMs >= sinceMs);
    return samples.sort((a, b) => a.sentMs - b.sentMs);
  }
}

function longestStep(moments: number[]): number {
  moments.sort((a, b) => a - b);
  return moments.reduce((longest, moment, index) => Math.max(longest, moment - (moments[index - 1] ?? moment)), 0);
}
