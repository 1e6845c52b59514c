/**
 * `understudy preflight`: would these groups work when they are needed, and what must their identities be allowed?
 * Repeats what the controller has found out; asks no cloud itself.
 */
import type { Command } from "commander";
import type { FailoverGroup } from "../api/generated/types.ts";
import { type ClusterOptions, explainFailure, openFor, withClusterFlags } from "./cluster.ts";
import { type PreflightInput, readCluster, readFiles } from "./preflight-input.ts";
import { policiesOf } from "./preflight-policy.ts";
import { preflightOf, worst } from "./preflight-report.ts";
import { renderPreflight } from "./preflight-view.ts";

interface PreflightOptions extends ClusterOptions {
  readonly from?: string;
  readonly json?: boolean;
  readonly policy?: string;
  readonly systemNamespace: string;
}

const HELP = `
Examples:
  understudy preflight failover1 -n ha
  understudy preflight failover1 -n ha --policy aws > policy.json
  understudy preflight --from examples/aws-virtual-ip --policy aws

--policy prints the least that the group's identity must be allowed, from the calls its kinds make: an IAM policy, or an
Azure custom role for az role definition create. With several identities: one object, by identity.
From manifests only what stands in them can be told; what the policy cannot name yet is * within its type.

Exit codes: 0 no check failed, 1 one did or was never made, 2 no such group, wrong usage or no cluster.`;

export interface PreflightIo {
  readonly open: (options: PreflightOptions) => Promise<{ input: PreflightInput; namespace: string | undefined }>;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

export function registerPreflight(program: Command): void {
  withClusterFlags(program.command("preflight"))
    .description("would a failover work: every check with its remedy, and the policy that the group's calls need")
    .argument("[group]", "only this group")
    .option("--from <file>", "a dump (understudy dump), a manifest or a folder of manifests, without a cluster")
    .option("--json", "print JSON")
    .option("--policy <cloud>", "print only the policy: aws or azure")
    .option("--system-namespace <name>", "the installation's namespace", "understudy-system")
    .addHelpText("after", HELP)
    .action(async (group: string | undefined, options: PreflightOptions) => {
      process.exitCode = await runPreflight(group, options, processIo());
    });
}

export async function runPreflight(
  name: string | undefined,
  options: PreflightOptions,
  { open, out, err }: PreflightIo,
): Promise<number> {
  const { policy } = options;
  if (policy !== undefined && policy !== "aws" && policy !== "azure") {
    err(`understudy preflight: --policy is aws or azure, not ${policy}`);
    return 2;
  }
  try {
    const { input, namespace } = await open(options);
    const groups = input.groups.filter(({ metadata }) => isAskedFor(metadata, name, namespace));
    if (groups.length === 0) {
      const there = input.groups.map(({ metadata }) => metadata.name).join(", ");
      err(`understudy preflight: no group ${name ?? ""} there; there are: ${there === "" ? "none" : there}`);
      return 2;
    }
    return policy === undefined
      ? printReport(input, groups, options.json === true, out)
      : printPolicy(input, groups, policy, { out, err });
  } catch (thrown) {
    err(`understudy preflight: ${explainFailure(thrown)}`);
    return 2;
  }
}

function isAskedFor(
  metadata: FailoverGroup["metadata"],
  name: string | undefined,
  namespace: string | undefined,
): boolean {
  return (name ?? metadata.name) === metadata.name && (namespace ?? metadata.namespace) === metadata.namespace;
}

function printReport(
  input: PreflightInput,
  groups: readonly FailoverGroup[],
  asJson: boolean,
  out: (line: string) => void,
): number {
  const reports = groups.map((group) => preflightOf(input, group));
  const result = worst(reports);
  if (asJson) out(JSON.stringify({ result, groups: reports, policies: policiesOf(input, groups) }, null, 2));
  else out(reports.map((report) => renderPreflight(report).join("\n")).join("\n\n"));
  return result === "fail" ? 1 : 0;
}

function printPolicy(
  input: PreflightInput,
  groups: readonly FailoverGroup[],
  cloud: "aws" | "azure",
  { out, err }: Pick<PreflightIo, "out" | "err">,
): number {
  const policies = Object.entries(policiesOf(input, groups)[cloud]);
  const [only, ...others] = policies;
  if (only === undefined) {
    err(`understudy preflight: nothing of ${groups.map(({ metadata }) => metadata.name).join(", ")} calls ${cloud}`);
    return 1;
  }
  const [identity, policy] = only;
  err(others.length === 0 ? `for ${identity}` : `for each of ${policies.map(([name]) => name).join(", ")}`);
  out(JSON.stringify(others.length === 0 ? policy : Object.fromEntries(policies), null, 2));
  return 0;
}

function processIo(): PreflightIo {
  return {
    out: (line) => console.log(line),
    err: (line) => console.error(line),
    open: async (options) => {
      if (options.from !== undefined) return { input: readFiles(options.from), namespace: options.namespace };
      const cluster = await openFor(options);
      try {
        const { kube, namespace } = cluster;
        return { input: await readCluster(kube, namespace, options.systemNamespace), namespace };
      } finally {
        cluster.close();
      }
    },
  };
}
