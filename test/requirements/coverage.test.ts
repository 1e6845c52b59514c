import { describe, expect, it } from "vitest";
import { REQUIREMENTS } from "./all.ts";
import { rowResults, tagsIn, type TaggedTest, unknownTags } from "./coverage.ts";
import { tagsOf } from "./row.ts";

const test = (name: string, state: TaggedTest["state"]): TaggedTest => ({ file: "a.test.ts", name, state });
const EIP = "[REQ 5.2 EIP monitor 7]";

describe("the table of requirements", () => {
  it("has one tag per row, and finds it again in a test's name", () => {
    const tags = REQUIREMENTS.flatMap(tagsOf);
    expect(new Set(tags).size).toBe(tags.length);
    for (const tag of tags) expect(tagsIn(`a sentence ${tag} [REQ 5.3.1] ${tag}`)).toContain(tag);
  });

  it("says of a row what its worst test says, and that none shows it", () => {
    const stateWith = (...tests: TaggedTest[]): string | undefined =>
      rowResults(tests).find(({ tag }) => tag === EIP)?.state;
    expect(stateWith()).toBe("no test");
    expect(stateWith(test(`x ${EIP}`, "found"))).toBe("not run");
    expect(stateWith(test(`x ${EIP}`, "skipped"))).toBe("not run");
    expect(stateWith(test(`x ${EIP}`, "skipped"), test(`y ${EIP}`, "passed"))).toBe("passed");
    expect(stateWith(test(`x ${EIP}`, "passed"), test(`y ${EIP}`, "failed"))).toBe("failed");
  });

  it("lists rows of later work as such, and tags that name no row", () => {
    const mirror = rowResults([]).find(({ tag }) => tag === "[REQ 5.1 Mirror disk mkfs]");
    expect(mirror?.state).toBe("later");
    expect(unknownTags([test(`x ${EIP} [REQ 5.2 EIP monitor 77]`, "found")])).toEqual([
      "a.test.ts: [REQ 5.2 EIP monitor 77]",
    ]);
  });
});
