/**
 * The last change of each record, followed until all name servers of the zone have it. Only reported: nothing waits for it.
 *
 *   sent ──sync.interval──> asked ──...──> INSYNC
 *                             └── sync.attempts readings without it: SlowPropagation, asked on at the monitor's pace
 *
 * Kept in this process, and as much as a new leader needs in `status.change`.
 * Must never do: ask more often than `sync.interval`.
 */
import type { AwsDns } from "../../api/generated/types.ts";
import type { Route53Knowledge } from "../../cloud/aws/route53-knowledge.ts";
import type { ChangeInfo } from "../../cloud/aws/route53-ports.ts";
import type { Clock } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { readingOf } from "../pointer/reading.ts";
import type { ChangeSeen } from "./seen.ts";

/** Most records whose change is remembered; the oldest is found again in its status. */
const MAX_RECORDS = 10_000;

export class Changes {
  readonly #clock: Clock;
  readonly #byUid = new Map<string, ChangeSeen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sent(object: AwsDns, { id, state, submittedAt }: ChangeInfo): void {
    const nextReadingAtMs = state === "InSync" ? undefined : this.#clock.monotonicMs() + syncOf(object).intervalMs;
    this.#remember(object, { id, state, submittedAt, readings: 0, nextReadingAtMs, failure: undefined });
  }

  /** What is known of the last change; asks when it is time. Undefined: none is known. */
  async look(
    object: AwsDns,
    route53: Route53Knowledge | undefined,
    timeoutMs: number,
  ): Promise<ChangeSeen | undefined> {
    const known = this.#byUid.get(object.metadata.uid ?? "") ?? this.#adopted(object);
    const nowMs = this.#clock.monotonicMs();
    if (known?.nextReadingAtMs === undefined || known.nextReadingAtMs > nowMs || route53 === undefined) return known;
    const wish = { timeoutMs, sentSinceMs: known.nextReadingAtMs };
    const reading = await readingOf(wish, (how) => route53.changeState(known.id, how));
    // Another change was sent meanwhile: this one no longer matters.
    const present = this.#byUid.get(object.metadata.uid ?? "");
    if (present !== undefined && present.id !== known.id) return present;
    if (reading.ok && reading.value.state === "InSync") {
      const { readings } = known;
      const done = { ...known, state: "InSync", readings: readings + 1, nextReadingAtMs: undefined } as const;
      return this.#remember(object, { ...done, failure: undefined });
    }
    const failure = reading.ok ? undefined : reading.failure;
    const readings = known.readings + 1;
    const { intervalMs, attempts } = syncOf(object);
    const monitorMs = parseDurationMs(object.spec.monitor.interval) ?? intervalMs;
    const pauseMs = readings < attempts ? intervalMs : Math.max(intervalMs, monitorMs);
    // Route 53 forgets changes; about one that it does not know any more nothing can be learnt.
    const nextReadingAtMs = failure?.code === "NotFound" ? undefined : nowMs + pauseMs;
    return this.#remember(object, { ...known, readings, failure, nextReadingAtMs });
  }

  /** A change that another leader sent. */
  #adopted(object: AwsDns): ChangeSeen | undefined {
    const change = object.status?.change;
    if (change === undefined) return undefined;
    const { id, state, submittedAt } = change;
    const nextReadingAtMs = state === "InSync" ? undefined : this.#clock.monotonicMs();
    return this.#remember(object, { id, state, submittedAt, readings: 0, nextReadingAtMs, failure: undefined });
  }

  #remember(object: AwsDns, change: ChangeSeen): ChangeSeen {
    const uid = object.metadata.uid ?? "";
    this.#byUid.delete(uid);
    this.#byUid.set(uid, change);
    const [oldest] = this.#byUid.keys();
    if (this.#byUid.size > MAX_RECORDS && oldest !== undefined) this.#byUid.delete(oldest);
    return change;
  }
}

function syncOf({ spec }: AwsDns): { readonly intervalMs: number; readonly attempts: number } {
  return { intervalMs: parseDurationMs(spec.sync.interval) ?? 20_000, attempts: spec.sync.attempts };
}
