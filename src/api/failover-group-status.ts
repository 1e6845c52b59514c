/**
 * `FailoverGroup.status`. A list has one class of writer: `reports` belongs to the agents, one entry each, all the
 * rest to the controller (API.md section 0). The transition rules of `epoch` and `active` stand in
 * `failover-group.ts`, at the root, so that they also hold when `status` appears or vanishes.
 */
import { GROUP_OPERATIONS } from "./kinds.ts";
import { choice, counter, integer, list, listMap, message, object, text, time, type Schema } from "./schema.ts";
import {
  MAX_MEMBERS,
  MAX_STATUS_MEMBERS,
  conditions,
  measured,
  observedGeneration,
  operation,
} from "./shared-schemas.ts";

/** holderIdentity of a session Lease: `NODE_UUID`. */
const MAX_SESSION_CHARS = 320;
const session = (description: string): Schema => text(description, { maxLength: MAX_SESSION_CHARS });

const CAUSES = [
  "SessionExpired",
  "Fenced",
  "ResourceFailed",
  "Isolated",
  "ZoneUnavailable",
  "Requested",
  "Cordoned",
  "ScheduledEvent",
  "Shutdown",
  "Failback",
  "ForcePromote",
  "ColdStart",
];
const cause = choice("Why the group moves.", CAUSES, { typeName: "MoveCause" });

const RESOURCE_STATES = ["Active", "Inactive", "Activating", "Deactivating", "Failed", "Unknown"];
const resourceState = choice("State of the resource.", RESOURCE_STATES, { typeName: "ResourceState" });

const reason = (description: string): Schema => text(description, { maxLength: 128 });

const members = listMap(
  "The controller's verdict on each member.",
  "node",
  MAX_STATUS_MEMBERS,
  object(
    "Verdict on one member.",
    {
      node: text("Member."),
      session: choice("State of its session.", ["Live", "Expired", "Fenced", "Released", "Unknown"], {
        typeName: "MemberSession",
      }),
      state: choice("What it is to the group.", ["Active", "Promotable", "NotPromotable", "Fencing", "Fenced"], {
        typeName: "MemberState",
      }),
      reason: choice(
        "Why it is not promotable.",
        [
          "SessionMissing",
          "NotInSync",
          "NoCopy",
          "PreflightFailed",
          "Cordoned",
          "OutOfScope",
          "AttemptsExhausted",
          "Isolated",
          "NotYetKnown",
          "NodeMissing",
          "Incompatible",
        ],
        { typeName: "NotPromotableReason" },
      ),
      message: message("What was found and expected."),
    },
    { required: ["node", "session", "state"], typeName: "MemberVerdict" },
  ),
);

const resources = listMap(
  "Joined view of every resource: the controller's and the active agent's knowledge.",
  "name",
  32,
  object(
    "One resource.",
    {
      name: text("Name in spec.resources."),
      kind: text("Kind of the object; exec for an inline command.", { maxLength: 63, tsType: "GroupResourceKind" }),
      state: resourceState,
      reason: reason("Why it is in that state."),
      reactivations: integer("Repairs in place since the last reset.", 0, 1000),
    },
    { required: ["name", "kind", "state"], typeName: "ResourceView" },
  ),
);

const promise = object(
  "Promise to the holder not to activate; written when its state changes.",
  {
    node: text("The holder it was given to."),
    session: session("The holder's session."),
    epoch: counter("The holder's epoch."),
    state: choice(
      "Open: vetoes the revoke. Lapsed: over. Down: the holder itself said that this epoch is down.",
      ["Open", "Lapsed", "Down"],
      { typeName: "PromiseState" },
    ),
  },
  { required: ["node", "session", "epoch", "state"], typeName: "MemberPromise" },
);

const reportedResource = object(
  "Local half of one resource.",
  {
    name: text("Name in spec.resources."),
    state: resourceState,
    reason: reason("Why it is in that state."),
    message: message("What was found and expected."),
    since: time("When the state changed."),
  },
  { required: ["name", "state"], typeName: "ReportedResource" },
);

