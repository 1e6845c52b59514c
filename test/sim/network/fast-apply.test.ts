import { expect, test } from "vitest";
import { FAILOVER_GROUP } from "../../../src/api/kinds.ts";
import type { FailoverGroup } from "../../../src/api/generated/types.ts";
import { cloneJson } from "../../../src/sandbox/apiserver/json.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { InProcessKube } from "../../fakes/in-process-kube.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { between, chance, pick } from "../seeds.ts";
import { Applied } from "./fast-apply.ts";

const NODES = ["node1", "node2", "node3"];

/** What a controller applies to a group's status, or an agent: keyed lists, atomic lists, nested fields, some left out. */
function statusOf(manager: string, epoch: number, random: ReturnType<typeof seededRandom>): object {
  const time = "2026-01-01T00:00:00Z";
  if (manager !== "controller") {
    const node = manager;
    const resources = ["vip", "app"]
      .filter(() => chance(random, 0.7))
      .map((name) => ({ name, state: pick(random, ["Active", "Inactive"]) }));
    const known = NODES.filter(() => chance(random, 0.7));
    return {
      reports: [
        {
          node,
          session: `${node}_s`,
          epoch,
          state: pick(random, ["Active", "Inactive"]),
          observedGeneration: 1,
          ...(known.length > 0 ? { knownMembers: known } : {}),
          ...(resources.length > 0 ? { resources } : {}),
        },
      ],
    };
  }
  const active = { node: pick(random, NODES), epoch, session: "s", since: time };
  const conditions = ["Ready", "Stalled", "Paused"].filter(() => chance(random, 0.7));
  const members = NODES.filter(() => chance(random, 0.8));
  const condition = (type: string): object => ({
    type,
    status: pick(random, ["True", "False"]),
    reason: "Reason",
    message: `m${Math.floor(between(random, 0, 3))}`,
    lastTransitionTime: time,
  });
  return {
    epoch,
    ...(chance(random, 0.7) ? { active } : {}),
    ...(conditions.length > 0 ? { conditions: conditions.map(condition) } : {}),
    ...(members.length > 0 ? { members: members.map((node) => ({ node, session: "Live", state: "Promotable" })) } : {}),
    ...(chance(random, 0.5) ? { history: [{ epoch, cause: "ColdStart", to: "node1", startedAt: time }] } : {}),
  };
}

/** The order of items in lists with keys is nobody's business. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted);
    return items.every((item) => typeof item === "object")
      ? items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, field]) => [name, sorted(field)]),
  );
}

test("statuses applied the fast way are those that the embedded API server stores", async () => {
  const clock = new FakeClock();
  const kube = InProcessKube.create({ clock });
  const resource = kube.core.registry.find(FAILOVER_GROUP.group, FAILOVER_GROUP.version, FAILOVER_GROUP.plural);
  const schema = resource?.schema.properties?.["status"];
  expect(schema).toBeDefined();
  for (let seed = 1; seed <= 20; seed++) {
    const random = seededRandom(seed);
    const name = `g${seed}`;
    const spec = { members: NODES.map((node) => ({ node })), resources: [{ kind: "LbProbePort", name: "p" }] };
    await kube.create(FAILOVER_GROUP, { metadata: { namespace: "ha", name }, spec } as unknown as FailoverGroup);
    const applied = new Applied();
    let status: unknown;
    for (let step = 0; step < 25; step++) {
      const manager = pick(random, ["controller", ...NODES]);
      const config = statusOf(manager, step + 1, random);
      const body = { metadata: { namespace: "ha", name }, status: config } as unknown as FailoverGroup;
      const stored = await kube.patch<FailoverGroup>(
        FAILOVER_GROUP,
        { namespace: "ha", name },
        { type: "apply", body: cloneJson(body), fieldManager: manager, force: true },
        { subresource: "status" },
      );
      status = applied.apply(schema, status, manager, config);
      expect(sorted(status), `seed ${seed}, step ${step}, ${manager}`).toEqual(sorted(stored.status));
    }
  }
});
