/**
 * Reads what a plan needs: the object and its group from the caches, the cloud through shared knowledge. How fresh an
 * answer must be depends on the moment:
 *
 *   routes of a new grant are due   the last good answers will do: the first write must not wait for a read
 *   after a write                   an answer sent after it
 *   else                            an answer of this monitor interval
 *
 * Must never do: change anything, or take an old answer for proof that a write arrived.
 */
import type { AwsVirtualIP, FailoverGroup } from "../../api/generated/types.ts";
import { notImplementedFields } from "../../api/implemented.ts";
import type { NetworkInterface, RouteTable } from "../../cloud/aws/ports.ts";
import type { Ec2Knowledge, ReadWish } from "../../cloud/aws/ec2-knowledge.ts";
import { CloudError } from "../../cloud/errors.ts";
import type { Read } from "../../cloud/read-cache.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import { activationOf } from "./activation.ts";
import type { Activation } from "./activation.ts";
import { claimOf } from "./claims.ts";
import { CredentialSource } from "./credentials.ts";
import type { Identity } from "./credentials.ts";
import type { AwsVirtualIPDeps } from "./deps.ts";
import { memberFacts } from "./members.ts";
import type { MemberFacts } from "./members.ts";
import { relevantTables, viewRoutes } from "./routes.ts";
import { destinationOf, NOTHING_REMEMBERED, valueOf } from "./seen.ts";
import type { MemberSeen, Memory, PermissionSeen, Reading, Seen, VpcSeen } from "./seen.ts";

/** While everything is in order, facts other than routes are read every so many monitor intervals; permissions more rarely. */
const FACTS_INTERVALS = 5;
const PERMISSIONS_INTERVALS = 60;

interface Wishes {
  readonly tables: ReadWish;
  readonly facts: ReadWish;
  readonly permissions: ReadWish;
}

export class Observer {
  readonly #deps: AwsVirtualIPDeps;
  readonly #credentials: CredentialSource;
  readonly #memories = new Map<string, Memory>();

  constructor(deps: AwsVirtualIPDeps) {
    this.#deps = deps;
    this.#credentials = new CredentialSource(deps);
  }

  /** The knowledge that the object's identity shares; throws when there is no identity. */
  async knowledgeFor(vip: AwsVirtualIP, region: string): Promise<Ec2Knowledge> {
    const identity = await this.#credentials.identityOf(vip, true);
    if (!identity.ok) throw new CloudError({ code: "CredentialsMissing", action: "connect" }, identity.message);
    return await this.#deps.ec2.knowledgeOf(region, identity.credentials);
  }

  memoryOf(vip: AwsVirtualIP): Memory {
    return this.#memories.get(vip.metadata.uid ?? "") ?? NOTHING_REMEMBERED;
  }

  remember(vip: AwsVirtualIP, memory: Memory): void {
    this.#memories.set(vip.metadata.uid ?? "", memory);
  }