const reports = listMap(
  "What the agents say, one entry per agent, each written by that agent only. A report counts only for the session and epoch it names.",
  "node",
  32,
  object(
    "Report of one agent.",
    {
      node: text("The reporter."),
      session: session("Its session."),
      epoch: counter("The epoch it is about."),
      state: choice(
        "State of the group on this node. Inactive with epoch N: deactivated under N and never active under N again.",
        ["Inactive", "Activating", "Active", "Deactivating", "Frozen", "Failed"],
        { typeName: "ReportState" },
      ),
      since: time("When the state changed."),
      observedGeneration: counter("metadata.generation of the group that the agent acts on."),
      knownMembers: list(
        "Members that the holder asks for a promise; changed only by the holder under its own grant.",
        MAX_MEMBERS * 2,
        text("A member."),
      ),
      promise,
      isolation: choice(
        "Isolation targets: at least one answers; none does, retries included; not known (yet), or it cannot be told on this member.",
        ["Reached", "Lost", "NotChecked"],
        { typeName: "IsolationReport" },
      ),
      resources: listMap("Local half of every resource.", "name", 32, reportedResource),
    },
    { required: ["node", "session", "epoch", "state"], typeName: "MemberReport" },
  ),
);

const STEPS = {
  detect: "From the last sign of life to the decision.",
  fence: "Until the old member was proven off.",
  revoke: "Until its session was ended.",
  seal: "Until every disk was sealed with the new epoch.",
  grant: "Until the new grant was written.",
  activate: "Until everything was active on the new member.",
  verify: "Until the monitors agreed.",
};

const history = list(
  "The last moves, newest first.",
  16,
  object(
    "One move.",
    {
      epoch: counter("Epoch that the move granted."),
      cause,
      from: text("Member that held the group before."),
      to: text("Member that holds it now."),
      startedAt: time("Start of the move."),
      finishedAt: time("End of the move; absent while it runs."),
      result: choice("How it ended; absent while it runs.", ["Succeeded", "Failed", "Refused"], {
        typeName: "MoveResult",
      }),
      message: message("Details: what was lost, why it was refused."),
      requestedBy: text("Field manager of whoever asked for it.", { maxLength: 128 }),
      steps: object(
        "Duration of each step.",
        Object.fromEntries(Object.entries(STEPS).map(([name, description]) => [name, measured(description)])),
        { typeName: "MoveSteps" },
      ),
    },
    { required: ["epoch", "cause", "startedAt"], typeName: "Move" },
  ),
);

export const failoverGroupStatus = object(
  "What is; written by the controller except for reports.",
  {
    observedGeneration: observedGeneration(),
    phase: choice(
      "Summary for people.",
      ["Inactive", "Activating", "Active", "Deactivating", "FailingOver", "Blocked", "Stopped"],
      { typeName: "GroupPhase" },
    ),
    epoch: counter("Last epoch granted, kept while nobody is active. It never falls."),
    active: object(
      "The grant: who may serve. Absent: nobody.",
      {
        node: text("Active member."),
        epoch: counter("Its epoch."),
        session: session("holderIdentity of the session Lease that the grant is bound to."),
        since: time("When it was granted."),
      },
      { required: ["node", "epoch", "session", "since"], typeName: "Grant" },
    ),
    target: object(
      "Where a move is going.",
      { node: text("The member chosen."), cause },
      { required: ["node", "cause"], typeName: "MoveTarget" },
    ),
    hold: object(
      "The group stays down until the start operation.",
      {
        reason: choice("Why.", ["StoppedByRequest", "StoppedAfterFailure", "UncleanStop", "DataDecision"], {
          typeName: "HoldReason",
        }),
        since: time("Since when."),
        message: message("Text of the request, or what a person must decide."),
      },
      { required: ["reason", "since"], typeName: "Hold" },
    ),
    operation: { ...operation(GROUP_OPERATIONS), typeName: "GroupOperation" },
    pausedUntil: time("End of a pause operation."),
    members,
    resources,
    reports,
    history,
    conditions: conditions(),
  },
  { typeName: "FailoverGroupStatus" },
);
