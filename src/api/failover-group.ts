/**
 * FailoverGroup: the unit that moves as one. This file is its `spec`; `failover-group-status.ts` its `status`.
 */
import { failoverGroupStatus } from "./failover-group-status.ts";
import { FAILOVER_GROUP } from "./kinds.ts";
import type { KindDefinition } from "./kind-definition.ts";
import { choice, integer, list, listMap, object, text, withRules, type Schema } from "./schema.ts";
import {
  MAX_MEMBERS,
  ROOT_NAME_RULE,
  address,
  credentials,
  duration,
  monitor,
  nodeName,
  notLonger,
  objectName,
} from "./shared-schemas.ts";

const UNSUPPORTED_KIND =
  "kind must be AwsVirtualIP, AwsElasticIP, AwsDns, AzureDns, LbProbePort or MirrorDisk; floating IP, virtual IP, virtual computer name and management group do not work in clouds";

const command = list(
  "Program and arguments, run on the host without a shell. The program must be absolute and lie under one of the installation's exec directories.",
  32,
  text("One argument.", { maxLength: 1024 }),
  { minItems: 1 },
);

const ABSOLUTE_PROGRAM = { rule: "self.command[0].matches('^/.+')", message: "command[0] must be an absolute path" };

function execStep(description: string): Schema {
  return object(
    `${description} Exit status 0 is success. Environment: UNDERSTUDY_GROUP, UNDERSTUDY_NAMESPACE, UNDERSTUDY_NODE, UNDERSTUDY_EPOCH, UNDERSTUDY_CAUSE.`,
    { command, timeout: duration("Killed after so long.", "100ms", "1h", { default: "60s" }) },
    { required: ["command"], typeName: "ExecStep", rules: [ABSOLUTE_PROGRAM] },
  );
}

const exec = object(
  "A command of the host as a resource of the group.",
  {
    start: execStep("Brings the service up."),
    stop: execStep("Takes it down; must be repeatable."),
    monitor: monitor(
      "Checks the service; omitted: start alone decides.",
      { interval: "10s", timeout: "10s", retries: 2, startDelay: "0s" },
      { extra: { command }, required: ["command"], typeName: "ExecMonitor", isSwitch: true, rules: [ABSOLUTE_PROGRAM] },
    ),
  },
  { required: ["start", "stop"], typeName: "ExecResource" },
);

const resource = object(
  "One thing that moves: an object of one of the six resource kinds, or an inline command.",
  {
    name: objectName("Name of the object, or of the inline command. Unique in the list."),
    kind: withRules(
      text("Kind of the object; omitted for an inline command.", { maxLength: 63, tsType: "ResourceKind" }),
      {
        rule: "self in ['AwsVirtualIP', 'AwsElasticIP', 'AwsDns', 'AzureDns', 'LbProbePort', 'MirrorDisk']",
        message: UNSUPPORTED_KIND,
      },
    ),
    exec,
    dependsOn: list(
      "Names of this list that must be active before. Omitted: storage, then commands in list order, then pointers. Empty: nothing. The local half of AwsVirtualIP and of a DSR frontend waits for storage only, so that a service can bind to the address.",
      16,
      objectName("Name of another resource of this group."),
    ),
    onFailure: choice(
      "What a failed resource leads to: Failover (reactivate, then move), Reactivate (reactivate, never move), Warn (report only).",
      ["Failover", "Reactivate", "Warn"],
      { default: "Failover", typeName: "OnFailure" },
    ),
  },
  {
    required: ["name"],
    typeName: "GroupResource",
    rules: [
      { rule: "has(self.kind) != has(self.exec)", message: "give exactly one of kind and exec" },
      {
        rule: "!has(self.dependsOn) || self.dependsOn.all(d, d != self.name)",
        message: "a resource cannot depend on itself",
      },
    ],
  },
);

