/**
 * What can happen to whatever leads clients to the service, in the cloud: somebody changes it by hand, and the cloud's API
 * goes away. Neither is a reason to move the group.
 */
import { KINDS, type ResourceKind } from "../../api/kinds.ts";
import { sleep } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import type { FaultResult } from "../report/result.ts";
import { secondsText } from "../report/result.ts";
import { isReadyOn } from "../world/group-watch.ts";
import { failover, NOISE_MS } from "./faults.ts";
import { play, untilCalm, waitLimitMs } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** What a repair may take beyond the monitor's interval. */
const PROCESSING_MS = 200;
const LOOK_INTERVAL_MS = 10;
/** Default of `spec.monitor.interval`. */
const DEFAULT_INTERVAL = "10s";
/** An outage is longer than the monitor's interval by so much. */
const OUTAGE_MS = 2_000;

export interface Resource {
  readonly kind: ResourceKind;
  readonly name: string;
}

export interface Drift {
  /** `drift` when omitted. */
  readonly name?: string;
  readonly resource: Resource;
  story(active: string): string;
  /** What the stranger does. */
  change(active: string): void;
  /** Whether everything leads to the active member again. */
  isRight(active: string): boolean;
  /** Of the repair, beyond the monitor's interval, in ms; 200 when omitted. */
  readonly processingMs?: number;
}

/** The group stays where it is, and what is wrong is put right within one interval of its monitor. */
export async function drift(stage: Stage, { name = "drift", ...stranger }: Drift): Promise<FaultResult> {
  const active = await untilCalm(stage);
  const epoch = stage.group.latest?.status?.active?.epoch;
  const repairMs = (await monitorIntervalMs(stage, stranger.resource)) + (stranger.processingMs ?? PROCESSING_MS);
  const targetMs = repairMs + stage.spreadMs;
  const startMs = machineMonotonicMs();
  const seen: { repairedMs?: number } = {};
  const played = await play(stage, {
    ...failover(stage, name, active, stranger.story(active)),
    to: active,
    changesGroup: false,
    targetMs,
    boundMs: targetMs + NOISE_MS,
    inject: async () => {
      stranger.change(active);
      while (!stranger.isRight(active)) {
        if (machineMonotonicMs() - startMs > waitLimitMs(stage)) throw new Error(`${name}: it was not repaired`);
        await sleep(stage.clock, LOOK_INTERVAL_MS);
      }
      seen.repairedMs = machineMonotonicMs() - startMs;
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, active),
  });
  const { repairedMs } = seen;
  const problems = [...played.problems, ...movedSince(stage, epoch)];
  if (repairedMs !== undefined && repairedMs > repairMs + NOISE_MS)
    problems.push(`it was repaired after ${secondsText(repairedMs)}, not within ${secondsText(repairMs)}`);
  return { ...played, problems, detectedMs: repairedMs, activatedMs: repairedMs };
}

export interface ApiOutage {
  /** `api-outage` when omitted. */
  readonly name?: string;
  readonly resource: Resource;
  /** What cannot be reached: `EC2`. */
  readonly cloud: string;
  /** Returns the function that ends it. */
  begin(): () => void;
  /** What must be the same afterwards. */
  stateOf(): string;
}

/** Longer than the monitor's interval nobody answers: nothing moves, nothing is deleted, and the service goes on. */
export async function apiOutage(stage: Stage, { name = "api-outage", ...outage }: ApiOutage): Promise<FaultResult> {
  const active = await untilCalm(stage);
  const epoch = stage.group.latest?.status?.active?.epoch;
  const before = outage.stateOf();
  const lengthMs = (await monitorIntervalMs(stage, outage.resource)) + OUTAGE_MS;
  const problems: string[] = [];
  const played = await play(stage, {
    ...failover(stage, name, active, `outage: ${outage.cloud} cannot be reached for ${secondsText(lengthMs)}`),
    to: active,
    changesGroup: false,
    targetMs: NOISE_MS,
    boundMs: NOISE_MS,
    inject: async () => {
      const end = outage.begin();
      await sleep(stage.clock, lengthMs);
      if (outage.stateOf() !== before)
        problems.push(`something was changed while ${outage.cloud} could not be reached`);
      problems.push(...movedSince(stage, epoch));
      end();
    },
    detected: () => true,
    activated: (group) => isReadyOn(group, active),
  });
  if (outage.stateOf() !== before) problems.push(`it is not as it was before ${outage.cloud} could not be reached`);
  return { ...played, problems: [...played.problems, ...problems] };
}

function movedSince(stage: Stage, epoch: number | undefined): string[] {
  const active = stage.group.latest?.status?.active;
  return active?.epoch === epoch ? [] : [`the group moved to ${active?.node ?? "nobody"}, which was no reason to`];
}

/** Of the object that leads clients to the service. */
export async function monitorIntervalMs(stage: Stage, { kind, name }: Resource): Promise<number> {
  const key = { ...stage.groupKey, name };
  const found = await stage.world.api.get<Monitored>(KINDS[kind], key);
  return parseDurationMs(found?.spec?.monitor?.interval ?? DEFAULT_INTERVAL) ?? 0;
}

type Monitored = { readonly metadata: { readonly name: string } } & {
  readonly spec?: { readonly monitor?: { readonly interval?: string } };
};
