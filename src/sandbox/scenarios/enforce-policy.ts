/**
 * Lets the controllers do exactly what `understudy preflight` says that the applied group needs: the command of a user,
 * run as a process against the sandbox's own cluster.
 */
import type { ArmRole } from "../arm/provider.ts";
import { run } from "../network/ip-command.ts";
import type { Policy } from "../policy.ts";
import { MAIN_PROGRAM } from "../world/site.ts";
import type { Stage } from "./stage.ts";

export async function enforcePolicy(stage: Stage): Promise<void> {
  const { world, timeline } = stage;
  const { cloud } = world.topology;
  const printed: unknown = JSON.parse(await preflight(stage, cloud));
  const actions = cloud === "aws" ? restrictAws(stage, printed as Policy) : restrictAzure(stage, printed as ArmRole);
  timeline.note("plain", `the controllers may do what preflight prints, and nothing else: ${actions.join(", ")}`);
}

async function preflight({ world, groupKey }: Stage, cloud: string): Promise<string> {
  const cluster = ["--kubeconfig", world.kubeconfig, "--namespace", groupKey.namespace];
  return await run(process.execPath, [MAIN_PROGRAM, "preflight", groupKey.name, ...cluster, "--policy", cloud]);
}

function restrictAws({ world }: Stage, policy: Policy): readonly string[] {
  world.restrict(policy);
  return policy.Statement.flatMap(({ Action }) => Action);
}

function restrictAzure({ world }: Stage, role: ArmRole): readonly string[] {
  world.restrictTo(role);
  return role.Actions;
}
