/**
 * The API server is away for minutes, and nothing may happen: the client is answered all the time, nobody moves, no
 * session ends, no route is touched; and after its return nothing moves either.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { revokeWaitMs } from "../../api/timings.ts";
import { sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { signal } from "../launcher/processes.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { secondsText } from "../report/result.ts";
import { NOISE_MS } from "./bounds.ts";
import { QUIET_MS, untilCalm } from "./calm.ts";
import { mayEnd } from "./endings.ts";
import type { PlannedFault } from "./faults.ts";
import type { ChaosOptions } from "./options.ts";
import { outageMs } from "./outages.ts";
import { recoveryLimitMs } from "./random-chaos.ts";
import type { ChaosResult } from "./result.ts";
import { readLeases } from "./stage.ts";
import { StallWatch } from "./stalls.ts";
import type { Stall } from "./stalls.ts";
import type { Cast, ChaosStage } from "./stage.ts";

/** How often the timeline says that all is well, in ms. */
const WORD_INTERVAL_MS = 15_000;

/** Never rejects for what the product does: that is part of the result. */
export async function runApiOutage(stage: ChaosStage, options: ChaosOptions): Promise<ChaosResult> {
  const { world, timeline } = stage;
  const problems: string[] = [];
  let outage: number | undefined;
  try {
    const cast = await untilCalm(stage, recoveryLimitMs(stage));
    timeline.note("good", `${cast.active} serves, ${cast.standby} stands by, ${cast.leader} leads`);
    const before = await standingOf(stage);
    // Dry runs of a new leader, which asks what it is allowed to do, are calls but change nothing.
    const changes: string[] = [];
    const endWatching = world.ec2.subscribe(
      ({ object, id }) => void changes.push(`the cloud's ${object} ${id} was changed`),
    );
    const stalls = new StallWatch(world);
    const startMs = machineMonotonicMs();
    await withoutApiServer(stage, options.minutes * 60_000, cast);
    await untilCalm(stage, recoveryLimitMs(stage));
    timeline.note("plain", "everybody is back; watching whether anything moves now");
    await sleep(stage.clock, 3 * revokeWaitMs(world.timings));
    await untilCalm(stage, recoveryLimitMs(stage));
    const endMs = machineMonotonicMs();
    endWatching();
    problems.push(...differences(before, await standingOf(stage)), ...changes, ...stage.endings.take());
    outage = outageMs(world.measurements.clientSince(startMs - QUIET_MS), startMs, endMs - QUIET_MS);
    problems.push(...outageProblems(outage, stalls.found(startMs, endMs)));
  } catch (thrown) {
    problems.push(messageOf(thrown));
  }
  for (const problem of problems) timeline.note("bad", problem);
  if (problems.length === 0) timeline.note("good", `longest gap between answers ${secondsText(outage)}; nothing moved`);
  const chapter = { name: "api-outage", boundMs: NOISE_MS, outageMs: outage, problems };
  const maxSimultaneousActive = world.measurements.maxSimultaneousActive();
  return { seed: options.seed, chapters: [chapter], maxSimultaneousActive, problems: [] };
}

async function withoutApiServer(stage: ChaosStage, lengthMs: number, cast: Cast): Promise<void> {
  const { world, timeline } = stage;
  const fault: PlannedFault = { kind: "api-kill", victim: "api-server", afterMs: 0, lengthMs };
  stage.endings.expect(mayEnd({ faults: [fault] }, cast));
  timeline.line();
  timeline.note("fault", `the API server is killed; it starts again after ${secondsText(lengthMs)}`);
  const pid = world.processOf("apiserver");
  if (pid === undefined || !signal(pid, "SIGKILL")) throw new Error("the API server does not run");
  const endMs = machineMonotonicMs() + lengthMs;
  for (let leftMs = lengthMs; leftMs > 0; leftMs = endMs - machineMonotonicMs()) {
    await sleep(stage.clock, Math.min(WORD_INTERVAL_MS, leftMs));
    const sinceMs = machineMonotonicMs() - WORD_INTERVAL_MS;
    const answers = world.measurements.clientSince(sinceMs).flatMap((sample) => sample.answeredBy ?? []);
    const who = [...new Set(answers)].join(", ") || "nobody";
    timeline.note(who === cast.active ? "plain" : "bad", `the client is answered by ${who}`);
  }
  world.startApiServer();
  timeline.note("plain", "the API server is started again");
}

function outageProblems(outage: number | undefined, stall: Stall): string[] {
  if (outage === undefined) return ["the client was not answered again"];
  if (outage <= NOISE_MS + stall.allowanceMs) return [];
  return [`the client was without an answer for ${secondsText(outage)}; ${stall.text}`];
}

/** What must be the same afterwards, as texts. */
async function standingOf(stage: ChaosStage): Promise<ReadonlyMap<string, string>> {
  const group = await stage.world.api.get<FailoverGroup>(FAILOVER_GROUP, stage.groupKey);
  const leases = await readLeases(stage);
  const sessions = stage.world.site.topology.vms.map((vm) => leases.get(vm.name)?.spec?.holderIdentity ?? "none");
  return new Map([
    ["the grant", JSON.stringify(group?.status?.active)],
    ["the history", JSON.stringify(group?.status?.history)],
    ["the sessions", sessions.join(", ")],
  ]);
}

function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...before].flatMap(([what, text]) =>
    after.get(what) === text ? [] : [`${what} changed: ${text} before, ${after.get(what) ?? "nothing"} after`],
  );
}
