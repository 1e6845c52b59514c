import { describe, expect, it } from "vitest";
import { smallZone, ZONE_ID } from "../../../test/builders/route53-zone.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeRoute53 } from "../../../test/fakes/fake-route53.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { CloudError } from "../errors.ts";
import { CallLimiter } from "../rate-limit.ts";
import { homeOf } from "./route53-access.ts";
import { ROUTE53_CALL_LIMITS } from "./route53-client.ts";
import { Route53Knowledge } from "./route53-knowledge.ts";
import type { ChangeInfo, RecordChange } from "./route53-ports.ts";
import type { VirtualRoute53 } from "../../sandbox/route53/virtual-route53.ts";

interface World {
  readonly clock: FakeClock;
  readonly route53: VirtualRoute53;
  readonly fake: FakeRoute53;
  readonly knowledge: Route53Knowledge;
}

function world(): World {
  const clock = new FakeClock();
  const route53 = smallZone(clock);
  const fake = new FakeRoute53(route53);
  return { clock, route53, fake, knowledge: new Route53Knowledge(fake, clock) };
}

const nameOf = (index: number): string => `n${index}.hz1.local.`;
const WISH = { timeoutMs: 5_000, sentSinceMs: 0 };

function creation(name: string, address = "10.0.0.1"): RecordChange[] {
  return [{ action: "CREATE", record: { name, ttlSeconds: 10, values: [address] } }];
}

function addRecords(route53: VirtualRoute53, count: number): void {
  const records = Array.from({ length: count }, (_, index) => ({
    name: nameOf(index),
    type: "A",
    ttl: 10,
    values: ["10.0.0.1"],
  }));
  for (let from = 0; from < count; from += 1_000)
    route53.changeRecords(
      ZONE_ID,
      records.slice(from, from + 1_000).map((record) => ({ action: "CREATE", record })),
    );
}

describe("what is known about a zone", () => {
  it("costs one walk per interval for all records of a small zone", async () => {
    const { clock, route53, fake, knowledge } = world();
    addRecords(route53, 100);
    await knowledge.hostedZone(ZONE_ID, WISH);
    await knowledge.records(ZONE_ID, nameOf(0), WISH);
    fake.calls.length = 0;
    for (let interval = 1; interval <= 3; interval++) {
      await clock.advance(30_000);
      const wish = { timeoutMs: 5_000, sentSinceMs: clock.monotonicMs() - 29_999 };
      const reads = Array.from({ length: 100 }, (_, index) => knowledge.records(ZONE_ID, nameOf(index), wish));
      const found = await Promise.all(reads);
      expect(found.every((read) => read.value[0]?.values[0] === "10.0.0.1")).toBe(true);
    }
    // The very first name was asked for alone, before it was known that there are more.
    expect(fake.calls.filter((call) => call.includes(nameOf(0))).length).toBeLessThanOrEqual(1);
    expect(fake.calls.filter((call) => call === `ListResourceRecordSets ${ZONE_ID}`).length).toBeLessThanOrEqual(3);
  });

  it("asks for one record of a huge zone by its name", async () => {
    const { route53, fake, knowledge } = world();
    addRecords(route53, 3_000);
    await knowledge.hostedZone(ZONE_ID, WISH);
    await knowledge.records(ZONE_ID, nameOf(0), WISH);
    await knowledge.records(ZONE_ID, nameOf(1), WISH);
    expect(fake.calls.slice(1)).toEqual([
      `ListResourceRecordSets ${ZONE_ID} ${nameOf(0)}`,
      `ListResourceRecordSets ${ZONE_ID} ${nameOf(1)}`,
    ]);
  });

  it("gives the newest answer of any age without asking when the caller cannot wait", async () => {
    const { fake, knowledge } = world();
    await knowledge.records(ZONE_ID, "alias.hz1.local.", WISH);
    const known = await knowledge.records(ZONE_ID, "alias.hz1.local.", {
      ...WISH,
      sentSinceMs: 99_999,
      anyAge: true,
    });
    expect(known.value[0]?.aliasTarget).toBe("lb-1.example.com.");
    expect(fake.calls.length).toBe(1);
  });
});

