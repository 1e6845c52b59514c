/** The seal of a group's disks, on the API server with its own rules for `status.primary` and `status.inSync`. */
import { describe, expect, it } from "vitest";
import { ControllerWorld, isReadyOn, KEY } from "../../../test/builders/controller-world.ts";
import type { InSyncSet, MirrorDisk } from "../../api/generated/types.ts";
import { MIRROR_DISK } from "../../api/kinds.ts";
import type { JsonPatchOperation } from "../../kube/ports.ts";
import { sealPatch } from "./seal.ts";
import type { DiskSeen } from "./seen.ts";

const DISK = { ...KEY, name: "md" };
const LIMIT = { maxPerPeriod: 2, periodMs: 600_000 };
const SPEC = {
  resources: [
    { kind: "MirrorDisk", name: "md", onFailure: "Warn" },
    { kind: "LbProbePort", name: "probe" },
  ],
};

async function worldWithDisk(nodes: string[], inSync: InSyncSet | undefined, spec = {}): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(nodes, { ...SPEC, ...spec }, LIMIT, { hasSimulatedMirror: true });
  const devices = { dataDevice: "/dev/disk/by-id/data", metadataDevice: "/dev/disk/by-id/meta" };
  await world.kube.create(MIRROR_DISK, { metadata: DISK, spec: devices } as unknown as MirrorDisk);
  if (inSync !== undefined) await record(world, inSync);
  return world;
}

async function record(world: ControllerWorld, inSync: InSyncSet): Promise<void> {
  const patch = { type: "merge", body: { status: { inSync } } } as const;
  await world.kube.patch(MIRROR_DISK, DISK, patch, { subresource: "status" });
}

async function diskOf(world: ControllerWorld): Promise<MirrorDisk> {
  const disk = await world.kube.get<MirrorDisk>(MIRROR_DISK, DISK);
  if (disk === undefined) throw new Error("no disk");
  return disk;
}

async function apply(world: ControllerWorld, body: readonly JsonPatchOperation[]): Promise<unknown> {
  return await world.kube.patch(MIRROR_DISK, DISK, { type: "json", body }, { subresource: "status" });
}

async function seenDisk(world: ControllerWorld): Promise<DiskSeen> {
  const { metadata, status } = await diskOf(world);
  const { primary, inSync } = status ?? {};
  return {
    resourceVersion: metadata.resourceVersion ?? "",
    hasStatus: status !== undefined,
    ...(primary === undefined ? {} : { primary }),
    ...(inSync === undefined ? {} : { inSync }),
  };
}

const BOTH = { generation: 1, epoch: 0, members: ["node1", "node2"] };
const seal = { do: "Seal", name: "md", node: "node2", epoch: 2, replacesSet: false } as const;

describe("a group with a disk", () => {
  it("has it sealed with the epoch of every grant", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    expect((await diskOf(world)).status?.primary).toEqual({ node: "node1", epoch: 1 });
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 10_000);
    const { primary, inSync } = (await diskOf(world)).status ?? {};
    expect(primary).toEqual({ node: "node2", epoch: 2 });
    expect(inSync).toEqual(BOTH);
  });

  it("does not go to a copy that is out of sync, and says why", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    await record(world, { generation: 2, epoch: 1, members: ["node1"] });
    world.agent("node1").crash();
    await world.advance(8_000);
    const { status } = await world.group();
    expect(status?.members?.find(({ node }) => node === "node2")).toMatchObject({ reason: "NotInSync" });
    expect(status?.active).toMatchObject({ node: "node1", epoch: 1 });
    expect((await diskOf(world)).status?.primary).toEqual({ node: "node1", epoch: 1 });
  });

  it("waits for the first record of what is in sync", async () => {
    const world = await worldWithDisk(["node1"], undefined);
    await world.advance(3_000);
    expect((await world.group()).status?.active).toBeUndefined();
    await record(world, { generation: 1, epoch: 0, members: ["node1"] });
    await world.until(isReadyOn("node1"), 5_000);
  });

  it("takes a copy that may lack writes when a person forces it, and records that it is alone", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    await record(world, { generation: 2, epoch: 1, members: ["node1"] });
    world.agent("node1").crash();
    await world.advance(8_000);
    await world.annotate("force-promote", "node2@1,off=node1@1");
    await world.until(isReadyOn("node2"), 5_000);
    const { primary, inSync } = (await diskOf(world)).status ?? {};
    expect(primary).toEqual({ node: "node2", epoch: 2 });
    expect(inSync).toEqual({ generation: 3, epoch: 2, members: ["node2"] });
  });

  it("is not forced past a holder that never had to ask the copy, by expiry alone", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    await record(world, { generation: 2, epoch: 1, members: ["node1"] });
    world.agent("node1").crash();
    await world.advance(8_000);
    await world.annotate("force-promote", "node2@1");
    await world.until(() => world.told.some((event) => event.reason === "OperationRefused"), 1_000);
    expect((await world.group()).status?.active).toMatchObject({ node: "node1", epoch: 1 });
  });
});

describe("the compare-and-set", () => {
  it("fails when the primary changed the set after it was seen", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    const disk = await seenDisk(world);
    await record(world, { generation: 2, epoch: 1, members: ["node1"] });
    await expect(apply(world, sealPatch({ ...seal, disk }))).rejects.toMatchObject({ code: "Invalid" });
    expect((await diskOf(world)).status?.primary?.epoch).toBe(1);
  });

  it("fails when somebody else sealed it after it was seen", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    const disk = await seenDisk(world);
    await apply(world, sealPatch({ ...seal, epoch: 3, disk }));
    await expect(apply(world, sealPatch({ ...seal, disk }))).rejects.toMatchObject({ code: "Invalid" });
  });

  it("makes a change that the primary before sent late fail", async () => {
    const world = await worldWithDisk(["node1", "node2"], BOTH);
    await world.until(isReadyOn("node1"), 5_000);
    await apply(world, sealPatch({ ...seal, disk: await seenDisk(world) }));
    const late: JsonPatchOperation[] = [
      { op: "test", path: "/status/primary/epoch", value: 1 },
      { op: "test", path: "/status/inSync/generation", value: 1 },
      { op: "replace", path: "/status/inSync", value: { generation: 2, epoch: 1, members: ["node1"] } },
    ];
    await expect(apply(world, late)).rejects.toMatchObject({ code: "Invalid" });
    expect((await diskOf(world)).status?.inSync).toEqual(BOTH);
  });

  it("goes by the whole object where there is no record yet", async () => {
    const world = await worldWithDisk(["node1", "node2"], undefined, { failover: { mode: "Paused" } });
    const disk = { ...(await seenDisk(world)), hasStatus: true };
    const forced = { ...seal, disk, replacesSet: true };
    await record(world, BOTH);
    await expect(apply(world, sealPatch(forced))).rejects.toMatchObject({ code: "Invalid" });
    const { resourceVersion } = await seenDisk(world);
    await apply(world, sealPatch({ ...forced, disk: { resourceVersion, hasStatus: true, inSync: BOTH } }));
    expect((await diskOf(world)).status?.inSync?.members).toEqual(["node2"]);
  });
});
