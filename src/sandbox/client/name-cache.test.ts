import { expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { NameCache } from "./name-cache.ts";

function cacheOver(answers: ({ address: string; ttl: number } | undefined)[]) {
  const clock = new FakeClock();
  const asked: number[] = [];
  const cache = new NameCache(
    () => {
      asked.push(clock.monotonicMs());
      const answer = answers.shift();
      return answer === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve(answer);
    },
    { clock },
  );
  return { clock, asked, cache };
}

it("asks again only once the time of an answer is over, and one question serves all who wait for it", async () => {
  const { clock, asked, cache } = cacheOver([
    { address: "10.0.1.10", ttl: 2 },
    { address: "10.0.2.10", ttl: 2 },
  ]);
  expect(await Promise.all([cache.address(), cache.address()])).toEqual(["10.0.1.10", "10.0.1.10"]);
  await clock.advance(1_999);
  expect(await cache.address()).toBe("10.0.1.10");
  await clock.advance(1);
  expect(await cache.address()).toBe("10.0.2.10");
  expect(asked).toHaveLength(2);
});

it("forgets a failure at once and never answers with what is over", async () => {
  const { clock, cache } = cacheOver([{ address: "10.0.1.10", ttl: 1 }, undefined, { address: "10.0.2.10", ttl: 1 }]);
  expect(await cache.address()).toBe("10.0.1.10");
  await clock.advance(1_000);
  expect(await cache.address()).toBeUndefined();
  expect(await cache.address()).toBe("10.0.2.10");
});
