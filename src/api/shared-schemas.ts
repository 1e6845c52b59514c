/**
 * Types that several kinds share (API.md section 0): durations, addresses, credentials, monitors, timeouts, and
 * the part of `status` that all six resource kinds have in common.
 */
import { DURATION_PATTERN } from "../lib/duration.ts";
import {
  choice,
  counter,
  integer,
  listMap,
  object,
  text,
  time,
  withRules,
  type Schema,
  type ValidationRule,
} from "./schema.ts";

/** Most members of a group (API.md 1.1). */
export const MAX_MEMBERS = 8;
/** Status keeps entries of members that are leaving, so it has room for more than the spec. */
export const MAX_STATUS_MEMBERS = 16;

/** Longest text that the Duration pattern admits is 4 * (5 digits + 2 letters). */
const MAX_DURATION_CHARS = 28;

/** A Duration between `from` and `to`, both included. */
export function duration(description: string, from: string, to: string, extra: Schema = {}): Schema {
  const base: Schema = {
    type: "string",
    description: `${description} A duration such as 500ms, 10s or 1m30s, from ${from} to ${to}.`,
    pattern: DURATION_PATTERN,
    maxLength: MAX_DURATION_CHARS,
    ...extra,
  };
  return withRules(base, {
    rule: `duration(self) >= duration('${from}') && duration(self) <= duration('${to}')`,
    message: `must be from ${from} to ${to}`,
  });
}

/** One duration of an object must not be longer than another. The API server also checks the bare default `{}`. */
export function notLonger(short: string, long: string): ValidationRule {
  return {
    rule: `!has(self.${short}) || !has(self.${long}) || duration(self.${short}) <= duration(self.${long})`,
    message: `${short} must be at most ${long}`,
  };
}

/** A measured duration in a status: no range, nothing to refuse. */
export function measured(description: string): Schema {
  return { type: "string", description, pattern: DURATION_PATTERN, maxLength: MAX_DURATION_CHARS };
}

/** No leading zero: the API server's ipv4 format would admit it, and readers differ on what it means. */
const OCTET = "\\.(0|[1-9][0-9]{0,2})";
/** Not in 0/8, 127/8, 169.254/16, 224/3. `format: ipv4` bounds the octets. RE2 has no look-ahead, hence the length. */
export const ADDRESS_PATTERN =
  `^(([1-9]|[1-9][0-9]|1[01][0-9]|12[0-689]|1[3-5][0-9]|16[0-8]|1[7-9][0-9]|2[01][0-9]|22[0-3])${OCTET}` +
  `|169\\.([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-35]))${OCTET}${OCTET}$`;

export function address(description: string, extra: Schema = {}): Schema {
  return {
    type: "string",
    format: "ipv4",
    description: `${description} An IPv4 address outside 0/8, 127/8, 169.254/16 and 224/3.`,
    pattern: ADDRESS_PATTERN,
    maxLength: 15,
    ...extra,
  };
}

/** An address that is only reported. */
export function foundAddress(description: string): Schema {
  return text(description, { maxLength: 45 });
}

export function bytes(description: string, extra: Schema = {}): Schema {
  return {
    description: `${description} An integer number of bytes, or a text such as 256Mi.`,
    "x-kubernetes-int-or-string": true,
    pattern: "^[0-9]+(Ki|Mi|Gi|Ti)?$",
    maxLength: 20,
    minimum: 0,
    ...extra,
  };
}

/** RFC 1123 subdomain: names of Nodes and of objects. */
export const SUBDOMAIN_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

export function nodeName(description: string): Schema {
  return text(description, { minLength: 1, pattern: SUBDOMAIN_PATTERN });
}

/** Name of an object of this API: at most 63 characters (root CEL rule of every kind). */
export function objectName(description: string): Schema {
  return text(description, { minLength: 1, maxLength: 63, pattern: SUBDOMAIN_PATTERN });
}

export function credentials(rights: string): Schema {
  return object(
    `Credentials for the cloud. ${rights} Omitted: the controller's ambient identity (IRSA, Pod Identity, workload or managed identity).`,
    {
      secretRef: object(
        "Secret in the same namespace. AWS keys: accessKeyId, secretAccessKey. Azure keys: tenantId, clientId and clientCertificate (PEM with key) or clientSecret.",
        { name: text("Name of the Secret.", { minLength: 1 }) },
        { required: ["name"], typeName: "SecretReference" },
      ),
    },
    { required: ["secretRef"], typeName: "Credentials" },
  );
}

/** Interval, timeout, retries and start delay that a kind's monitor has unless the user says otherwise. */
export interface MonitorDefaults {
  readonly interval: string;
  readonly timeout: string;
  readonly retries: number;
  readonly startDelay: string;
}

export interface MonitorOptions {
  readonly extra?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly typeName?: string;
  /** True: the presence of the object switches the monitor on, so it gets no default. */
  readonly isSwitch?: boolean;
  readonly rules?: readonly { readonly rule: string; readonly message: string }[];
}

