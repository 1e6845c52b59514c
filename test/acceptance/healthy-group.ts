/** A group with nothing wrong about it, followed through a whole test file: whatever others do must not touch it. */
import { expect } from "vitest";
import type { FailoverGroup } from "../../src/api/generated/types.ts";
import { systemClock } from "../../src/host/system-clock.ts";
import { GroupWatch } from "../../src/sandbox/world/group-watch.ts";
import { conditionOf, type Installation, isReady } from "./installation.ts";
import { failoverGroup, probePort, service, virtualIp } from "./objects.ts";

const PLACE = { namespace: "well", name: "healthy" } as const;

export class HealthyGroup {
  readonly #watch: GroupWatch;
  readonly #following: Promise<void>;
  #lookedAtMs = 0;

  private constructor(watch: GroupWatch) {
    this.#watch = watch;
    this.#following = watch.follow();
  }

  /** Resolves when it is Ready, with a standby. */
  static async start(site: Installation, address: string): Promise<HealthyGroup> {
    site.cloud.addRoutes(address);
    const resources = [service(), { kind: "AwsVirtualIP", name: "vip" }, { kind: "LbProbePort", name: "probe" }];
    const group = failoverGroup(PLACE.name, site.nodes, resources);
    await site.apply(PLACE.namespace, virtualIp("vip", address), probePort("probe", 26_001), group);
    const isSettled = (seen: FailoverGroup): boolean =>
      isReady(seen, site.nodes[0]) && conditionOf(seen, "StandbyReady")?.status === "True";
    await site.untilGroup(PLACE.namespace, PLACE.name, "Ready with a standby", isSettled);
    return new HealthyGroup(new GroupWatch(PLACE, { api: site.api, clock: systemClock }));
  }

  /** Every state since the last look was Ready, under the first grant. */
  expectUntouched(): void {
    const states = this.#watch.since(this.#lookedAtMs);
    this.#lookedAtMs = Math.max(this.#lookedAtMs, ...states.map(({ atMs }) => atMs));
    const seen = states.map(({ group }) => ({
      epoch: group.status?.epoch,
      ready: conditionOf(group, "Ready")?.status,
      // Unknown while the cloud cannot be asked.
      isWrong: conditionOf(group, "PreflightOK")?.status === "False",
    }));
    expect(new Set(seen.map((state) => JSON.stringify(state)))).toEqual(
      new Set([JSON.stringify({ epoch: 1, ready: "True", isWrong: false })]),
    );
  }

  async close(): Promise<void> {
    this.#watch.close();
    await this.#following;
  }
}