const failover = object(
  "When and how the group moves.",
  {
    mode: choice(
      "Automatic: repair and move. Manual: repair in place, moves wait for the move-to operation. Paused: observe and report only. Exclusivity is never paused.",
      ["Automatic", "Manual", "Paused"],
      { default: "Automatic", typeName: "FailoverMode" },
    ),
    reactivations: integer("Repairs in place before moving.", 0, 20, { default: 3 }),
    attemptsPerMember: integer("Failed activations before a member is passed over.", 1, 10, { default: 1 }),
    resetAfter: duration("Time in health after which both counts start again.", "1m", "24h", { default: "10m" }),
    finalAction: choice(
      "When every member was tried. Not carried out while no other member has a live session: then activation is retried.",
      ["None", "Stop", "RebootNode"],
      { default: "Stop", typeName: "FinalAction" },
    ),
    failback: choice("Return to an earlier member of the list: by hand or by itself.", ["Manual", "Automatic"], {
      default: "Manual",
      typeName: "Failback",
    }),
    failbackAfter: duration("How long the earlier member must have been promotable.", "0s", "24h", { default: "10m" }),
    scope: choice(
      "By Node label topology.kubernetes.io/region. Anywhere: order ignores it. PreferRegion: own region first. SameRegion: other regions only by move-to.",
      ["Anywhere", "PreferRegion", "SameRegion"],
      { default: "Anywhere", typeName: "FailoverScope" },
    ),
    coldStart: choice(
      "Start of a group that nobody holds. HoldAfterUncleanStop and Manual wait for the start operation.",
      ["Automatic", "HoldAfterUncleanStop", "Manual"],
      { default: "Automatic", typeName: "ColdStart" },
    ),
    startWait: duration("How long a cold start waits for earlier members of the list.", "0s", "30m", {
      default: "30s",
    }),
    onCordon: choice("Cordon or drain of the active Node. A cordoned Node is never chosen.", ["Move", "Stay"], {
      default: "Move",
      typeName: "OnCordon",
    }),
  },
  { defaulted: true, typeName: "FailoverPolicy" },
);

const scheduledEvents = object(
  "Maintenance that EC2 or Azure announces.",
  {
    action: choice(
      "Act: a freeze lengthens tolerance, reboot, redeploy, preempt and retirement become a planned move. Report: only an event. Ignore: nothing.",
      ["Act", "Report", "Ignore"],
      { default: "Act" },
    ),
    leadTime: duration("How long before the event the group moves, or at once.", "1m", "24h", { default: "10m" }),
  },
  { defaulted: true, typeName: "ScheduledEvents" },
);

const isolation = object(
  "Tells a member whether its own network is gone although the control plane answers. Presence switches it on.",
  {
    targets: list(
      "Reached by members, not by the controller. An active member that loses all of them while a standby reaches at least one gives the group up, once that was seen for interval + timeout + 1s; while nobody reaches any, the targets count as down and nothing moves.",
      8,
      object(
        "One target.",
        {
          http: object(
            "An HTTP request. Only the expected status counts: redirects are not followed, certificates are checked.",
            {
              url: text("What to request.", { maxLength: 2048, pattern: "^https?://.+" }),
              method: choice("HTTP method.", ["HEAD", "GET"], { default: "HEAD" }),
              expectStatus: integer("Status code that counts as reached.", 100, 599, { default: 200 }),
            },
            { required: ["url"], typeName: "HttpTarget" },
          ),
          ping: object(
            "An ICMP echo request, sent by the program ping of the agent's image. Without one the target counts neither as reached nor as lost.",
            { address: address("Whom to ping.") },
            { required: ["address"], typeName: "PingTarget" },
          ),
        },
        {
          typeName: "IsolationTarget",
          rules: [{ rule: "has(self.http) != has(self.ping)", message: "give exactly one of http and ping" }],
        },
      ),
      { minItems: 1 },
    ),
    interval: duration("Time between two rounds.", "1s", "1h", { default: "5s" }),
    timeout: duration("Deadline of one request; at most the interval.", "100ms", "1h", { default: "2s" }),
    retries: integer("Further failed rounds before a target counts as lost.", 0, 10, { default: 2 }),
  },
  {
    required: ["targets"],
    typeName: "Isolation",
    rules: [notLonger("timeout", "interval")],
  },
);

function fencingMethod(description: string): Schema {
  return object(
    description,
    {
      shutdown: choice(
        "Skip: power off at once, without shutting the system down. Graceful: let it shut down.",
        ["Skip", "Graceful"],
        { default: "Skip" },
      ),
    },
    { typeName: "FencingMethod" },
  );
}

const fencing = object(
  "Proof that a member which was lost is off. Omitted: only the expiry of its session counts. A member that released cleanly is not fenced. Presence switches it on.",
  {
    policy: choice(
      "Required: grant only after proof. BestEffort: after proof, or after timeout and session expiry. LeaseOnly: expiry only.",
      ["Required", "BestEffort", "LeaseOnly"],
      { default: "Required", typeName: "FencingPolicy" },
    ),
    awsStopInstance: fencingMethod("Stop the EC2 instance (Force and SkipOsShutdown with Skip)."),
    azurePowerOff: fencingMethod("Power the Azure VM off (skipShutdown with Skip)."),
    timeout: duration("How long to wait for proof.", "10s", "15m", { default: "120s" }),
    afterwards: choice(
      "Whether the fenced VM is booted again after the group is Ready elsewhere.",
      ["LeaveStopped", "Start"],
      { default: "LeaveStopped" },
    ),
    credentials: credentials("Needs the right to stop VMs, often another one than for addresses."),
  },
  {
    typeName: "Fencing",
    rules: [
      {
        rule: "self.policy == 'LeaseOnly' || has(self.awsStopInstance) || has(self.azurePowerOff)",
        message: "give awsStopInstance or azurePowerOff, or policy: LeaseOnly",
      },
      {
        rule: "!has(self.awsStopInstance) || !has(self.azurePowerOff)",
        message: "give at most one of awsStopInstance and azurePowerOff",
      },
    ],
  },
);

