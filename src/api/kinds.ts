/**
 * The closed list of kinds and every name that belongs to the API: finalizers, operation annotations, field
 * managers. Small on purpose: the agent loads this file; schemas, reasons and CRDs live beside it.
 *
 * Must never do: be repeated. A kind, an annotation or a finalizer is spelled here and nowhere else.
 */
import { createHash } from "node:crypto";
import type { ResourceType } from "../kube/ports.ts";

export const API_GROUP = "understudy.dev";
export const API_GROUP_VERSION = "v1alpha1";
export const API_VERSION = "understudy.dev/v1alpha1";

export interface Kind extends ResourceType {
  readonly kind: KindName;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly finalizer: string;
}

/** Kinds that a FailoverGroup may list in `spec.resources`. */
export const RESOURCE_KINDS = [
  "AwsVirtualIP",
  "AwsElasticIP",
  "AwsDns",
  "AzureDns",
  "LbProbePort",
  "MirrorDisk",
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export const KIND_NAMES = ["FailoverGroup", ...RESOURCE_KINDS] as const;
export type KindName = (typeof KIND_NAMES)[number];

/** What a group moves: an object of one of the six kinds, or a command written inline. */
export type GroupResourceKind = ResourceKind | "exec";

export const FINALIZERS = {
  /** On groups: deletion waits until the group is deactivated (see `spec.whenDeleted`). */
  deactivate: "understudy.dev/deactivate",
  /** On the other kinds: deletion waits until no group lists the object. */
  inUse: "understudy.dev/in-use",
} as const;

function defineKind(kind: KindName, plural: string, shortName: string, finalizer: string): Kind {
  return {
    group: API_GROUP,
    version: API_GROUP_VERSION,
    plural,
    kind,
    namespaced: true,
    singular: kind.toLowerCase(),
    listKind: `${kind}List`,
    shortNames: [shortName],
    categories: ["all", "understudy"],
    finalizer,
  };
}

export const FAILOVER_GROUP: Kind = defineKind("FailoverGroup", "failovergroups", "fg", FINALIZERS.deactivate);
export const AWS_VIRTUAL_IP: Kind = defineKind("AwsVirtualIP", "awsvirtualips", "avip", FINALIZERS.inUse);
export const AWS_ELASTIC_IP: Kind = defineKind("AwsElasticIP", "awselasticips", "aeip", FINALIZERS.inUse);
export const AWS_DNS: Kind = defineKind("AwsDns", "awsdnses", "adns", FINALIZERS.inUse);
export const AZURE_DNS: Kind = defineKind("AzureDns", "azurednses", "azdns", FINALIZERS.inUse);
export const LB_PROBE_PORT: Kind = defineKind("LbProbePort", "lbprobeports", "lbpp", FINALIZERS.inUse);
export const MIRROR_DISK: Kind = defineKind("MirrorDisk", "mirrordisks", "md", FINALIZERS.inUse);

export const KINDS: Readonly<Record<KindName, Kind>> = {
  FailoverGroup: FAILOVER_GROUP,
  AwsVirtualIP: AWS_VIRTUAL_IP,
  AwsElasticIP: AWS_ELASTIC_IP,
  AwsDns: AWS_DNS,
  AzureDns: AZURE_DNS,
  LbProbePort: LB_PROBE_PORT,
  MirrorDisk: MIRROR_DISK,
};

export function isKindName(text: string): text is KindName {
  return KIND_NAMES.some((kind) => kind === text);
}

export function isResourceKind(text: string): text is ResourceKind {
  return RESOURCE_KINDS.some((kind) => kind === text);
}

/** Operations: annotations that the controller carries out once and removes (API.md section 3). */
export const OPERATION_VERBS = {
  moveTo: "move-to",
  stop: "stop",
  start: "start",
  pause: "pause",
  simulateFault: "simulate-fault",
  verify: "verify",
  rebuild: "rebuild",
  resize: "resize",
  forcePromote: "force-promote",
  discardCopy: "discard-copy",
} as const;
export type OperationVerb = (typeof OPERATION_VERBS)[keyof typeof OPERATION_VERBS];

export const GROUP_OPERATIONS = ["move-to", "stop", "start", "pause", "simulate-fault", "force-promote"] as const;
export const DISK_OPERATIONS = ["verify", "rebuild", "resize", "discard-copy"] as const;

/** The annotation that asks for an operation, e.g. `understudy.dev/move-to`. */
export function operationAnnotation(verb: OperationVerb): string {
  return `${API_GROUP}/${verb}`;
}

/** Field manager of everything that the controller writes to a status. */
export const CONTROLLER_FIELD_MANAGER = "understudy-controller";

/** Limit of the Kubernetes API on the length of a field manager. */
const MAX_FIELD_MANAGER_CHARS = 128;

/** Field manager of the agent on `node`: `understudy-agent.<node>`, hashed when that is longer than 128 characters. */
export function agentFieldManager(node: string): string {
  const plain = `understudy-agent.${node}`;
  if (plain.length <= MAX_FIELD_MANAGER_CHARS) return plain;
  return `understudy-agent.${createHash("sha256").update(node).digest("hex")}`;
}