describe("changes of a zone", () => {
  const send = async (
    { knowledge, clock }: World,
    changes: readonly RecordChange[][],
    assertMayWrite: (index: number) => void = () => undefined,
  ): Promise<string[]> => {
    const sent = changes.map((wanted, index) =>
      knowledge
        .change(ZONE_ID, { changes: wanted, timeoutMs: 5_000, assertMayWrite: () => assertMayWrite(index) })
        .then(
          (info: ChangeInfo) => info.state,
          (thrown: unknown) => (thrown instanceof CloudError ? (thrown.detail.providerCode ?? thrown.code) : "refused"),
        ),
    );
    await clock.advance(5_000);
    return await Promise.all(sent);
  };

  it("that are wanted together go out as one batch", async () => {
    const made = world();
    const outcomes = await send(
      made,
      [0, 1, 2].map((index) => creation(nameOf(index))),
    );
    expect(outcomes).toEqual(["Pending", "Pending", "Pending"]);
    expect(made.fake.calls.length).toBe(1);
  });

  it("do not suffer from one that does not fit", async () => {
    const made = world();
    addRecords(made.route53, 1);
    const outcomes = await send(
      made,
      [0, 1, 2].map((index) => creation(nameOf(index))),
    );
    expect(outcomes).toEqual(["InvalidChangeBatch", "Pending", "Pending"]);
    expect(made.fake.calls.length, "all together, then the rest").toBe(2);
  });

  it("are sent in halves when the refusal names nobody", async () => {
    const made = world();
    made.fake.fail("ChangeResourceRecordSets", { code: "InvalidRequest", providerCode: "InvalidChangeBatch" }, 1);
    expect(
      await send(
        made,
        [0, 1, 2].map((index) => creation(nameOf(index))),
      ),
    ).toEqual(["Pending", "Pending", "Pending"]);
    expect(made.fake.calls.length).toBe(3);
  });

  it("all fail together when the call fails, and none is sent again", async () => {
    const made = world();
    made.fake.fail("ChangeResourceRecordSets", { code: "CallTimeout", after: true }, 1);
    expect(
      await send(
        made,
        [0, 1].map((index) => creation(nameOf(index))),
      ),
    ).toEqual(["CallTimeout", "CallTimeout"]);
    expect(made.fake.calls.length).toBe(1);
  });

  it("are left out of the batch when their sender may no longer write", async () => {
    const made = world();
    const refuseFirst = (index: number): void => {
      if (index === 0) throw new Error("deposed");
    };
    expect(
      await send(
        made,
        [0, 1].map((index) => creation(nameOf(index))),
        refuseFirst,
      ),
    ).toEqual(["refused", "Pending"]);
    expect(made.fake.calls).toEqual([`ChangeResourceRecordSets ${ZONE_ID} CREATE ${nameOf(1)} 10.0.0.1`]);
  });

  it("go without one whose sender loses its right while the call waits for its turn", async () => {
    const made = world();
    let looks = 0;
    const refuseLater = (index: number): void => {
      if (index === 0 && ++looks > 1) throw new Error("granted to another member");
    };
    expect(
      await send(
        made,
        [0, 1, 2].map((index) => creation(nameOf(index))),
        refuseLater,
      ),
    ).toEqual(["refused", "Pending", "Pending"]);
    expect(made.fake.calls.join()).not.toContain(nameOf(0));
  });

  it("do not suffer from one that the policy does not allow", async () => {
    const made = world();
    made.fake.fail("ChangeResourceRecordSets", { code: "NotAuthorized", providerCode: "AccessDenied" }, 2);
    expect(
      await send(
        made,
        [0, 1].map((index) => creation(nameOf(index))),
      ),
    ).toEqual(["AccessDenied", "Pending"]);
  });

  it("wait while another batch of the zone is on its way, and then go together", async () => {
    const made = world();
    const { clock, fake } = made;
    fake.latency = { clock, ms: 300 };
    const first = send(made, [creation(nameOf(0))]);
    await clock.advance(100);
    const later = send(
      made,
      [1, 2].map((index) => creation(nameOf(index))),
    );
    expect([...(await first), ...(await later)]).toEqual(["Pending", "Pending", "Pending"]);
    expect(fake.calls.length).toBe(2);
  });
});

describe("the budget of Route 53", () => {
  it("lets at most five requests pass within any second, and a change never waits for reads", async () => {
    const clock = new FakeClock();
    const limiter = new CallLimiter(ROUTE53_CALL_LIMITS, { clock, random: seededRandom() });
    const passed: { readonly kind: string; readonly atMs: number }[] = [];
    const admit = (kind: "read" | "write"): Promise<void> =>
      limiter.admit(kind, kind, 60_000).then(() => void passed.push({ kind, atMs: clock.monotonicMs() }));
    const all = [
      ...Array.from({ length: 40 }, () => admit("read")),
      ...Array.from({ length: 10 }, () => admit("write")),
    ];
    await clock.advance(60_000);
    await Promise.all(all);
    const busiest = Math.max(
      ...passed.map(({ atMs }) => passed.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1_000).length),
    );
    expect(busiest).toBe(5);
    const [firstWrite] = passed.filter(({ kind }) => kind === "write");
    expect(firstWrite?.atMs).toBe(passed[0]?.atMs);
  });
});

describe("where Route 53 is asked", () => {
  it("is one place per partition of AWS", () => {
    expect([undefined, "eu-central-1", "ap-northeast-1"].map(homeOf)).toEqual(Array(3).fill("us-east-1"));
    expect(homeOf("cn-north-1")).toBe("cn-northwest-1");
    expect(homeOf("us-gov-east-1")).toBe("us-gov-west-1");
  });
});