const spec = object(
  "What moves, between whom, and when.",
  {
    members: listMap(
      "Nodes that may run the group, in order of preference.",
      "node",
      MAX_MEMBERS,
      object(
        "One member.",
        {
          node: nodeName("Name of the Node; it need not exist yet."),
          providerID: text(
            "Only where the Node has none (k3s, kubeadm): gives instance, zone, subscription, resource group and VM to every feature. Found otherwise.",
            { maxLength: 1024, pattern: "^(aws|azure)://.+" },
          ),
        },
        { required: ["node"], typeName: "GroupMember" },
      ),
      { minItems: 1 },
    ),
    resources: listMap("What moves, as one.", "name", 32, resource, { minItems: 1 }),
    failover,
    scheduledEvents,
    isolation,
    fencing,
    monitors: object(
      "Monitors of the group itself. The monitors of resources belong to the resources.",
      {
        availabilityZone: monitor(
          "Watches the active member's zone (AWS only). Presence switches it on.",
          { interval: "60s", timeout: "10s", retries: 2, startDelay: "0s" },
          {
            isSwitch: true,
            typeName: "ZoneMonitor",
            extra: {
              onFailure: choice("What an unavailable zone leads to.", ["Warn", "Failover"], { default: "Warn" }),
            },
          },
        ),
      },
      { typeName: "GroupMonitors" },
    ),
    servicePorts: list(
      "TCP ports of the service. Connections to them are reset when a member stops serving; a standby that listens there is reported. Connections to addresses that the group brings need no entry.",
      32,
      integer("A TCP port.", 1, 65535),
    ),
    whenDeleted: choice(
      "Deactivate: take everything down first. Leave: uninstall without dropping the service; nothing guards it afterwards.",
      ["Deactivate", "Leave"],
      { default: "Deactivate", typeName: "WhenDeleted" },
    ),
  },
  {
    required: ["members", "resources"],
    typeName: "FailoverGroupSpec",
    rules: [
      {
        rule: "self.resources.all(r, !has(r.dependsOn) || r.dependsOn.all(d, self.resources.exists(x, x.name == d)))",
        message: "dependsOn must name resources of this group",
      },
    ],
  },
);

export const failoverGroup: KindDefinition = {
  kind: FAILOVER_GROUP,
  description:
    "A FailoverGroup keeps a set of resources active on exactly one of its members, and moves them together when that member fails.",
  spec,
  status: failoverGroupStatus,
  rules: [
    ROOT_NAME_RULE,
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.epoch) || (has(self.status) && has(self.status.epoch) && self.status.epoch >= oldSelf.status.epoch)",
      message: "status.epoch never falls",
    },
    {
      rule: "!has(self.status) || !has(self.status.active) || !has(oldSelf.status) || !has(oldSelf.status.epoch) || self.status.active.epoch > oldSelf.status.epoch || (has(oldSelf.status.active) && self.status.active.node == oldSelf.status.active.node && self.status.active.session == oldSelf.status.active.session && self.status.active.epoch == oldSelf.status.active.epoch)",
      message: "status.active changes only with a higher epoch",
    },
  ],
  printerColumns: [
    { name: "Active", type: "string", jsonPath: ".status.active.node", description: "Member that holds the group" },
    { name: "Epoch", type: "integer", jsonPath: ".status.epoch", description: "Last epoch granted" },
    { name: "Phase", type: "string", jsonPath: ".status.phase", description: "Phase, for people" },
    { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status', description: "Serves" },
    {
      name: "Standby",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="StandbyReady")].status',
      description: "Would a failover succeed now",
    },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Age" },
    { name: "Mode", type: "string", jsonPath: ".spec.failover.mode", description: "failover.mode", priority: 1 },
    { name: "Since", type: "date", jsonPath: ".status.active.since", description: "Time of the grant", priority: 1 },
    {
      name: "Reason",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      description: "Reason of Ready",
      priority: 1,
    },
  ],
};
