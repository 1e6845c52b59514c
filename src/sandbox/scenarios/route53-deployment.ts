/**
 * A service behind a name in Route 53: the zone, its name servers, the client who asks by name, and what can happen to the
 * record: somebody deletes or changes it, and Route 53 goes away. The zone's server is asked every 50 ms throughout.
 */
import { fileURLToPath } from "node:url";
import { machineMonotonicMs } from "../machine-clock.ts";
import { SERVICE_PORT } from "../network/topology.ts";
import type { FaultResult } from "../report/result.ts";
import type { HostedRecord } from "../route53/virtual-route53.ts";
import { DnsEmulator } from "../world/dns-emulator.ts";
import type { Ground } from "../world/emulator.ts";
import { USER_NAMESPACE } from "../world/kube-world.ts";
import { applyAll, readManifests } from "../world/manifests.ts";
import { Route53Emulator } from "../world/route53-emulator.ts";
import { apiOutage, drift } from "./cloud-faults.ts";
import { plannedMove } from "./faults.ts";
import { NameWatch } from "./name-watch.ts";
import type { Play, ScenarioParts } from "./scenario.ts";
import { otherThan, type Stage } from "./stage.ts";

/** Quotas of Route 53, "Quotas on API requests". */
const REQUESTS_PER_SECOND = 5;
/** From a change to the name servers, in ms; in the real Route 53 often a few seconds, rarely 60. */
const PROPAGATION_MS = 500;
/** Of a repair, beyond the monitor's interval, in ms: requests to Route 53 are spaced. */
const REPAIR_MS = 1_000;

export interface Route53Story {
  /** Folder below `examples`. */
  readonly example: string;
  /** Of its object and zone. */
  readonly object: string;
  readonly zoneId: string;
  readonly zone: string;
  /** With its last dot. */
  readonly name: string;
  /** `spec.ttl`, in ms. */
  readonly ttlMs: number;
}

export class Route53Deployment {
  readonly #story: Route53Story;
  readonly #ground: Ground;
  readonly #cloud: Route53Emulator;
  readonly #servers: DnsEmulator;
  readonly #watch: NameWatch;

  constructor(story: Route53Story, ground: Ground) {
    this.#story = story;
    this.#ground = ground;
    this.#cloud = new Route53Emulator({ propagationMs: PROPAGATION_MS }, ground);
    const { zoneId, zone: name } = story;
    this.#cloud.route53.createHostedZone({ zoneId, name, vpcs: this.#cloud.vpcs });
    this.#servers = new DnsEmulator(this.#cloud.zones, ground);
    this.#watch = new NameWatch(story.name, () => this.#server(), ground);
  }

  parts(faults: readonly Play[]): ScenarioParts {
    const { name, ttlMs } = this.#story;
    const watch = { start: () => Promise.resolve(), close: () => this.#watch.stop() };
    return {
      emulators: [this.#cloud, this.#servers, watch],
      client: { name, port: SERVICE_PORT },
      apply: (stage) => this.#apply(stage),
      faults,
      spreadMs: ttlMs + PROPAGATION_MS,
    };
  }

  /** A fault during which the zone's server must never say that there is no such name. */
  neverAbsent(fault: Play): Play {
    return async (stage) => {
      const startMs = machineMonotonicMs();
      const result = await fault(stage);
      const absences = this.#watch.absences(startMs).length;
      const answered = this.#watch.answered(startMs);
      if (absences > 0) return problem(result, `the name was absent ${absences} times of ${answered}`);
      stage.timeline.note("good", `${this.#story.name} was never absent: its server was asked ${answered} times`);
      return result;
    };
  }

  readonly move: Play = (stage) => this.neverAbsent(plannedMove)(stage);

  readonly deleted: Play = async (stage) => {
    const before = await this.#watch.ask();
    const result = await this.#drift(stage, {
      name: "record-deleted",
      story: `drift: somebody deletes the A record ${this.#story.name}`,
      change: () => this.#put(undefined),
    });
    const after = await this.#watch.ask();
    const isBack = after.addresses.join() === before.addresses.join();
    return isBack ? result : problem(result, "the zone's server does not have it again");
  };

  readonly changed: Play = (stage) =>
    this.#drift(stage, {
      name: "record-changed",
      story: `drift: a stranger lets ${this.#story.name} lead to the other member`,
      change: (active) => this.#put(this.#addressOf(otherThan(stage, active))),
    });

  readonly outage: Play = async (stage) => {
    const { faults } = this.#cloud.endpoint;
    const result = await apiOutage(stage, {
      resource: { kind: "AwsDns", name: this.#story.object },
      cloud: "Route 53",
      begin: () => faults.inject({ outcome: { type: "unreachable" } }),
      stateOf: () => JSON.stringify(this.#record()),
    });
    const busiest = this.#cloud.endpoint.busiestSecond();
    return busiest <= REQUESTS_PER_SECOND
      ? result
      : problem(result, `${busiest} requests to Route 53 within one second; ${REQUESTS_PER_SECOND} are allowed`);
  };

  async #apply({ world }: Stage): Promise<void> {
    const folder = fileURLToPath(new URL(`../../../examples/${this.#story.example}`, import.meta.url));
    await applyAll(world.api, readManifests(folder), USER_NAMESPACE);
    this.#watch.start();
  }

  #drift(
    stage: Stage,
    stranger: { readonly name: string; readonly story: string; change(active: string): void },
  ): Promise<FaultResult> {
    return drift(stage, {
      name: stranger.name,
      resource: { kind: "AwsDns", name: this.#story.object },
      story: () => stranger.story,
      change: stranger.change,
      isRight: (active) => this.#record()?.values.join() === this.#addressOf(active),
      processingMs: REPAIR_MS,
    });
  }

  #record(): HostedRecord | undefined {
    const { records } = this.#cloud.route53.zone(this.#story.zoneId);
    return records.find(({ name, type }) => name === this.#story.name && type === "A");
  }

  /** `undefined`: deletes it. */
  #put(address: string | undefined): void {
    const { zoneId, name, ttlMs } = this.#story;
    const present = this.#record();
    // With a longer TTL than ours the client's resolver would keep the wrong address for so long, as a real one does.
    const wanted = { name, type: "A", ttl: ttlMs / 1_000, values: address === undefined ? [] : [address] };
    const upsert = { action: "UPSERT", record: wanted } as const;
    if (address !== undefined) this.#cloud.route53.changeRecords(zoneId, [upsert]);
    else if (present !== undefined) this.#cloud.route53.changeRecords(zoneId, [{ action: "DELETE", record: present }]);
  }

  #addressOf(vm: string): string | undefined {
    return this.#ground.topology.vms.find(({ name }) => name === vm)?.address;
  }

  #server() {
    const [server] = this.#servers.servers;
    if (server === undefined) throw new Error("the name server has not started");
    return server;
  }
}

function problem(result: FaultResult, text: string): FaultResult {
  return { ...result, problems: [...result.problems, text] };
}
