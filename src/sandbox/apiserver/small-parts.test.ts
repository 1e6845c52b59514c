import { describe, expect, test } from "vitest";
import { humanDuration } from "./builtin/columns.ts";
import type { ApiObject } from "./json.ts";
import { readJsonPath } from "./json-path.ts";
import { decodeProtobuf } from "./http/protobuf.ts";
import { formOf } from "./http/negotiation.ts";
import { mergePatch, strategicMergePatch } from "./patch.ts";
import { compareVersions, type Schema } from "./resource.ts";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import { Store } from "./store.ts";

function object(labels: Record<string, string>): ApiObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", labels } };
}

describe("label selectors", () => {
  test.each<[string, Record<string, string>, boolean]>([
    ["a=b", { a: "b" }, true],
    ["a==b", { a: "c" }, false],
    ["a!=b", {}, true],
    ["a in (b, c)", { a: "c" }, true],
    ["a notin (b)", {}, true],
    ["a notin (b)", { a: "b" }, false],
    ["a", { a: "" }, true],
    ["!a", { a: "" }, false],
    ["a in (b,c),x=y", { a: "b", x: "y" }, true],
    ["example.com/a=b", { "example.com/a": "b" }, true],
  ])("%s on %j: %s", (selector, labels, expected) => {
    expect(parseLabelSelector(selector)?.(object(labels))).toBe(expected);
  });

  test("nonsense is refused", () => {
    expect(() => parseLabelSelector("a=b=c")).toThrow(/unable to parse/);
    expect(() => parseFieldSelector("spec.x=1")).toThrow(/field label not supported/);
  });
});

describe("JSONPath of columns", () => {
  const value = {
    a: {
      "b.c": 1,
      d: [
        { type: "X", n: 1 },
        { type: "Y", n: 2 },
      ],
    },
  };
  test.each<[string, unknown[]]>([
    [".a.d[0].n", [1]],
    [".a.d[*].n", [1, 2]],
    ['.a.d[?(@.type=="Y")].n', [2]],
    [".a.d[?(@.type!='Y')].n", [1]],
    [".a.b\\.c", [1]],
    [".a['b.c']", [1]],
    ["{.a.d[1].type}", ["Y"]],
    [".a.nothing.here", []],
  ])("%s", (path, expected) => {
    expect(readJsonPath(path, value)).toEqual(expected);
  });

  test("what it cannot read is refused", () => {
    expect(() => readJsonPath(".a[?(@.x > 1)]", value)).toThrow(RangeError);
  });
});

describe("ages", () => {
  test.each([
    [0, "0s"],
    [119_000, "119s"],
    [120_000, "2m"],
    [150_000, "2m30s"],
    [3_600_000, "60m"],
    [4 * 3_600_000, "4h"],
    [50 * 3_600_000, "2d2h"],
    [30 * 86_400_000, "30d"],
    [800 * 86_400_000, "2y70d"],
  ])("%i ms is %s", (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });
});

describe("patches", () => {
  test("a merge patch leaves its target alone", () => {
    const target = { a: { b: 1, c: 2 } };
    expect(mergePatch(target, { a: { b: null, d: [1] } })).toEqual({ a: { c: 2, d: [1] } });
    expect(target).toEqual({ a: { b: 1, c: 2 } });
  });

  const list: Schema = {
    type: "object",
    properties: {
      items: {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        items: { type: "object" },
      },
      set: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
    },
  };

  test("a strategic merge patch merges lists by key, deletes and orders", () => {
    const target = { items: [{ name: "a", v: 1 }, { name: "b" }, { name: "c" }] };
    const patch = {
      "$setElementOrder/items": [{ name: "d" }, { name: "a" }, { name: "c" }],
      items: [{ name: "a", w: 2 }, { name: "b", $patch: "delete" }, { name: "d" }],
    };
    expect(strategicMergePatch(list, target, patch)).toEqual({
      items: [{ name: "d" }, { name: "a", v: 1, w: 2 }, { name: "c" }],
    });
  });

  test("a strategic merge patch removes from sets, replaces and retains", () => {
    expect(
      strategicMergePatch(list, { set: ["a", "b"] }, { "$deleteFromPrimitiveList/set": ["a"], set: ["c"] }),
    ).toEqual({
      set: ["b", "c"],
    });
    expect(strategicMergePatch(list, { x: 1, y: 2 }, { $patch: "replace", z: 3 })).toEqual({ z: 3 });
    expect(strategicMergePatch(list, { x: 1, y: 2 }, { $retainKeys: ["y"], y: 5 })).toEqual({ y: 5 });
  });
});

describe("protobuf", () => {
  test("reads what kubectl sends for a ConfigMap", () => {
    const field = (number: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
    const text = (number: number, value: string): Buffer => field(number, Buffer.from(value));
    const typeMeta = Buffer.concat([text(1, "v1"), text(2, "ConfigMap")]);
    const metadata = Buffer.concat([
      text(1, "cm"),
      text(3, "ns"),
      text(4, ""),
      field(11, Buffer.concat([text(1, "a"), text(2, "b")])),
    ]);
    const raw = Buffer.concat([field(1, metadata), field(2, Buffer.concat([text(1, "k"), text(2, "v")]))]);
    const body = Buffer.concat([Buffer.from("k8s\0"), field(1, typeMeta), field(2, raw)]);
    expect(decodeProtobuf(body)).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "cm", namespace: "ns", labels: { a: "b" } },
      data: { k: "v" },
    });
  });

  test("what is cut short or unknown is refused", () => {
    expect(() => decodeProtobuf(Buffer.from("{}"))).toThrow();
    expect(() => decodeProtobuf(Buffer.from("k8s\0\x12\x7fabc"))).toThrow(/cut short/);
  });
});

describe("negotiation", () => {
  test.each([
    [undefined, "object"],
    ["*/*", "object"],
    ["application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "table"],
    ["application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "object"],
    ["application/vnd.kubernetes.protobuf,application/json", "object"],
    ["application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "metadata"],
    ["application/vnd.kubernetes.protobuf", undefined],
  ])("%s gives %s", (header, form) => {
    expect(formOf(header)).toBe(form);
  });

  test("versions sort by stability, then number", () => {
    const sorted = ["v1alpha1", "v1", "v2beta1", "v2", "v1beta2"].toSorted(compareVersions);
    expect(sorted).toEqual(["v2", "v1", "v2beta1", "v1beta2", "v1alpha1"]);
  });
});

describe("the store", () => {
  test("shows earlier states until its history ends", () => {
    const store = new Store({ historyLimit: 2 });
    const put = (name: string): ApiObject => store.put("x", `/${name}`, { ...object({}), metadata: { name } });
    const start = store.version;
    put("a");
    put("b");
    store.remove("x", "/a");
    const names = (version: number): string[] | undefined =>
      store.listAt("x", version)?.map((each) => each.metadata.name);
    expect(names(start)).toEqual([]);
    expect(names(start + 2)).toEqual(["a", "b"]);
    expect(names(start + 3)).toEqual(["b"]);
    put("c");
    put("d");
    expect(names(start)).toBeUndefined();
    expect(store.changesAfter(start)).toBeUndefined();
    expect(store.changesAfter(store.version + 1)).toBeUndefined();
    expect(names(store.version - 1)).toEqual(["b", "c"]);
  });
});
