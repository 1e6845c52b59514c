/**
 * The one table of every condition reason, per kind and condition: a closed list. Conditions are written with
 * reasons of it only (the types see to that), and `docs/troubleshooting.md` is printed from it.
 */
import type { KindName } from "./kinds.ts";
import { GROUP_REASONS } from "./reasons-group.ts";
import {
  AWS_DNS_REASONS,
  AWS_ELASTIC_IP_REASONS,
  AWS_VIRTUAL_IP_REASONS,
  AZURE_DNS_REASONS,
  LB_PROBE_PORT_REASONS,
  MIRROR_DISK_REASONS,
} from "./reasons-kinds.ts";
import { SHARED_REASONS } from "./reasons-shared.ts";
import type { ConditionReasons, ReasonText } from "./reason-text.ts";

export type { ReasonText } from "./reason-text.ts";

const { Ready, PreflightOK, Observed, Reconciling, Stalled } = SHARED_REASONS;
const UNCHANGED = { Observed, Reconciling } as const;

export const REASONS = {
  FailoverGroup: GROUP_REASONS,
  AwsVirtualIP: {
    ...UNCHANGED,
    Stalled,
    Ready: { ...Ready, ...AWS_VIRTUAL_IP_REASONS.Ready },
    PreflightOK: { ...PreflightOK, ...AWS_VIRTUAL_IP_REASONS.PreflightOK },
  },
  AwsElasticIP: {
    ...UNCHANGED,
    Stalled,
    Ready: { ...Ready, ...AWS_ELASTIC_IP_REASONS.Ready },
    PreflightOK: { ...PreflightOK, ...AWS_ELASTIC_IP_REASONS.PreflightOK },
  },
  AwsDns: {
    ...UNCHANGED,
    Stalled,
    Ready: { ...Ready, ...AWS_DNS_REASONS.Ready },
    PreflightOK: { ...PreflightOK, ...AWS_DNS_REASONS.PreflightOK },
    Propagated: AWS_DNS_REASONS.Propagated,
  },
  AzureDns: {
    ...UNCHANGED,
    Stalled,
    Ready: { ...Ready, ...AZURE_DNS_REASONS.Ready },
    PreflightOK: { ...PreflightOK, ...AZURE_DNS_REASONS.PreflightOK },
    Propagated: AZURE_DNS_REASONS.Propagated,
    CredentialValid: AZURE_DNS_REASONS.CredentialValid,
  },
  LbProbePort: {
    ...UNCHANGED,
    Stalled,
    Ready: { ...Ready, ...LB_PROBE_PORT_REASONS.Ready },
    PreflightOK: { ...PreflightOK, ...LB_PROBE_PORT_REASONS.PreflightOK },
  },
  MirrorDisk: {
    ...UNCHANGED,
    Stalled: { ...Stalled, ...MIRROR_DISK_REASONS.Stalled },
    Ready: { ...Ready, ...MIRROR_DISK_REASONS.Ready },
    PreflightOK: { ...PreflightOK, ...MIRROR_DISK_REASONS.PreflightOK },
    InSync: MIRROR_DISK_REASONS.InSync,
  },
} as const satisfies Record<KindName, ConditionReasons>;

/** Condition types of a kind. */
export type ConditionType<K extends KindName> = keyof (typeof REASONS)[K] & string;
/** Reasons of one condition of a kind. */
export type Reason<K extends KindName, C extends ConditionType<K>> = keyof (typeof REASONS)[K][C] & string;

/** The text of a reason; undefined when the kind's condition does not have it. */
export function reasonText(kind: KindName, conditionType: string, reason: string): ReasonText | undefined {
  const conditions: ConditionReasons = REASONS[kind];
  return conditions[conditionType]?.[reason];
}

/** What to do about a reason, as a sentence for conditions, events and logs; empty when there is nothing to do. */
export function remedyOf(kind: KindName, conditionType: string, reason: string): string {
  const remedy = reasonText(kind, conditionType, reason)?.remedy ?? "";
  return remedy.startsWith("Nothing") ? "" : remedy;
}

/**
 * The reason with the numbers under which people's guides list it: `RouteWrong (56)`, `ActivationTimeout (9/6)`. Where a
 * number has 100 added for a fault that is only a warning (REQUIREMENTS 5.2), `status` says which of the two it is.
 */
export function reasonWithCodes(
  kind: KindName,
  conditionType: string,
  reason: string,
  status: ReasonText["status"],
): string {
  const codes = reasonText(kind, conditionType, reason)?.codes ?? [];
  const isWarning = (code: string): boolean => Number(code) > WARNING_CODES_ABOVE;
  const both = codes.some(isWarning) && !codes.every(isWarning);
  const fitting = both ? codes.filter((code) => isWarning(code) === (status === "Unknown")) : codes;
  return fitting.length === 0 ? reason : `${reason} (${fitting.join("/")})`;
}

const WARNING_CODES_ABOVE = 100;
