/** Reasons of the conditions of FailoverGroup (API.md 1.1). */
import { CREDENTIAL_VALID_REASONS } from "./reasons-kinds.ts";
import { bad, good, passing, stalled, unknown } from "./reason-text.ts";

export const GROUP_REASONS = {
  Ready: {
    Active: good("Every resource is active on the member that holds the grant."),
    Activating: passing("False", "The group is being activated on its member."),
    Switchover: passing("False", "A planned move is under way."),
    FailingOver: passing("False", "The active member was lost; the group is moving to another one."),
    ResourceFailed: bad(
      "A resource is down and was not repaired yet.",
      "the message names the resource and what its monitor found",
      "Look at the conditions of the resource; repair and move go on by themselves unless failover.mode says otherwise.",
    ),
    NoCandidate: bad(
      "No member may take the group.",
      "status.members says for each member why it is not promotable",
      "Bring one member into the state that its reason asks for.",
    ),
    Blocked: bad(
      "Going on could lose data or have two members active, so the group waits.",
      "see the condition Stalled",
      "Do what Stalled says.",
    ),
    Stopped: passing("False", "The group was stopped; the start operation brings it up."),
    Held: bad(
      "The group stays down until a person decides.",
      "status.hold: stopped after failure, an unclean stop with coldStart that waits, or a decision about data",
      "Read status.hold, then annotate the group with understudy.dev/start.",
    ),
    ActiveNotHeard: unknown(
      "The active member's session is not renewed, but a live peer reports an open promise to it: it is alive and keeps serving.",
      "the member does not reach the API server while its peers hear it",
      "Restore the member's path to the API server.",
    ),
  },
  Reconciling: {
    Activating: passing("True", "Resources are being activated."),
    Deactivating: passing("True", "Resources are being deactivated."),
    Fencing: passing("True", "Proof is awaited that the old member is off."),
    Revoking: passing("True", "The old member's session is being ended; this takes its full duration without proof."),
    Moving: passing("True", "The group is moving."),
    SpecChanged: passing("True", "A change of the spec is being applied."),
  },
  Stalled: {
    NoMemberFound: stalled(
      "None of the members is a Node that runs the agent.",
      "misspelt names, or the agent is not installed there",
      "Correct spec.members, or install the agent on those nodes.",
    ),
    ResourceNotFound: stalled(
      "spec.resources names an object that does not exist.",
      "a misspelt name, or the object is in another namespace",
      "Create the object, or correct the entry.",
    ),
    ClaimedElsewhere: stalled(
      "A resource of the group is held by another group.",
      "two groups list the same object, or two objects name the same address",
      "Remove it from one of the groups. The older claim keeps it.",
    ),
    CyclicDependency: stalled(
      "dependsOn leads back to itself; the message names the cycle.",
      "two resources wait for each other, often a command that depends on a pointer which by default waits for all commands",
      "Remove one of the dependencies, e.g. by an explicit dependsOn on the pointer.",
    ),
    FenceUnproven: stalled(
      "fencing.policy is Required and there is no proof that the old member is off.",
      "the cloud does not answer, the identity may not stop VMs, or the VM keeps stopping",
      "Stop the VM and wait for proof, or taint the Node node.kubernetes.io/out-of-service, or use force-promote.",
    ),
    NoInSyncMember: stalled(
      "No reachable member holds an up-to-date copy of a disk.",
      "the members of the in-sync set are all down",
      "Bring one of them back. If it is lost for good, use force-promote and accept the loss that its message states.",
    ),
    CopiesDiverged: stalled(
      "Two copies of a disk hold writes that the other lacks.",
      "a forced promotion, or a disk that came back from a backup",
      "Choose the copy to keep and annotate the disk with understudy.dev/discard-copy for the other.",
    ),
    AttemptsExhausted: stalled(
      "Every member was tried; finalAction was carried out.",
      "see status.history and the conditions of the resource that failed",
      "Remove the cause, then annotate the group with understudy.dev/start.",
    ),
    UncleanStop: stalled(
      "The group was not stopped cleanly and coldStart waits for a person.",
      "all members went down at once",
      "Check the service's data, then annotate the group with understudy.dev/start.",
    ),
    TimingsConflict: stalled(
      "Members live by session timings that do not fit together.",
      "nodes with different settings, or a change of settings that has not reached all nodes",
      "Give all nodes the same session settings; nothing moves until they agree.",
    ),
    TwoActiveSeen: stalled(
      "Two members claim to be active. The holder of the grant survives, the other is told to stop.",
      "a member whose guard or clock was stopped without a watchdog",
      "Look at both members; enable a watchdog, or fencing with proof.",
    ),
  },
  StandbyReady: {
    Promotable: good("At least one standby could take the group now."),
    NoStandby: bad(
      "A failover would not succeed now.",
      "status.members says for each member why it is not promotable",
      "Bring one standby into the state that its reason asks for.",
    ),
  },
  PreflightOK: {
    Passed: good("Everything that the group needs was checked and found."),
    Failed: bad(
      "A resource, or the fencing of a member, did not pass its preflight; the message names the first.",
      "the message; for a resource also its condition PreflightOK",
      "Do what the message says, or that condition.",
    ),
    MemberNotFound: bad(
      "A member is no Node.",
      "a misspelt name, or a Node that has not joined yet",
      "Correct spec.members; the message lists the nodes that run the agent.",
    ),
    NotSupported: bad(
      "The group asks for something that its cloud does not have.",
      "monitors.availabilityZone outside AWS, or a fencing method of the other cloud",
      "Remove the field that the message names.",
    ),
    NotChecked: unknown("The checks have not run yet.", "the group is new", "Wait a moment."),
    PortInUse: bad(
      "Something else listens on a port of spec.servicePorts on a standby.",
      "the service runs on the standby, started by something other than the group",
      "Stop it there and let the group start it.",
    ),
    CommandNotAllowed: bad(
      "A command does not lie under an exec directory, or is not root-owned.",
      "exec.directories of the installation",
      "Move the program into one of the directories named in the message, owned by root and not writable by others.",
    ),
    NotImplemented: bad(
      "The group uses a field or a kind that this version does not carry out.",
      "the message names the fields",
      "Remove the fields named in the message, or install a version that has them.",
    ),
  },
  WatchdogReady: {
    Available: good("Every member can arm a watchdog."),
    NoWatchdog: bad(
      "A member has no watchdog: if its guard freezes, nothing stops the member in time.",
      "no watchdog device, or watchdog.mode is Off",
      "Load softdog or enable the hardware watchdog on the members named, or use fencing with proof.",
    ),
    NotReported: unknown(
      "A member has not said yet whether it has a watchdog.",
      "its agent has not started",
      "Start the agent on the members named.",
    ),
  },
  ZoneAvailable: {
    Available: good("The availability zone of the active member works, as its cloud says."),
    NotChecked: unknown("The zone has not been asked for yet.", "the monitor has just begun", "Wait a moment."),
    ZoneUnavailable: bad(
      "The cloud says that the availability zone of the active member does not work.",
      "an outage of the zone",
      "See the cloud's status page; with onFailure: Failover the group moves to a member in another zone by itself.",
    ),
    ZoneInvalid: bad(
      "The region has no such availability zone for this account.",
      "a wrong zone in the provider id of the Node or in spec.members[].providerID",
      "Correct the provider id; the message names the zones there are.",
      "5",
    ),
    CallTimeout: {
      ...unknown(
        "The cloud did not answer in time which zones work.",
        "the controller's path to the cloud, or a timeout below the measured call time",
        "Measure DescribeAvailabilityZones and lengthen monitors.availabilityZone.timeout; whenUnreadable: Ignore if it happens often.",
      ),
      codes: ["106", "6"],
    },
    CallFailed: {
      ...unknown(
        "The cloud could not be asked which zones work.",
        "the error of the cloud in the message, or a permission that is missing",
        "If the message names a permission, grant ec2:DescribeAvailabilityZones; whenUnreadable: Ignore if it happens often.",
      ),
      codes: ["105", "5"],
    },
  },
  Paused: {
    FailoverPaused: passing("True", "failover.mode, the pause operation or the global switch pauses repair and moves."),
    FaultSimulated: passing("True", "The simulate-fault operation is under way."),
  },
  CredentialValid: CREDENTIAL_VALID_REASONS,
} as const;
