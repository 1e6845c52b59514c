/**
 * When is everything well again? The product's own word is not enough, since right after a fault nobody has noticed it:
 * sessions and leadership must have been renewed since, by lives that may take over, on machines that run.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { LEASE_ANNOTATIONS } from "../../api/session-lease.ts";
import type { Lease, NodeFacts } from "../../api/session-lease.ts";
import { sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { machineMonotonicMs } from "../machine-clock.ts";
import { conditionIs, isReadyOn } from "../world/group-watch.ts";
import { AGENT_PROGRAMS, pidOfAgent } from "./agents.ts";
import { LEADER_LEASE, readLeases } from "./stage.ts";
import type { Cast, ChaosStage } from "./stage.ts";

const LOOK_INTERVAL_MS = 200;
/** A Lease that was not renewed for so long is not being renewed; a few intervals of the fast timings, in ms. */
const RENEWED_WITHIN_MS = 1_500;
/** The client must have been answered by the active member alone for so long, in ms. */
export const QUIET_MS = 500;
/** Of about 25 in that time. */
const LEAST_ANSWERS = 10;
/** So many looks in a row must find everything well. */
const CALM_LOOKS = 4;

export class NotCalm extends Error {
  override readonly name = "NotCalm";
}

/** Resolves when everything is well; throws `NotCalm` with what is not after `limitMs`. */
export async function untilCalm(stage: ChaosStage, limitMs: number): Promise<Cast> {
  const renewals = new Renewals();
  const endMs = machineMonotonicMs() + limitMs;
  for (let calmLooks = 0; ;) {
    const found = await look(stage, renewals);
    calmLooks = typeof found === "string" ? 0 : calmLooks + 1;
    if (typeof found !== "string" && calmLooks >= CALM_LOOKS) return found;
    if (machineMonotonicMs() > endMs) {
      const what = typeof found === "string" ? found : "it did not stay so";
      throw new NotCalm(`not well again within ${(limitMs / 1_000).toFixed(1)} s: ${what}`);
    }
    await sleep(stage.clock, LOOK_INTERVAL_MS);
  }
}

async function look(stage: ChaosStage, renewals: Renewals): Promise<Cast | string> {
  try {
    const leases = await readLeases(stage);
    renewals.saw(leases);
    const group = await stage.world.api.get<FailoverGroup>(FAILOVER_GROUP, stage.groupKey);
    return machineTrouble(stage) ?? leaseTrouble(stage, leases, renewals) ?? castOf(stage, leases, group);
  } catch (thrown) {
    return `the API server does not answer (${messageOf(thrown)})`;
  }
}

function machineTrouble(stage: ChaosStage): string | undefined {
  const { world } = stage;
  for (const machine of world.machines.values()) {
    const { name, inboundCut, outboundCut } = machine.wire;
    if (inboundCut || outboundCut) return `${name} is ${machine.power}, its wire is cut`;
  }
  for (const node of world.machines.keys()) {
    const program = AGENT_PROGRAMS.find((name) => pidOfAgent(world, node, name) === undefined);
    if (program !== undefined) return `no ${program} runs on ${node}`;
  }
  const missing = ["controller-1", "controller-2"].find((name) => world.processOf(name) === undefined);
  return missing === undefined ? undefined : `${missing} does not run`;
}

function leaseTrouble(stage: ChaosStage, leases: ReadonlyMap<string, Lease>, renewals: Renewals): string | undefined {
  const nodes = stage.world.site.topology.vms.map((vm) => vm.name);
  for (const name of [LEADER_LEASE, ...nodes]) {
    const lease = leases.get(name);
    if (lease === undefined) return `there is no Lease ${name}`;
    if (!renewals.areRecent(name)) return `Lease ${name} is not being renewed`;
    const { annotations = {} } = lease.metadata;
    const end = annotations[LEASE_ANNOTATIONS.ended];
    if (end !== undefined) return `the session of ${name} ended (${end}) and no new one began`;
    if (factsOf(annotations[LEASE_ANNOTATIONS.facts]).isWaitingAfterBoot === true)
      return `${name} waits after its boot`;
  }
  return undefined;
}

function factsOf(text: string | undefined): Partial<NodeFacts> {
  return text === undefined ? {} : (JSON.parse(text) as Partial<NodeFacts>);
}

function castOf(
  stage: ChaosStage,
  leases: ReadonlyMap<string, Lease>,
  group: FailoverGroup | undefined,
): Cast | string {
  const grant = group?.status?.active;
  if (group === undefined || grant === undefined) return "nobody is active";
  const { node: active } = grant;
  const reasons = group.status?.conditions?.filter((held) => held.status !== "True").map((held) => held.reason) ?? [];
  if (!isReadyOn(group) || !conditionIs(group, "StandbyReady", "True")) {
    return `the group on ${active} is not Ready with a ready standby (${reasons.join(", ")})`;
  }
  const session = leases.get(active)?.spec?.holderIdentity;
  if (grant.session !== session)
    return `${active} is active under ${grant.session}, but its session is ${session ?? "none"}`;
  const samples = stage.world.measurements.clientSince(machineMonotonicMs() - QUIET_MS);
  const answers = samples.flatMap((sample) => sample.answeredBy ?? []);
  if (answers.length < LEAST_ANSWERS || answers.some((name) => name !== active)) {
    return `the client is answered by ${[...new Set(answers)].join(", ") || "nobody"}, not by ${active} alone`;
  }
  const standby = stage.world.site.topology.vms.find((vm) => vm.name !== active)?.name ?? "";
  const holder = leases.get(LEADER_LEASE)?.spec?.holderIdentity ?? "";
  const leader = holder.startsWith("controller-1") ? "controller-1" : "controller-2";
  return { active, standby, leader, otherController: leader === "controller-1" ? "controller-2" : "controller-1" };
}

/** Which Leases have changed, while we looked. */
class Renewals {
  readonly #seen = new Map<string, { readonly version: string; readonly renewedMs: number | undefined }>();

  saw(leases: ReadonlyMap<string, Lease>): void {
    const nowMs = machineMonotonicMs();
    for (const [name, lease] of leases) {
      const version = lease.metadata.resourceVersion ?? "";
      const before = this.#seen.get(name);
      if (before?.version === version) continue;
      this.#seen.set(name, { version, renewedMs: before === undefined ? undefined : nowMs });
    }
  }

  areRecent(name: string): boolean {
    const renewedMs = this.#seen.get(name)?.renewedMs;
    return renewedMs !== undefined && machineMonotonicMs() - renewedMs <= RENEWED_WITHIN_MS;
  }
}
