import { expect, it } from "vitest";
import { LineSplitter, LineTooLong } from "./line-splitter.ts";

it("gives the same lines however the bytes are cut", () => {
  const bytes = Buffer.from("\u00e4\u00f6\n\n\u6a5f\u68b0\nrest");
  for (let size = 1; size <= bytes.length; size++) {
    const splitter = new LineSplitter(100);
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
    expect([...lines, splitter.rest()]).toEqual(["\u00e4\u00f6", "\u6a5f\u68b0", "rest"]);
  }
});

it("refuses a line that is longer than its bound, over any number of chunks", () => {
  const splitter = new LineSplitter(8);
  expect(splitter.push(Buffer.from("12345678\n1234"))).toEqual(["12345678"]);
  expect(() => splitter.push(Buffer.from("56789"))).toThrow(LineTooLong);
});
