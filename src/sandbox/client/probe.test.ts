import { expect, it } from "vitest";
import { answerOf } from "./probe.ts";

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";

it("takes the name and the time of a complete answer of the demo service, and nothing less", () => {
  expect(answerOf(`${head}node1 1234.5\n`)).toEqual({ name: "node1", atMs: 1_234.5 });
  for (const text of ["", head, `${head}node1 1234`, `${head}node1\n`, head.replace("200", "503"), "node1 1\n"]) {
    expect(answerOf(text)).toBeUndefined();
  }
});
