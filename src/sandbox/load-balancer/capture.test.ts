import { describe, expect, it } from "vitest";
import { parseScript, parseTcpdump } from "./capture.ts";

const PACKET = { from: "10.5.1.10", fromPort: 40_000, to: "10.5.0.200", toPort: 80 };

describe("a captured packet", () => {
  it("is read from the script's line", () => {
    expect(parseScript("10.5.1.10 40000 10.5.0.200 80")).toEqual([PACKET]);
    expect(parseScript("")).toEqual([]);
  });

  it("is read from tcpdump's line", () => {
    expect(parseTcpdump("12:00:00.123456 IP 10.5.1.10.40000 > 10.5.0.200.80: tcp 0")).toEqual([PACKET]);
    expect(parseTcpdump("12:00:00.123456 ARP, Request who-has 10.5.0.1")).toEqual([]);
  });
});