export function monitor(description: string, defaults: MonitorDefaults, options: MonitorOptions = {}): Schema {
  const fields: Readonly<Record<string, Schema>> = {
    interval: duration("Time between two readings.", "1s", "1h", { default: defaults.interval }),
    timeout: duration("Deadline of one reading; at most the interval.", "100ms", "1h", { default: defaults.timeout }),
    retries: integer("Further bad readings before the resource counts as bad.", 0, 10, { default: defaults.retries }),
    retryInterval: duration("Time between the readings that confirm a bad one.", "100ms", "10m", { default: "2s" }),
    startDelay: duration("Time after activation before the first reading counts.", "0s", "10m", {
      default: defaults.startDelay,
    }),
    whenUnreadable: choice(
      "What to do when the truth cannot be read: Warn (condition Observed), Ignore (only a metric), Recover (as if it were wrong). A wrong answer is always recovered.",
      ["Warn", "Ignore", "Recover"],
      { default: "Warn", typeName: "WhenUnreadable" },
    ),
    ...options.extra,
  };
  return object(`${description} Changes act at once, without a restart.`, fields, {
    ...(options.isSwitch === true ? {} : { defaulted: true }),
    ...(options.required === undefined ? {} : { required: options.required }),
    typeName: options.typeName ?? "Monitor",
    rules: [notLonger("timeout", "interval"), ...(options.rules ?? [])],
  });
}

const ACTIVATE_DEACTIVATE = (activate: string, deactivate: string): Readonly<Record<string, Schema>> => ({
  activate: duration("The whole activation, with retries.", "100ms", "1h", { default: activate }),
  deactivate: duration("The whole deactivation, with retries.", "100ms", "1h", { default: deactivate }),
});

/** Deadlines of kinds that call a cloud. */
export function cloudTimeouts(): Schema {
  return object(
    "Deadlines.",
    {
      call: duration("One cloud call; at most activate. Compare with status.callTime.", "100ms", "1h", {
        default: "5s",
      }),
      ...ACTIVATE_DEACTIVATE("30s", "30s"),
    },
    {
      defaulted: true,
      typeName: "CloudTimeouts",
      rules: [notLonger("call", "activate")],
    },
  );
}

/** Deadlines of kinds that act on the member only. */
export function localTimeouts(activate: string, deactivate: string): Schema {
  return object("Deadlines.", ACTIVATE_DEACTIVATE(activate, deactivate), {
    defaulted: true,
    typeName: "LocalTimeouts",
  });
}

/** Every kind's name must fit a label value. */
export const ROOT_NAME_RULE = {
  rule: "size(self.metadata.name) <= 63",
  message: "metadata.name must have at most 63 characters",
} as const;

export function conditions(): Schema {
  const condition = object(
    "One fact about the object.",
    {
      type: text("What the condition is about.", { maxLength: 316, minLength: 1 }),
      status: choice("Whether the condition holds.", ["True", "False", "Unknown"]),
      observedGeneration: counter("metadata.generation that the condition is about."),
      lastTransitionTime: time("When status changed last."),
      reason: text("Stable word for the cause; the closed lists are in docs/troubleshooting.md.", {
        minLength: 1,
        maxLength: 128,
        pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
      }),
      message: text("What failed, on which object, found, expected, remedy.", { maxLength: 32768 }),
    },
    { required: ["type", "status", "lastTransitionTime", "reason", "message"], typeName: "Condition" },
  );
  return listMap("Facts in the Kubernetes form, one per type.", "type", 16, condition);
}

export function observedGeneration(): Schema {
  return counter("metadata.generation that this status is about.");
}

export function callTime(): Schema {
  return object(
    "How long cloud calls took lately; to be compared with spec.timeouts.call.",
    { p99: measured("99 of 100 calls were faster."), max: measured("The slowest call.") },
    { typeName: "CallTime" },
  );
}

export function operation(verbs: readonly string[]): Schema {
  return object(
    "The operation being carried out; absent while there is none.",
    {
      verb: choice("Which operation.", verbs),
      value: text("Its argument, as given in the annotation.", { maxLength: MAX_OPERATION_CHARS }),
      since: time("When it was accepted."),
      requestedBy: text("Field manager of whoever asked for it.", { maxLength: 128 }),
    },
    { required: ["verb", "value", "since"] },
  );
}

const MAX_OPERATION_CHARS = 1024;

/** The part of status that the six resource kinds share; written by the controller. */
export function resourceStatus(own: Readonly<Record<string, Schema>>): Readonly<Record<string, Schema>> {
  return {
    observedGeneration: observedGeneration(),
    group: object(
      "The group that holds the claim on this object.",
      { name: text("Name of the FailoverGroup."), uid: text("Its UID.", { maxLength: 64 }) },
      { required: ["name", "uid"], typeName: "GroupClaim" },
    ),
    active: object(
      "What was last applied: the member and the epoch.",
      { node: text("Active member."), epoch: counter("Epoch of the grant under which it was applied.") },
      { required: ["node", "epoch"], typeName: "AppliedTo" },
    ),
    ...own,
    conditions: conditions(),
  };
}

/** `status.members`: facts found per member, by the controller. */
export function foundMembers(facts: Readonly<Record<string, Schema>>, typeName: string): Schema {
  return listMap(
    "Facts found, one entry per member.",
    "node",
    MAX_STATUS_MEMBERS,
    object("Facts about one member.", { node: text("Member."), ...facts }, { required: ["node"], typeName }),
  );
}
/** `spec.members` of a resource kind: overrides of what is found otherwise. */
export function memberOverrides(
  description: string,
  overrides: Readonly<Record<string, Schema>>,
  typeName: string,
): Schema {
  return listMap(
    description,
    "node",
    MAX_MEMBERS,
    object(
      "Overrides for one member.",
      { node: nodeName("Member the entry is about."), ...overrides },
      { required: ["node"], typeName },
    ),
  );
}
