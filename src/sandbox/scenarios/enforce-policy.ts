/**
 * Lets the controllers do exactly what `understudy preflight` says that the applied group needs: the command of a user,
 * run as a process against the sandbox's own cluster.
 */
import type { Policy } from "../policy.ts";
import { run } from "../network/ip-command.ts";
import { MAIN_PROGRAM } from "../world/site.ts";
import type { Stage } from "./stage.ts";

export async function enforcePolicy({ world, groupKey, timeline }: Stage): Promise<void> {
  const cluster = ["--kubeconfig", world.kubeconfig, "--namespace", groupKey.namespace];
  const argv = [MAIN_PROGRAM, "preflight", groupKey.name, ...cluster, "--policy", "aws"];
  const policy = JSON.parse(await run(process.execPath, argv)) as Policy;
  world.restrict(policy);
  const actions = policy.Statement.flatMap(({ Action }) => Action);
  timeline.note("plain", `the controllers may do what preflight prints, and nothing else: ${actions.join(", ")}`);
}
