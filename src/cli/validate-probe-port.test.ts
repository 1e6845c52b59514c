import { describe, expect, it } from "vitest";
import { checkManifests } from "./validate-manifests.ts";

function problemsOf(spec: string): string[] {
  const text = `{apiVersion: understudy.dev/v1alpha1, kind: LbProbePort, metadata: {name: lbpp1}, spec: ${spec}}`;
  return checkManifests([{ file: "f.yaml", text }]).problems.map(({ path }) => path ?? "");
}

describe("LbProbePort", () => {
  it.each(["{port: 1}", "{port: 26001}", "{port: 65535}"])("takes %s [REQ 5.1 LB probe port number]", (spec) => {
    expect(problemsOf(spec)).toEqual([]);
  });

  it.each(["{}", "{port: 0}", "{port: 65536}", "{port: probe}"])(
    "refuses %s [REQ 5.1 LB probe port number]",
    (spec) => {
      expect(problemsOf(spec)).toEqual(["spec.port"]);
    },
  );
});
