/** `understudy dump`: everything that a decision rests on, as JSON on standard output, for `understudy explain --from`. */
import type { Command } from "commander";
import { FAILOVER_GROUP, KINDS, RESOURCE_KINDS } from "../api/kinds.ts";
import { LEASE, type Lease, SESSION_LABEL } from "../api/session-lease.ts";
import { type Preset, presetTimings, PRESETS } from "../api/timings.ts";
import { systemClock } from "../host/system-clock.ts";
import type { KubeApi, KubeObject, ResourceType } from "../kube/ports.ts";
import { readInstant, sleep } from "../lib/clock.ts";
import { type Dump, DUMP_VERSION } from "../reconcilers/failover-group/dump.ts";
import type { FailoverGroup } from "../reconcilers/failover-group/types.ts";
import type { Node } from "../reconcilers/shared/sources.ts";
import { type ClusterOptions, explainFailure, openFor, withClusterFlags } from "./cluster.ts";

export interface DumpOptions extends ClusterOptions {
  readonly preset: string;
  readonly systemNamespace: string;
}

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

/** Reads of the sessions: enough for every live holder to be seen to renew twice. */
const READS = 4;

const HELP = `
Example:
  understudy dump -n ha > dump.json && understudy explain failover1 -n ha --from dump.json

Holds groups, resources, Nodes and session Leases of the namespace; never a Secret.

Exit codes: 0 written, 2 wrong usage or no cluster.`;

export function withDumpFlags(command: Command): Command {
  return withClusterFlags(command)
    .option("--preset <name>", `session.preset of the installation: ${PRESETS.join(", ")}`, "default")
    .option("--system-namespace <name>", "the installation's namespace", "understudy-system");
}

export function registerDump(program: Command): void {
  withDumpFlags(program.command("dump"))
    .description("print everything that decisions rest on, as JSON")
    .addHelpText("after", HELP)
    .action(async (options: DumpOptions) => {
      try {
        console.log(JSON.stringify(await takeDump(options), null, 1));
      } catch (thrown) {
        console.error(`understudy dump: ${explainFailure(thrown)}`);
        process.exitCode = 2;
      }
    });
}

/** Takes a few renew intervals: who lives can only be seen by waiting. Throws what `openFor` and the reads throw. */
export async function takeDump(options: DumpOptions): Promise<Dump> {
  const preset = PRESETS.find((name): name is Preset => name === options.preset);
  if (preset === undefined) throw new Error(`--preset ${options.preset}: expected one of ${PRESETS.join(", ")}`);
  const timings = presetTimings(preset);
  const cluster = await openFor(options);
  try {
    const { kube, namespace } = cluster;
    const reads = await readSessions(kube, options.systemNamespace, timings.renewIntervalMs);
    const resources: Record<string, readonly KubeObject[]> = {};
    for (const kind of RESOURCE_KINDS) resources[kind] = await listOf(kube, KINDS[kind], namespace);
    return {
      understudyDump: DUMP_VERSION,
      takenAt: new Date(systemClock.wallMs()).toISOString(),
      timings,
      leaseNamespace: options.systemNamespace,
      reads,
      groups: await listOf<FailoverGroup>(kube, FAILOVER_GROUP, namespace),
      nodes: await listOf<Node>(kube, NODE),
      resources,
    };
  } finally {
    cluster.close();
  }
}

async function readSessions(kube: KubeApi, namespace: string, intervalMs: number): Promise<Dump["reads"]> {
  const reads: Dump["reads"][number][] = [];
  for (let read = 0; read < READS; read++) {
    if (read > 0) await sleep(systemClock, intervalMs);
    const sentMs = systemClock.monotonicMs();
    const { items } = await kube.list<Lease>(LEASE, { namespace, labelSelector: SESSION_LABEL });
    reads.push({ sentMs, arrival: readInstant(systemClock), leases: items });
  }
  return reads;
}

async function listOf<T extends KubeObject>(
  kube: KubeApi,
  type: ResourceType,
  namespace?: string,
): Promise<readonly T[]> {
  const { items } = await kube.list<T>(type, namespace === undefined ? {} : { namespace });
  return items.map(
    ({ metadata: { managedFields: _fields, ...metadata }, ...object }) => ({ ...object, metadata }) as T,
  );
}
