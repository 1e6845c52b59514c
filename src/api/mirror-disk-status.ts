/** The parts of `MirrorDisk.status` that only this kind has. */
import { choice, counter, integer, list, listMap, message, object, text, time, type Schema } from "./schema.ts";
import { MAX_MEMBERS, MAX_STATUS_MEMBERS, measured } from "./shared-schemas.ts";

const rebuild = object(
  "Progress of a rebuild.",
  {
    percent: integer("Done, in percent.", 0, 100),
    rate: counter("Bytes per second."),
    remaining: measured("Time left."),
  },
  { typeName: "RebuildProgress" },
);

const copy = object(
  "One copy.",
  {
    node: text("Member that holds it."),
    state: choice("State of the copy.", ["InSync", "Rebuilding", "OutOfSync", "Diverged", "Failed", "Unknown"], {
      typeName: "CopyState",
    }),
    generation: counter("Generation of the in-sync set that the copy knows."),
    epoch: counter("Epoch that the copy knows."),
    device: text("Data device in use.", { maxLength: 255 }),
    size: counter("Usable bytes."),
    outOfSync: counter("Bytes known to differ from the primary."),
    rebuild,
    lag: object(
      "How far an asynchronous copy is behind.",
      { bytes: counter("Bytes queued."), time: measured("Age of the oldest write queued.") },
      { typeName: "CopyLag" },
    ),
    rtt: measured("Round trip to the primary."),
    verify: object(
      "The last online comparison.",
      { finishedAt: time("When it ended."), differences: counter("Bytes that differed.") },
      { typeName: "VerifyResult" },
    ),
    message: message("What was found and expected."),
  },
  { required: ["node", "state"], typeName: "DiskCopy" },
);

export const mirrorDiskStatus: Readonly<Record<string, Schema>> = {
  inSync: {
    ...object(
      "The arbiter's record: members whose copy holds every acknowledged write. Changed only by compare-and-set.",
      {
        generation: counter("Rises with every change."),
        epoch: counter("Epoch under which it was changed; never falls."),
        members: list("The in-sync members; never empty.", MAX_MEMBERS, text("A member."), { minItems: 1 }),
      },
      { required: ["generation", "epoch", "members"], typeName: "InSyncSet" },
    ),
    "x-kubernetes-map-type": "atomic",
  },
  primary: object(
    "The seal: written with the new epoch before the grant.",
    { node: text("The primary."), epoch: counter("Its epoch; always rises.") },
    { required: ["node", "epoch"], typeName: "DiskPrimary" },
  ),
  size: counter("Usable bytes of the mirror."),
  port: integer("TCP port of the mirror, assigned once from the installation's range.", 1, 65535),
  copies: listMap("One entry per agent, each written by that agent only.", "node", MAX_STATUS_MEMBERS, copy),
};