  async observe(key: ObjectKey): Promise<Seen | undefined> {
    const vip = this.#deps.virtualIPs.get(key);
    if (vip === undefined) {
      this.#forgetGone();
      return undefined;
    }
    const claim = claimOf(vip, this.#deps.virtualIPs.list(), this.#deps.groups.list());
    const group = claim.type === "None" ? undefined : claim.group;
    const activation = claim.type === "Held" ? activationOf(claim.group, key.name) : ({ state: "Stopped" } as const);
    const due = this.#noteDue(vip, activation);
    const base = {
      vip,
      status: vip.status ?? {},
      claim,
      activation: due,
      isPaused: this.#isPaused(group),
      notImplemented: notImplementedFields("AwsVirtualIP", vip.spec),
    };
    const facts = group === undefined ? [] : memberFacts(group, vip, this.#deps);
    const isHot = this.#isHot(vip, due);
    const identity = await this.#credentials.identityOf(vip, isHot);
    const cloud = new CloudReader(this.#deps, vip, identity, facts);
    const seen = await this.#read(cloud, base, isHot);
    this.#count(seen);
    return { ...seen, memory: this.memoryOf(vip) };
  }

  /** Starts from what is known when that shows something to write; else asks. */
  async #read(
    cloud: CloudReader,
    base: Omit<Seen, "credentials" | "members" | "vpcs" | "permissions" | "callTimes" | "memory">,
    isHot: boolean,
  ): Promise<Seen> {
    const memory = this.memoryOf(base.vip);
    const read = async (anyAge: boolean): Promise<Seen> => ({
      ...base,
      ...(await cloud.read(this.#wishes(base.vip, memory, anyAge), !anyAge)),
      memory,
    });
    if (!isHot || base.activation.state !== "Due") return await read(false);
    const known = await read(true);
    return viewRoutes(known, base.activation.grant.node).state === "Wrong" ? known : await read(false);
  }

  #wishes(vip: AwsVirtualIP, memory: Memory, anyAge: boolean): Wishes {
    const nowMs = this.#deps.clock.monotonicMs();
    const { monitor, timeouts } = vip.spec;
    const intervalMs = parseDurationMs(monitor.interval) ?? 10_000;
    const timeoutMs = Math.min(parseDurationMs(monitor.timeout) ?? 5_000, parseDurationMs(timeouts.call) ?? 5_000);
    const isInOrder =
      vip.status?.conditions?.some((condition) => condition.type === "PreflightOK" && condition.status === "True") ??
      false;
    // An answer that is a whole interval old is due, whatever the rounding of timers.
    const within = (ages: number): number => nowMs - intervalMs * ages + 1;
    const lateMs =
      memory.lateVerifyAtMs !== undefined && memory.lateVerifyAtMs <= nowMs
        ? memory.lateVerifyAtMs
        : Number.NEGATIVE_INFINITY;
    return {
      tables: { timeoutMs, anyAge, sentSinceMs: Math.max(within(1), memory.freshSinceMs, lateMs) },
      facts: { timeoutMs, anyAge, sentSinceMs: within(isInOrder ? FACTS_INTERVALS : 1) },
      permissions: { timeoutMs, anyAge, sentSinceMs: within(isInOrder ? PERMISSIONS_INTERVALS : 1) },
    };
  }

  /** The routes of a grant are due and nothing was written for it yet. */
  #isHot(vip: AwsVirtualIP, activation: Activation): boolean {
    if (activation.state !== "Due") return false;
    const { node, epoch } = activation.grant;
    const { active } = vip.status ?? {};
    return !(active?.node === node && active.epoch === epoch) && this.memoryOf(vip).writes?.epoch !== epoch;
  }

  /** Remembers since when a grant's routes are due. What was applied under the grant stays due while a dependency is restarted. */
  #noteDue(vip: AwsVirtualIP, activation: Activation): Activation {
    if (activation.state !== "Due" && activation.state !== "Waiting") return activation;
    const { grant } = activation;
    const { active } = vip.status ?? {};
    const isApplied = active?.node === grant.node && active.epoch === grant.epoch;
    if (activation.state === "Waiting" && !isApplied) return activation;
    const memory = this.memoryOf(vip);
    if (memory.due?.epoch !== grant.epoch) {
      const sinceMs = this.#deps.clock.monotonicMs();
      this.remember(vip, {
        ...memory,
        due: { epoch: grant.epoch, sinceMs },
        ...(isApplied ? {} : { freshSinceMs: sinceMs }),
      });
    }
    return { state: "Due", grant };
  }

  /** Counts each reading of the routes once, and clears what a good one answers. */
  #count(seen: Seen): void {
    if (seen.activation.state !== "Due") return;
    const view = viewRoutes(seen, seen.activation.grant.node);
    const memory = this.memoryOf(seen.vip);
    const nowMs = this.#deps.clock.monotonicMs();
    const sentAtMs = "sentAtMs" in view ? view.sentAtMs : nowMs;
    // A failure has no call of its own to tell it by: one counts per retry interval.
    const apartMs = "sentAtMs" in view ? 0 : (parseDurationMs(seen.vip.spec.monitor.retryInterval) ?? 0);
    if (sentAtMs < memory.freshSinceMs || sentAtMs - apartMs <= memory.counted.sentAtMs) return;
    const startDelayMs = parseDurationMs(seen.vip.spec.monitor.startDelay) ?? 0;
    const isTooEarly = nowMs - (memory.due?.sinceMs ?? nowMs) < startDelayMs;
    const isGood = view.state === "Right";
    const isUnknown = view.state === "Unreadable";
    this.#deps.metrics.count("understudy_monitor_total", {
      kind: "AwsVirtualIP",
      result: isGood ? "good" : isUnknown ? "unknown" : "bad",
    });
    const { counted, lateVerifyAtMs, writes, ...rest } = memory;
    const isVerifiedLate = lateVerifyAtMs !== undefined && isGood && sentAtMs >= lateVerifyAtMs;
    this.remember(seen.vip, {
      ...rest,
      ...(lateVerifyAtMs === undefined || isVerifiedLate ? {} : { lateVerifyAtMs }),
      ...(writes === undefined ? {} : { writes: isGood ? { ...writes, count: 0, failures: [] } : writes }),
      counted: {
        sentAtMs,
        bad: isGood ? 0 : isUnknown || isTooEarly ? counted.bad : counted.bad + 1,
        unreadable: isUnknown && !isTooEarly ? counted.unreadable + 1 : 0,
      },
    });
  }

  #isPaused(group: FailoverGroup | undefined): boolean {
    if (this.#deps.settings.isRecoveryPaused || group?.spec.failover.mode === "Paused") return true;
    const until = group?.status?.pausedUntil;
    return until !== undefined && Date.parse(until) > this.#deps.clock.wallMs();
  }

  #forgetGone(): void {
    const present = new Set(this.#deps.virtualIPs.list().map((vip) => vip.metadata.uid));
    for (const uid of this.#memories.keys()) if (!present.has(uid)) this.#memories.delete(uid);
  }
}

