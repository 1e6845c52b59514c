/** Reasons of the conditions that the six resource kinds share (API.md section 0). */
import { bad, good, passing, stalled, unknown } from "./reason-text.ts";

const NETWORK = "network path, proxy, packet filter or endpoint; overload of the node that the controller runs on";

export const SHARED_REASONS = {
  Ready: {
    Active: good("The resource is active on the member that holds the group."),
    Inactive: passing("False", "The group is stopped, so the resource is down as wanted."),
    NotInGroup: bad(
      "No FailoverGroup lists the object.",
      "the object was created before its group, or its entry in spec.resources is missing or misspelt",
      "Add {kind, name} of the object to spec.resources of a FailoverGroup in the same namespace.",
    ),
    Activating: passing("False", "The resource is being activated."),
    Deactivating: passing("False", "The resource is being deactivated."),
    ActivationFailed: bad(
      "The activation was refused or failed.",
      "the message carries the error of the cloud or of the member",
      "Remove the cause named in the message; activation is tried again by itself.",
    ),
    ActivationTimeout: bad(
      "The activation did not end within spec.timeouts.activate.",
      `${NETWORK}; a timeout below the measured call time`,
      "Compare spec.timeouts with status.callTime and raise them, or repair the path to the cloud's API.",
      "9",
      "6",
    ),
    CallTimeout: bad(
      "The cloud did not answer in time, and whenUnreadable is Recover.",
      NETWORK,
      "As for Observed CallTimeout; set whenUnreadable: Warn if an API outage must not count as a fault.",
      "6",
    ),
    CallFailed: bad(
      "A cloud call failed, and whenUnreadable is Recover.",
      "the message carries the error of the cloud",
      "As for Observed CallFailed; set whenUnreadable: Warn if an API outage must not count as a fault.",
      "5",
    ),
    EndpointUnreachable: bad(
      "The cloud's endpoint cannot be reached, and whenUnreadable is Recover.",
      NETWORK,
      "As for Observed EndpointUnreachable; set whenUnreadable: Warn if an API outage must not count as a fault.",
      "5",
    ),
    SimulatedFault: bad(
      "The monitor reports a fault because the simulate-fault operation asked for it.",
      "annotation understudy.dev/simulate-fault on the group",
      "Nothing; it ends when the group has left the member, after 10 minutes, or with simulate-fault=none.",
    ),
  },
  PreflightOK: {
    Passed: good("Everything an activation needs was checked and found."),
    NotChecked: unknown(
      "The checks have not run yet.",
      "the object is new, or not listed by a group",
      "Wait; if it stays, list the object in a FailoverGroup.",
    ),
    UnknownMember: bad(
      "spec.members names a node that is not a member of the group.",
      "a misspelt node name, or a member that was removed from the group",
      "Correct spec.members[].node, or add the node to spec.members of the group.",
    ),
    ClaimedElsewhere: bad(
      "Another object or group already holds the same address, record or device; this one stays inactive.",
      "two groups list the object, or two objects name the same address",
      "Remove one of them. The older claim keeps it; the message names it.",
    ),
    CredentialsMissing: bad(
      "There are no credentials to call the cloud with.",
      "the Secret in spec.credentials does not exist or lacks a key, or the controller has no ambient identity",
      "Create the Secret with the keys that spec.credentials documents, or give the controller's service account an identity.",
      "51",
      "99",
    ),
    CredentialsRejected: bad(
      "The cloud does not accept the credentials.",
      "wrong or revoked key, expired certificate, wrong tenant, a clock that is far off",
      "Renew the Secret or the identity; the controller reads it again by itself.",
    ),
    AmbientNotAllowed: bad(
      "The namespace may not use the controller's own identity.",
      "the installation's ambientCredentials.namespaces does not list it",
      "Set spec.credentials, or let the administrator add the namespace.",
    ),
    NotAuthorized: bad(
      "The identity lacks a permission; the message names the action and the resource.",
      "an IAM policy or role that allows only some of the resources, such as some of the route tables",
      "Allow the action named in the message on every resource that the object touches.",
      "50",
      "5",
    ),
    NotFound: bad(
      "The cloud does not know a resource that the object names.",
      "a wrong id, region, account or subscription",
      "Correct the id named in the message.",
      "50",
      "5",
    ),
    InvalidRequest: bad(
      "The cloud refuses the request as malformed.",
      "an id of the wrong kind, or a combination of settings that the cloud does not allow",
      "Correct the field named in the message.",
      "50",
      "5",
    ),
    NotImplemented: bad(
      "The object uses a field or a kind that this version does not carry out.",
      "the message names the fields",
      "Remove the fields named in the message, or install a version that has them.",
    ),
    Unreadable: unknown(
      "The checks could not be made because the cloud did not answer.",
      NETWORK,
      "Repair the path to the cloud's API; the checks run again by themselves.",
    ),
  },
  Observed: {
    Read: good("The truth was read at the last reading."),
    CallTimeout: bad(
      "The cloud did not answer within spec.timeouts.call: the truth is unknown, nothing is changed.",
      `${NETWORK}; a timeout below the measured call time`,
      "Compare spec.timeouts.call with status.callTime; use a VPC endpoint or repair the path.",
      "106",
    ),
    EndpointUnreachable: bad(
      "The cloud's endpoint cannot be reached: the truth is unknown, nothing is changed.",
      "no route, NAT, proxy or VPC endpoint; name resolution; an endpoint that does not serve this service",
      "Repair the path from the controller to the endpoint named in the message.",
      "105",
    ),
    Throttled: bad(
      "The cloud refuses calls because there are too many; they are repeated more slowly.",
      "other software that shares the account's limits, or many objects with short intervals",
      "Lengthen spec.monitor.interval, lower cloud.requestsPerSecond, or have the limit raised.",
    ),
    CallFailed: bad(
      "A cloud call failed: the truth is unknown, nothing is changed.",
      "an outage of the cloud's API, or a permission that was taken away",
      "See the error in the message; if it names a permission, restore it.",
      "105",
    ),
  },
  Reconciling: {
    Repairing: passing("True", "Something was found wrong and is being put right."),
    Applying: passing("True", "A change of the spec or a new active member is being applied."),
  },
  Stalled: {
    NeedsOperator: stalled(
      "The resource cannot go on without a person.",
      "the message names what is missing",
      "Do what the message says; work resumes by itself.",
    ),
  },
} as const;
