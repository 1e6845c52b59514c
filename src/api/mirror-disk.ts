/**
 * MirrorDisk: a disk with one copy per member; no acknowledged write is lost. `status.inSync` is the arbiter's
 * record and `status.primary` the seal: their transition rules stand at the root, so that they hold when `status`
 * appears or vanishes.
 */
import { DISK_OPERATIONS, MIRROR_DISK } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { mirrorDiskStatus } from "./mirror-disk-status.ts";
import { AGE_COLUMN, GROUP_COLUMN, READY_COLUMN, conditionColumn } from "./printer-columns.ts";
import { choice, immutable, keepsPresence, list, object, text } from "./schema.ts";
import {
  ROOT_NAME_RULE,
  address,
  bytes,
  duration,
  localTimeouts,
  memberOverrides,
  monitor,
  operation,
  resourceStatus,
} from "./shared-schemas.ts";

const device = (description: string) =>
  text(`${description} /dev/sdX and /dev/nvmeX are accepted with a warning, since they may change.`, {
    maxLength: 255,
    pattern: "^/dev/.+",
  });

const DEVICE_RULES = [
  {
    rule: "(has(self.dataDevice) && has(self.metadataDevice)) || (has(self.members) && size(self.members) > 0 && self.members.all(m, has(m.dataDevice) && has(m.metadataDevice)))",
    message: "give dataDevice and metadataDevice here or in every member",
  },
  {
    rule: "!has(self.dataDevice) || !has(self.metadataDevice) || self.dataDevice != self.metadataDevice",
    message: "dataDevice and metadataDevice must not be equal",
  },
  {
    rule: "!has(self.members) || self.members.all(m, (has(m.dataDevice) || has(self.dataDevice)) && (has(m.metadataDevice) || has(self.metadataDevice)) ? (has(m.dataDevice) ? m.dataDevice : self.dataDevice) != (has(m.metadataDevice) ? m.metadataDevice : self.metadataDevice) : true)",
    message: "dataDevice and metadataDevice of a member must not be equal",
  },
];

const spec = object(
  "Devices, file system and how copies are kept.",
  {
    dataDevice: device("Partition that holds the data, by a stable link."),
    metadataDevice: device("Partition that holds the mirror's own records, by a stable link."),
    members: memberOverrides(
      "Overrides per member; omitted: all members of the group with the values above. Devices change only while the member is not in status.inSync.",
      {
        dataDevice: device("Data partition on this member."),
        metadataDevice: device("Metadata partition on this member."),
        address: address("Address for mirror traffic; found otherwise: that of the peer network."),
      },
      "MirrorDiskMember",
    ),
    mountPoint: immutable(
      text(
        "Where it is mounted: absolute, normal, not /. Omitted: /dev/understudy/<name> without a file system. Cannot be changed.",
        {
          maxLength: 255,
          pattern: "^(/([^/.][^/]*|\\.[^/.][^/]*|\\.\\.[^/]+))+$",
        },
      ),
    ),
    fileSystem: immutable(
      choice("File system. Cannot be changed.", ["ext4", "xfs"], { default: "ext4", typeName: "FileSystem" }),
    ),
    mountOptions: list("Options of mount.", 16, text("One option.", { minLength: 1, maxLength: 255 })),
    mkfs: choice("Only a device without any signature is formatted.", ["WhenEmpty", "Never"], { default: "WhenEmpty" }),
    initialCopy: immutable(
      choice(
        "Full: copy everything at the first use. Skip: only if all devices read as zero. Cannot be changed.",
        ["Full", "Skip"],
        { default: "Full" },
      ),
    ),
    mode: choice(
      "Sync: a write is acknowledged when every in-sync copy has it. Async: the other copies follow.",
      ["Sync", "Async"],
      { default: "Sync", typeName: "MirrorMode" },
    ),
    async: object(
      "Asynchronous mode. Given if and only if mode is Async.",
      {
        queue: bytes("Writes that may wait.", { default: "256Mi" }),
        whenFull: choice("Slow: slow the writer down. Detach: drop the copy, to rebuild it.", ["Slow", "Detach"], {
          default: "Slow",
        }),
        promotion: choice(
          "Automatic lets a failover lose what is queued; a planned move drains it first.",
          ["Manual", "Automatic"],
          { default: "Manual" },
        ),
        warnLag: duration("Lag above which a warning is raised.", "1s", "24h", { default: "30s" }),
      },
      { typeName: "AsyncMirror" },
    ),
    peerTimeout: duration(
      "Silence after which a copy is recorded out of the in-sync set. Found otherwise: 1.5 times the preset's heartbeat loss.",
      "500ms",
      "60s",
    ),
    rebuild: object(
      "Bringing a stale copy up to date.",
      { maxRate: bytes("Limit per second; omitted: adaptive; 0: pause.") },
      { typeName: "RebuildPolicy" },
    ),
    io: choice(
      "Direct: past the page cache. PageCache: through it, only under PR_SET_IO_FLUSHER.",
      ["Direct", "PageCache"],
      { default: "Direct" },
    ),
    attach: immutable(
      choice(
        "Automatic: by the kernel's NBD. ExportOnly: only the NBD export on a Unix socket. Cannot be changed.",
        ["Automatic", "ExportOnly"],
        { default: "Automatic" },
      ),
    ),
    engine: immutable(choice("Who replicates. Cannot be changed.", ["Builtin", "Drbd"], { default: "Builtin" })),
    timeouts: localTimeouts("5m", "60s"),
    monitor: monitor("Checks mirror, connection and mount.", {
      interval: "5s",
      timeout: "2s",
      retries: 2,
      startDelay: "0s",
    }),
  },
  {
    typeName: "MirrorDiskSpec",
    rules: [
      ...DEVICE_RULES,
      { rule: "has(self.async) == (self.mode == 'Async')", message: "give async if and only if mode is Async" },
      ...keepsPresence("mountPoint"),
    ],
  },
);