type CloudSeen = Pick<Seen, "credentials" | "members" | "vpcs" | "permissions" | "callTimes">;

/** All cloud reads for one observation: members' interfaces, then their VPCs, then what may be changed there. */
class CloudReader {
  readonly #deps: AwsVirtualIPDeps;
  readonly #vip: AwsVirtualIP;
  readonly #identity: Identity;
  readonly #facts: readonly MemberFacts[];

  constructor(deps: AwsVirtualIPDeps, vip: AwsVirtualIP, identity: Identity, facts: readonly MemberFacts[]) {
    this.#deps = deps;
    this.#vip = vip;
    this.#identity = identity;
    this.#facts = facts;
  }

  /** `withPermissions: false`: the dry runs are left for another time. */
  async read(wishes: Wishes, withPermissions: boolean): Promise<CloudSeen> {
    const members = await Promise.all(this.#facts.map((facts) => this.#member(facts, wishes.facts)));
    const vpcs = await this.#vpcs(members, wishes);
    const permissions = withPermissions ? await this.#permissions(members, vpcs, wishes.permissions) : [];
    const [firstRegion] = vpcs.map((vpc) => vpc.region);
    const callTimes = firstRegion === undefined ? undefined : (await this.#knowledge(firstRegion)).callTimes();
    const credentials = this.#identity.ok ? { ok: true as const } : this.#identity;
    return { credentials, members, vpcs, permissions, callTimes };
  }

  async #member(facts: MemberFacts, wish: ReadWish): Promise<MemberSeen> {
    const { node, isNodeKnown, providerId, instance, wantedEniId, wantedInterface, interfacesByMac } = facts;
    const networkInterface = await this.#networkInterface(facts, wish);
    const mac = valueOf(networkInterface)?.macAddress.toLowerCase();
    const found = mac === undefined ? undefined : interfacesByMac.get(mac);
    return {
      node,
      isNodeKnown,
      providerId,
      instance,
      wantedEniId,
      networkInterface,
      interface: wantedInterface ?? found,
    };
  }

  async #networkInterface(
    { region, instance, wantedEniId }: MemberFacts,
    wish: ReadWish,
  ): Promise<Reading<NetworkInterface | undefined> | undefined> {
    if (!this.#identity.ok || region === undefined) return undefined;
    if (wantedEniId !== undefined) {
      const reading = await this.#reading(region, wish, (ec2, how) => ec2.networkInterface(wantedEniId, how));
      return mapped(reading, ([eni]) => eni);
    }
    if (instance === undefined) return undefined;
    const reading = await this.#reading(region, wish, (ec2, how) => ec2.interfacesOf(instance.instanceId, how));
    return mapped(reading, (enis) => enis.find((eni) => eni.deviceIndex === 0));
  }

  async #vpcs(members: readonly MemberSeen[], wishes: Wishes): Promise<VpcSeen[]> {
    const regions = new Map<string, string>();
    for (const [index, member] of members.entries()) {
      const vpcId = valueOf(member.networkInterface)?.vpcId;
      const region = this.#facts[index]?.region;
      if (vpcId !== undefined && region !== undefined) regions.set(vpcId, region);
    }
    return await Promise.all(
      [...regions].map(async ([vpcId, region]) => {
        const [vpc, routeTables] = await Promise.all([
          this.#reading(region, wishes.facts, (ec2, how) => ec2.vpc(vpcId, how)),
          this.#reading(region, wishes.tables, (ec2, how) => ec2.routeTables(vpcId, how)),
        ]);
        return { vpcId, region, cidrBlocks: mapped(vpc, ([facts]) => facts?.cidrBlocks ?? []), routeTables };
      }),
    );
  }

