/** Plays a scenario from the first apply to the verdict. */
import { messageOf } from "../../lib/errors.ts";
import type { FaultResult, ScenarioResult } from "../report/result.ts";
import type { ScenarioName } from "../options.ts";
import { applyExample, AWS_VIRTUAL_IP_FAULTS, type Play } from "./aws-virtual-ip.ts";
import { applyFencedExample, FENCING_FAULTS } from "./fencing.ts";
import { ISOLATION_FAULTS } from "./isolation.ts";
import { untilCalm } from "./stage.ts";
import type { Stage } from "./stage.ts";

interface Scenario {
  readonly apply: (stage: Stage) => Promise<void>;
  /** What is applied, for the timeline. */
  readonly what: string;
  readonly faults: readonly Play[];
}

const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  "aws-virtual-ip": { apply: applyExample, what: "examples/aws-virtual-ip", faults: AWS_VIRTUAL_IP_FAULTS },
  fencing: {
    apply: applyFencedExample,
    what: "examples/aws-virtual-ip with fencing.policy: Required",
    faults: FENCING_FAULTS,
  },
  isolation: {
    apply: applyExample,
    what: "examples/aws-virtual-ip, which gets an isolation target",
    faults: ISOLATION_FAULTS,
  },
};

/** Never rejects for what the product does: that is part of the result. */
export async function runScenario(stage: Stage): Promise<ScenarioResult> {
  const { world, timeline } = stage;
  const scenario = SCENARIOS[world.config.options.scenario];
  const faults: FaultResult[] = [];
  const problems: string[] = [];
  try {
    await scenario.apply(stage);
    timeline.note("plain", `applied ${scenario.what}; waiting for the group to become Ready`);
    const first = await untilCalm(stage);
    timeline.note("good", `Ready: ${first} serves ${world.site.topology.virtualIp}, the other member is a standby`);
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
  if (faults.length < scenario.faults.length) problems.push("not every fault was played");
  return {
    scenario: world.config.options.scenario,
    mode: world.config.mode,
    faults,
    maxSimultaneousActive: world.measurements.maxSimultaneousActive(),
    leaseDurationMs: world.timings.sessionDurationMs,
    problems,
  };
}
