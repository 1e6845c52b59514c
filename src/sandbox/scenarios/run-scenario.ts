/** Plays a scenario from the first apply to the verdict. */
import { messageOf } from "../../lib/errors.ts";
import type { FaultResult, ScenarioResult } from "../report/result.ts";
import type { ScenarioParts } from "./scenario.ts";
import { enforcePolicy } from "./enforce-policy.ts";
import { untilCalm } from "./stage.ts";
import type { Stage } from "./stage.ts";

/** Never rejects for what the product does: that is part of the result. */
export async function runScenario(
  stage: Stage,
  what: string,
  scenario: Pick<ScenarioParts, "apply" | "faults" | "client" | "notReal">,
): Promise<ScenarioResult> {
  const { world, timeline } = stage;
  const faults: FaultResult[] = [];
  const problems: string[] = [];
  try {
    await scenario.apply(stage);
    timeline.note("plain", `applied ${what}; waiting for the group to become Ready`);
    await enforcePolicy(stage);
    const first = await untilCalm(stage);
    const { client } = scenario;
    const served = "host" in client ? client.host : client.name;
    timeline.note("good", `Ready: ${first} serves ${served}, the other member is a standby`);
    for (const play of scenario.faults) {
      const result = await play(stage);
      faults.push(result);
      if (result.activatedMs === undefined) break; // what follows would measure the same trouble again
    }
    await untilCalm(stage);
  } catch (thrown) {
    problems.push(messageOf(thrown));
    timeline.note("bad", messageOf(thrown));
  }
  const refused = [...new Set(world.refusedCalls())];
  if (refused.length > 0) problems.push(`the policy that preflight prints lacks ${refused.join(", ")}`);
  if (faults.length < scenario.faults.length) problems.push("not every fault was played");
  return {
    scenario: world.config.options.scenario,
    mode: world.config.mode,
    faults,
    maxSimultaneousActive: world.measurements.maxSimultaneousActive(),
    leaseDurationMs: world.timings.sessionDurationMs,
    notReal: scenario.notReal ?? [],
    problems,
  };
}
