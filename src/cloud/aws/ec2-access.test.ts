import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { Ec2Clients } from "./ec2-access.ts";

const KEYS = { accessKeyId: "AKIA1", secretAccessKey: "one" };

describe("the clients of EC2", () => {
  it("are one per region and identity", async () => {
    const clients = new Ec2Clients({}, { clock: new FakeClock(), random: seededRandom(), metrics: noMetrics });
    const [first, again, region, secret, ambient] = await Promise.all([
      clients.knowledgeOf("eu-central-1", KEYS),
      clients.knowledgeOf("eu-central-1", { ...KEYS }),
      clients.knowledgeOf("eu-west-1", KEYS),
      clients.knowledgeOf("eu-central-1", { ...KEYS, secretAccessKey: "two" }),
      clients.knowledgeOf("eu-central-1", undefined),
    ]);
    expect(again).toBe(first);
    expect(new Set([first, region, secret, ambient]).size).toBe(4);
    clients.close();
  });
});
