import { describe, expect, it } from "vitest";
import { DEFINITIONS } from "./definitions.ts";
import { rootSchema } from "./kind-definition.ts";
import type { KindName } from "./kinds.ts";
import type { Schema } from "./schema.ts";
import { compileSchema } from "./schema-validation.ts";

function changeProblems(kind: KindName, before: object, after: object): string[] {
  const schema = compileSchema(rootSchema(DEFINITIONS[kind]));
  const named = (object: object): unknown => schema.applyDefaults({ metadata: { name: "x" }, ...object });
  return schema.validate(named(after), named(before)).map(({ path, message }) => `${path}: ${message}`);
}

const group = (): object => ({
  members: [{ node: "node1" }, { node: "node2" }],
  resources: [{ kind: "AwsVirtualIP", name: "vip" }],
});

describe("transition rules", () => {
  const vip = (address: string): object => ({ spec: { address } });
  const azure = { resourceGroup: "g", zone: "a.b", record: "r" };
  const granted = (epoch: number, node: string, session = `${node}_1`): object => ({
    spec: group(),
    status: { epoch, active: { node, epoch, session, since: "2026-05-01T10:00:00Z" } },
  });
  const disk = (status: object, spec: object = {}): object => ({
    spec: { dataDevice: "/dev/a", metadataDevice: "/dev/b", ...spec },
    status,
  });
  const inSync = (generation: number, epoch: number, ...members: string[]): object => ({
    inSync: { generation, epoch, members },
  });
  const epochRule = ": status.epoch never falls";
  const activeRule = ": status.active changes only with a higher epoch";
  const generationRule = ": status.inSync.generation rises with every change";
  const deviceRule = ": dataDevice can change only for a member that is not in status.inSync";

  it.each<[string, KindName, object, object, string[]]>([
    [
      "an address changes",
      "AwsVirtualIP",
      vip("10.1.0.20"),
      vip("10.1.0.21"),
      ["spec.address: cannot be changed after creation"],
    ],
    ["an address stays", "AwsVirtualIP", vip("10.1.0.20"), vip("10.1.0.20"), []],
    [
      "a name gets its last dot",
      "AwsDns",
      { spec: { hostedZoneId: "Z", name: "a.b" } },
      { spec: { hostedZoneId: "Z", name: "a.b." } },
      [],
    ],
    [
      "a name changes",
      "AwsDns",
      { spec: { hostedZoneId: "Z", name: "a.b" } },
      { spec: { hostedZoneId: "Z", name: "a.c" } },
      ["spec.name: cannot be changed after creation"],
    ],
    [
      "an optional immutable field is added",
      "AzureDns",
      { spec: azure },
      { spec: { ...azure, subscriptionId: "00000000-0000-0000-0000-000000000000" } },
      ["spec: subscriptionId can be neither added nor removed after creation"],
    ],
    ["the first grant is written", "FailoverGroup", { spec: group() }, granted(1, "node1"), []],
    ["a grant stays", "FailoverGroup", granted(1, "node1"), granted(1, "node1"), []],
    ["a grant moves with its epoch", "FailoverGroup", granted(1, "node1"), granted(2, "node2"), []],
    ["a grant moves without", "FailoverGroup", granted(1, "node1"), granted(1, "node2"), [activeRule]],
    ["a grant takes another session", "FailoverGroup", granted(1, "node1"), granted(1, "node1", "other"), [activeRule]],
    ["a grant ends", "FailoverGroup", granted(3, "node1"), { spec: group(), status: { epoch: 3 } }, []],
    [
      "a grant comes back under an old epoch",
      "FailoverGroup",
      { spec: group(), status: { epoch: 3 } },
      granted(3, "node1"),
      [activeRule],
    ],
    [
      "an epoch falls",
      "FailoverGroup",
      { spec: group(), status: { epoch: 3 } },
      { spec: group(), status: { epoch: 2 } },
      [epochRule],
    ],
    [
      "a status with an epoch vanishes",
      "FailoverGroup",
      { spec: group(), status: { epoch: 3 } },
      { spec: group() },
      [epochRule],
    ],
    ["an in-sync set shrinks", "MirrorDisk", disk(inSync(1, 1, "a", "b")), disk(inSync(2, 1, "a")), []],
    [
      "an in-sync set changes silently",
      "MirrorDisk",
      disk(inSync(1, 1, "a", "b")),
      disk(inSync(1, 1, "a")),
      [generationRule],
    ],
    [
      "an in-sync set becomes empty",
      "MirrorDisk",
      disk(inSync(1, 1, "a")),
      disk(inSync(2, 1)),
      ["status.inSync.members: status.inSync.members in body should have at least 1 items"],
    ],
    [
      "an in-sync epoch falls",
      "MirrorDisk",
      disk(inSync(1, 2, "a")),
      disk(inSync(2, 1, "a")),
      [": status.inSync.epoch never falls, and status.inSync is never removed"],
    ],
    [
      "a seal does not rise",
      "MirrorDisk",
      disk({ primary: { node: "a", epoch: 2 } }),
      disk({ primary: { node: "b", epoch: 2 } }),
      [": status.primary changes only with a higher epoch"],
    ],
    [
      "a seal rises",
      "MirrorDisk",
      disk({ primary: { node: "a", epoch: 2 } }),
      disk({ primary: { node: "b", epoch: 3 } }),
      [],
    ],
    [
      "the device of all changes while in use",
      "MirrorDisk",
      disk(inSync(1, 1, "a")),
      disk(inSync(1, 1, "a"), { dataDevice: "/dev/c" }),
      [deviceRule],
    ],
    [
      "the device of an in-sync member changes",
      "MirrorDisk",
      disk(inSync(1, 1, "a")),
      disk(inSync(1, 1, "a"), { members: [{ node: "a", dataDevice: "/dev/c" }] }),
      [deviceRule],
    ],
    [
      "the device of another member changes",
      "MirrorDisk",
      disk(inSync(1, 1, "a")),
      disk(inSync(1, 1, "a"), { members: [{ node: "b", dataDevice: "/dev/c" }] }),
      [],
    ],
    [
      "the entry of an in-sync member vanishes",
      "MirrorDisk",
      disk(inSync(1, 1, "a"), { members: [{ node: "a", dataDevice: "/dev/c" }] }),
      disk(inSync(1, 1, "a")),
      [deviceRule],
    ],
  ])("when %s", (_name, kind, before, after, expected) => {
    expect(changeProblems(kind, before, after)).toEqual(expected);
  });

  it("follow the entries of a list map by their key", () => {
    const item: Schema = {
      type: "object",
      properties: {
        k: { type: "string" },
        v: { type: "integer", "x-kubernetes-validations": [{ rule: "self >= oldSelf", message: "rises" }] },
      },
    };
    const schema = compileSchema({
      type: "object",
      properties: {
        l: { type: "array", items: item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"] },
      },
    });
    const before = {
      l: [
        { k: "a", v: 1 },
        { k: "b", v: 5 },
      ],
    };
    const after = {
      l: [
        { k: "b", v: 4 },
        { k: "a", v: 1 },
        { k: "c", v: 0 },
      ],
    };
    expect(schema.validate(after, before)).toMatchObject([{ path: "l[0].v", message: "rises" }]);
  });
});