const status = object(
  "What is; written by the controller, except copies (each agent its own entry) and inSync (the agent on the primary).",
  resourceStatus({
    ...mirrorDiskStatus,
    operation: { ...operation(DISK_OPERATIONS), typeName: "DiskOperation" },
  }),
  { typeName: "MirrorDiskStatus" },
);

/** In-sync members keep the device that their copy is on. */
function deviceKept(field: "dataDevice" | "metadataDevice"): { rule: string; message: string } {
  const inSync = "oldSelf.status.inSync.members";
  const kept = `(has(self.spec.${field}) == has(oldSelf.spec.${field}) && (!has(self.spec.${field}) || self.spec.${field} == oldSelf.spec.${field}))`;
  const same = (a: string, list: string, b: string): string =>
    `has(${list}) && ${list}.exists(${b}, ${b}.node == ${a}.node && has(${b}.${field}) && ${b}.${field} == ${a}.${field})`;
  const everyInSync = (list: string, a: string, otherList: string, b: string): string =>
    `(!has(${list}) || ${list}.all(${a}, !has(${a}.${field}) || !(${a}.node in ${inSync}) || (${same(a, otherList, b)})))`;
  return {
    rule: `!has(oldSelf.status) || !has(oldSelf.status.inSync) || (${kept} && ${everyInSync("self.spec.members", "m", "oldSelf.spec.members", "o")} && ${everyInSync("oldSelf.spec.members", "o", "self.spec.members", "m")})`,
    message: `${field} can change only for a member that is not in status.inSync`,
  };
}

export const mirrorDisk: KindDefinition = {
  kind: MIRROR_DISK,
  description: "A MirrorDisk is a disk of which every member has a copy; the active member mounts it.",
  spec,
  status,
  rules: [
    ROOT_NAME_RULE,
    deviceKept("dataDevice"),
    deviceKept("metadataDevice"),
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.inSync) || (has(self.status) && has(self.status.inSync) && self.status.inSync.epoch >= oldSelf.status.inSync.epoch)",
      message: "status.inSync.epoch never falls, and status.inSync is never removed",
    },
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.inSync) || !has(self.status) || !has(self.status.inSync) || self.status.inSync == oldSelf.status.inSync || self.status.inSync.generation > oldSelf.status.inSync.generation",
      message: "status.inSync.generation rises with every change",
    },
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.primary) || (has(self.status) && has(self.status.primary) && (self.status.primary == oldSelf.status.primary || self.status.primary.epoch > oldSelf.status.primary.epoch))",
      message: "status.primary changes only with a higher epoch",
    },
  ],
  printerColumns: [
    { name: "Primary", type: "string", jsonPath: ".status.primary.node", description: "Member that holds the disk" },
    { name: "In-Sync", type: "string", jsonPath: ".status.inSync.members", description: "Members of the in-sync set" },
    { name: "Mode", type: "string", jsonPath: ".spec.mode", description: "Sync or Async" },
    { name: "Size", type: "string", jsonPath: ".status.size", description: "Bytes" },
    GROUP_COLUMN,
    READY_COLUMN,
    conditionColumn("InSync", "InSync", "Every copy is in sync"),
    AGE_COLUMN,
    { name: "Mount", type: "string", jsonPath: ".spec.mountPoint", description: "Mount point", priority: 1 },
    {
      name: "Generation",
      type: "integer",
      jsonPath: ".status.inSync.generation",
      description: "Of the in-sync set",
      priority: 1,
    },
    { name: "Port", type: "integer", jsonPath: ".status.port", description: "TCP port of the mirror", priority: 1 },
  ],
};
