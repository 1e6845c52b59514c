/** `understudy status`: groups with their members, resources and last move, once or as they change. */
import type { Command } from "commander";
import { FAILOVER_GROUP, KINDS } from "../api/kinds.ts";
import type { FailoverGroup } from "../api/generated/types.ts";
import { systemClock } from "../host/system-clock.ts";
import { systemRandom } from "../host/system-random.ts";
import { Informer } from "../kube/informer.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { type ClusterOptions, explainFailure, openFor, type OpenedCluster, withClusterFlags } from "./cluster.ts";
import { renderGroup, type ResourceObject } from "./status-view.ts";

interface StatusOptions extends ClusterOptions {
  readonly watch?: boolean;
  readonly allNamespaces?: boolean;
  readonly output: "text" | "json";
}

const HELP = `
Example:
  understudy status failover1 -n ha -w

Exit codes: 0 every group shown is Ready, 1 at least one is not, 2 no such group, wrong usage or no cluster.`;

/** Redraws at most so often, however many objects change. */
const REDRAW_MS = 200;
const CLEAR_SCREEN = "\u001B[H\u001B[2J\u001B[3J";

export function registerStatus(program: Command): void {
  withClusterFlags(program.command("status"))
    .description("show groups: members, resources, last move with its step times")
    .argument("[group]", "only this group")
    .option("-w, --watch", "redraw at every change until interrupted")
    .option("-A, --all-namespaces", "groups of all namespaces")
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText("after", HELP)
    .action(async (group: string | undefined, options: StatusOptions) => {
      process.exitCode = await runStatus(group, options);
    });
}

async function runStatus(name: string | undefined, options: StatusOptions): Promise<number> {
  if (options.output !== "text" && options.output !== "json") {
    console.error(`understudy status: --output is text or json, not ${String(options.output)}`);
    return 2;
  }
  let cluster: OpenedCluster | undefined;
  try {
    cluster = await openFor(options);
    if (options.watch === true) return await watchGroups(cluster, name, options);
    const groups = await readGroups(cluster, name, options);
    if (groups === undefined) {
      console.error(`understudy status: no group ${name ?? ""} in namespace ${cluster.namespace}`);
      return 2;
    }
    console.log(render(groups, options, await readObjects(cluster, groups)));
    return groups.every(isReady) ? 0 : 1;
  } catch (thrown) {
    console.error(`understudy status: ${explainFailure(thrown)}`);
    return 2;
  } finally {
    cluster?.close();
  }
}

async function readGroups(
  cluster: OpenedCluster,
  name: string | undefined,
  options: StatusOptions,
): Promise<FailoverGroup[] | undefined> {
  const { kube, namespace } = cluster;
  if (name !== undefined) {
    const group = await kube.get<FailoverGroup>(FAILOVER_GROUP, { namespace, name });
    return group === undefined ? undefined : [group];
  }
  const list = await kube.list<FailoverGroup>(FAILOVER_GROUP, options.allNamespaces === true ? {} : { namespace });
  return [...list.items];
}

type Objects = ReadonlyMap<FailoverGroup, readonly ResourceObject[]>;

/** What the groups list, as far as it can be read: without it there is still the groups' own word. */
async function readObjects({ kube }: OpenedCluster, groups: readonly FailoverGroup[]): Promise<Objects> {
  const read = async (group: FailoverGroup): Promise<ResourceObject[]> => {
    const { namespace = "" } = group.metadata;
    const found = group.spec.resources.map(async ({ kind, name }) => {
      if (kind === undefined) return [];
      const object = await kube.get(KINDS[kind], { namespace, name }).catch(() => undefined);
      return object === undefined ? [] : [{ ...object, kind } as ResourceObject];
    });
    return (await Promise.all(found)).flat();
  };
  return new Map(await Promise.all(groups.map(async (group) => [group, await read(group)] as const)));
}

function render(groups: readonly FailoverGroup[], options: StatusOptions, objects: Objects): string {
  if (options.output === "json") return JSON.stringify(groups.length === 1 ? groups[0] : { items: groups }, null, 2);
  if (groups.length === 0) return "No groups here. -A looks in all namespaces; examples/ has some to apply.";
  const wallMs = systemClock.wallMs();
  return groups.map((group) => renderGroup(group, wallMs, objects.get(group)).join("\n")).join("\n\n");
}

function isReady(group: FailoverGroup): boolean {
  return group.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

/** Runs until interrupted; follows the API server's watch, so nothing is asked while nothing changes. */
async function watchGroups(cluster: OpenedCluster, name: string | undefined, options: StatusOptions): Promise<number> {
  const scope = options.allNamespaces === true ? {} : { namespace: cluster.namespace };
  const informer = new Informer<FailoverGroup>(
    { type: FAILOVER_GROUP, ...scope },
    { api: cluster.kube, clock: systemClock, random: systemRandom, log: silentLog, metrics: noMetrics },
  );
  const groups = (): FailoverGroup[] =>
    informer.list().filter((group) => name === undefined || group.metadata.name === name);
  const draw = async (): Promise<void> => {
    const prefix = process.stdout.isTTY && options.output === "text" ? CLEAR_SCREEN : "";
    const shown = groups();
    console.log(prefix + render(shown, options, await readObjects(cluster, shown)));
  };
  let isDrawPending = false;
  const redrawSoon = (): void => {
    if (isDrawPending) return;
    isDrawPending = true;
    systemClock.setTimer(REDRAW_MS, () => {
      isDrawPending = false;
      void draw();
    });
  };
  informer.start();
  await informer.synced;
  await draw();
  informer.onChange(redrawSoon);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await informer.stop();
  return groups().every(isReady) ? 0 : 1;
}
