/** Chapter after chapter of the plan, until the time is over or something went wrong that the next one would hide. */
import { revokeWaitMs } from "../../api/timings.ts";
import type { Timings } from "../../api/timings.ts";
import { messageOf } from "../../lib/errors.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { secondsText } from "../report/result.ts";
import { boundMs } from "./bounds.ts";
import { QUIET_MS, untilCalm } from "./calm.ts";
import { mayEnd } from "./endings.ts";
import { chapterName } from "./faults.ts";
import type { Chapter } from "./faults.ts";
import { inject } from "./inject.ts";
import type { ChaosOptions } from "./options.ts";
import { outageMs } from "./outages.ts";
import { cardsOf, chaosPlan, onlyPlan } from "./plan.ts";
import type { ChapterResult, ChaosResult } from "./result.ts";
import type { Cast, ChaosStage } from "./stage.ts";
import { StallWatch } from "./stalls.ts";
import type { Stall } from "./stalls.ts";
import { storyOf } from "./stories.ts";

/** After the last fault of a chapter is over: restarts, boots and the waits after them, in ms. */
const PATIENCE_MS = 30_000;
/** Samples so long before a chapter belong to its judgement, in ms. */
const LEAD_MS = 1_000;

export function recoveryLimitMs(stage: ChaosStage): number {
  return 2 * revokeWaitMs(stage.world.timings) + PATIENCE_MS;
}

/** Never rejects for what the product does: that is part of the result. */
export async function runRandomChaos(stage: ChaosStage, options: ChaosOptions): Promise<ChaosResult> {
  const chapters: ChapterResult[] = [];
  const problems: string[] = [];
  try {
    let cast = await untilCalm(stage, recoveryLimitMs(stage));
    stage.endings.take(); // trouble with the start has ended, or we would not be here
    stage.timeline.note("good", `${cast.active} serves, ${cast.standby} stands by, ${cast.leader} leads`);
    const endMs = machineMonotonicMs() + options.minutes * 60_000;
    for (const chapter of planOf(options, stage.world.timings)) {
      if (machineMonotonicMs() > endMs) break;
      const played = await playChapter(stage, chapter, cast);
      chapters.push(played.result);
      if (played.cast === undefined) break;
      cast = played.cast;
    }
  } catch (thrown) {
    problems.push(messageOf(thrown));
    stage.timeline.note("bad", messageOf(thrown));
  }
  const maxSimultaneousActive = stage.world.measurements.maxSimultaneousActive();
  return { seed: options.seed, chapters, maxSimultaneousActive, problems };
}

function planOf({ seed, only }: ChaosOptions, timings: Timings): Generator<Chapter, never> {
  const cards = only === undefined ? undefined : cardsOf(only);
  return cards === undefined ? chaosPlan(seed, timings) : onlyPlan(seed, cards, timings);
}

interface Played {
  readonly result: ChapterResult;
  /** Undefined: what comes next would measure the same trouble again. */
  readonly cast: Cast | undefined;
}

async function playChapter(stage: ChaosStage, chapter: Chapter, before: Cast): Promise<Played> {
  const { timeline, world, endings } = stage;
  const name = chapterName(chapter);
  timeline.line();
  for (const fault of chapter.faults) timeline.note("fault", `${chapter.number} ${storyOf(fault, before)}`);
  endings.expect(mayEnd(chapter, before));
  const stalls = new StallWatch(world);
  const startMs = machineMonotonicMs();
  const problems: string[] = [];
  let cast: Cast | undefined;
  try {
    await Promise.all(chapter.faults.map((fault) => inject(stage, fault, before)));
    cast = await untilCalm(stage, recoveryLimitMs(stage));
  } catch (thrown) {
    problems.push(messageOf(thrown));
  }
  const endMs = machineMonotonicMs();
  const overlaps = world.measurements.overlaps(startMs - LEAD_MS);
  for (const { fromMs, untilMs, nodes } of overlaps) {
    problems.push(`${nodes.join(" and ")} were active at once for ${secondsText(untilMs - fromMs)}`);
  }
  problems.push(...endings.take());
  const judged = judge(stage, chapter, { startMs, endMs, stall: stalls.found(startMs, endMs) });
  problems.push(...judged.problems);
  for (const problem of problems) timeline.note("bad", `${name}: ${problem}`);
  if (problems.length === 0) {
    const where = cast?.active === before.active ? `${before.active} still serves` : `${cast?.active ?? ""} serves now`;
    timeline.note("good", `${judged.text}; ${where}`);
  }
  const result = { name, boundMs: judged.boundMs, outageMs: judged.outageMs, problems };
  return { result, cast: overlaps.length > 0 ? undefined : cast };
}

interface Judgement {
  readonly boundMs: number;
  readonly outageMs: number | undefined;
  readonly text: string;
  readonly problems: readonly string[];
}

/** What the client saw of a chapter, against its bound. */
function judge(
  stage: ChaosStage,
  chapter: Chapter,
  { startMs, endMs, stall }: { readonly startMs: number; readonly endMs: number; readonly stall: Stall },
): Judgement {
  const { measurements, timings } = stage.world;
  const bound = boundMs(chapter, timings);
  const outage = outageMs(measurements.clientSince(startMs - LEAD_MS), startMs, endMs - QUIET_MS);
  if (outage === undefined) {
    return { boundMs: bound, outageMs: outage, text: "", problems: ["the client was not answered again"] };
  }
  const measured = `client outage ${secondsText(outage)} (bound ${secondsText(bound)})`;
  if (outage <= bound) return { boundMs: bound, outageMs: outage, text: measured, problems: [] };
  const text = `${measured}; ${stall.text}`;
  return { boundMs: bound, outageMs: outage, text, problems: outage <= bound + stall.allowanceMs ? [] : [text] };
}