  /** A dry run of exactly the write that a failover to some member would need. */
  async #permissions(
    members: readonly MemberSeen[],
    vpcs: readonly VpcSeen[],
    wish: ReadWish,
  ): Promise<PermissionSeen[]> {
    const wanted = vpcs.flatMap((vpc) => {
      const eni = members.map((member) => valueOf(member.networkInterface)).find((found) => found?.vpcId === vpc.vpcId);
      const tables = relevantTables({ vip: this.#vip }, valueOf(vpc.routeTables) ?? []);
      return eni === undefined
        ? []
        : tables.map((table: RouteTable) => ({
            region: vpc.region,
            routeTableId: table.routeTableId,
            networkInterfaceId: eni.networkInterfaceId,
          }));
    });
    const destinationCidr = destinationOf(this.#vip);
    return await Promise.all(
      wanted.map(async ({ region, routeTableId, networkInterfaceId }) => {
        const route = { routeTableId, destinationCidr, networkInterfaceId };
        return {
          routeTableId,
          reading: await this.#reading(region, wish, (ec2, how) => ec2.mayReplaceRoute(route, how)),
        };
      }),
    );
  }

  /** A failure is a value, with what was known before. */
  async #reading<T>(
    region: string,
    wish: ReadWish,
    ask: (ec2: Ec2Knowledge, wish: ReadWish) => Promise<Read<T>>,
  ): Promise<Reading<T>> {
    const ec2 = await this.#knowledge(region);
    try {
      return { ok: true, ...(await ask(ec2, wish)) };
    } catch (thrown) {
      if (!(thrown instanceof CloudError)) throw thrown;
      const failure = { code: thrown.code, message: thrown.message };
      return { ok: false, failure, known: await lastGood(ec2, wish, ask) };
    }
  }

  async #knowledge(region: string): Promise<Ec2Knowledge> {
    const credentials = this.#identity.ok ? this.#identity.credentials : undefined;
    return await this.#deps.ec2.knowledgeOf(region, credentials);
  }
}

/** What the last call that succeeded brought. Sends nothing: without one, the failure of a moment ago is given again. */
async function lastGood<T>(
  ec2: Ec2Knowledge,
  wish: ReadWish,
  ask: (ec2: Ec2Knowledge, wish: ReadWish) => Promise<Read<T>>,
): Promise<T | undefined> {
  try {
    const read = await ask(ec2, { ...wish, anyAge: true, sentSinceMs: Number.NEGATIVE_INFINITY });
    return read.value;
  } catch (thrown) {
    if (thrown instanceof CloudError) return undefined;
    throw thrown;
  }
}

function mapped<A, B>(reading: Reading<A>, map: (value: A) => B): Reading<B> {
  if (reading.ok) return { ...reading, value: map(reading.value) };
  return { ...reading, known: reading.known === undefined ? undefined : map(reading.known) };
}
