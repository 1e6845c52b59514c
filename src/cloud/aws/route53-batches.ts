/**
 * Changes of one zone that are wanted at about the same time go out as one batch: Route 53 allows five requests per
 * second, and refuses a change while the last one of the same zone is not stored (`PriorRequestNotComplete`).
 *
 *   wanted ──(BATCH_MS, or while another batch is on its way)──> one ChangeResourceRecordSets ──> everybody answered
 *                                    refused as a whole: those that the refusal names fail, the others go again
 *                                    not sent, since a sender lost its right meanwhile: the others go again
 *
 * A batch is all or nothing, so one bad change must not hurt the others: what remains is sent again, in halves when the
 * refusal names nobody.
 * Must never do: send a change whose sender may no longer write, or one that was answered.
 */
import { sleep, type Clock } from "../../lib/clock.ts";
import { CloudError } from "../errors.ts";
import type { ChangeInfo, RecordChange, Route53Port } from "./route53-ports.ts";
import { CONFLICT } from "./route53-ports.ts";

export interface WantedChange {
  /** Of one name; carried out together or not at all. */
  readonly changes: readonly RecordChange[];
  readonly timeoutMs: number;
  /** Throws when it may not be sent any more. */
  readonly assertMayWrite: () => void;
}

interface Entry extends WantedChange {
  readonly resolve: (info: ChangeInfo) => void;
  readonly reject: (reason: unknown) => void;
}

/** For how long a change waits for others, in ms: long enough for a group's other records, short beside the call itself. */
const BATCH_MS = 10;
/** Most wanted changes in one batch; Route 53 allows 1,000 records (developer guide, "Quotas"), two for each here. */
const MAX_BATCH = 100;
/** Most changes that wait; beyond, the caller is told at once. */
const MAX_WAITING = 10_000;

export class ZoneBatches {
  readonly #zoneId: string;
  readonly #route53: Pick<Route53Port, "changeRecords">;
  readonly #clock: Clock;
  #waiting: Entry[] = [];
  #isSending = false;

  constructor(zoneId: string, route53: Pick<Route53Port, "changeRecords">, clock: Clock) {
    this.#zoneId = zoneId;
    this.#route53 = route53;
    this.#clock = clock;
  }

  add(wanted: WantedChange): Promise<ChangeInfo> {
    if (this.#waiting.length >= MAX_WAITING) {
      const detail = { code: "Throttled", action: "ChangeResourceRecordSets" } as const;
      throw new CloudError(detail, `more than ${MAX_WAITING} changes of zone ${this.#zoneId} wait`);
    }
    const answered = new Promise<ChangeInfo>((resolve, reject) => this.#waiting.push({ ...wanted, resolve, reject }));
    if (!this.#isSending) void this.#sendAll();
    return answered;
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      await sleep(this.#clock, BATCH_MS);
      await this.#send(this.#waiting.splice(0, MAX_BATCH));
    }
    this.#isSending = false;
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const allowed = entries.filter(mayWrite);
    if (allowed.length === 0) return;
    let withheld: readonly Entry[] = [];
    try {
      const info = await this.#route53.changeRecords(
        this.#zoneId,
        allowed.flatMap((entry) => entry.changes),
        {
          timeoutMs: Math.max(...allowed.map((entry) => entry.timeoutMs)),
          beforeSend: () => {
            withheld = allowed.filter((entry) => !mayWrite(entry));
            if (withheld.length > 0) throw new Error("a change of this batch may not be written any more");
          },
        },
      );
      for (const entry of allowed) entry.resolve(info);
    } catch (thrown) {
      if (withheld.length > 0) await this.#send(allowed.filter((entry) => !withheld.includes(entry)));
      else await this.#refused(allowed, thrown);
    }
  }

  async #refused(entries: readonly Entry[], thrown: unknown): Promise<void> {
    // Policies may be narrowed to names: one that is not allowed refuses the whole batch, too.
    const isOfOne =
      thrown instanceof CloudError && (thrown.detail.providerCode === CONFLICT || thrown.code === "NotAuthorized");
    if (!isOfOne || entries.length === 1) {
      for (const entry of entries) entry.reject(thrown);
      return;
    }
    const { message } = thrown;
    const named = entries.filter(({ changes }) => changes.some(({ record }) => message.includes(`'${record.name}'`)));
    for (const entry of named) entry.reject(thrown);
    const rest = entries.filter((entry) => !named.includes(entry));
    if (named.length > 0) {
      await this.#send(rest);
      return;
    }
    const half = Math.ceil(rest.length / 2);
    await this.#send(rest.slice(0, half));
    await this.#send(rest.slice(half));
  }
}

/** Rejects the entry when not. */
function mayWrite(entry: Entry): boolean {
  try {
    entry.assertMayWrite();
    return true;
  } catch (thrown) {
    entry.reject(thrown);
    return false;
  }
}
