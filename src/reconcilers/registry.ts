/**
 * Which reconciler runs for which kind. Adding a kind touches its file in `src/api`, its folder here, and its line
 * below; the compiler names a line that is missing.
 */
import type { LbProbePort, MirrorDisk, ObjectByKind } from "../api/generated/types.ts";
import type { KindName, ResourceKind } from "../api/kinds.ts";
import type { Reconciler } from "../controller/contract.ts";
import type { KubeApi } from "../kube/ports.ts";
import type { Ec2Access } from "../cloud/aws/ec2-access.ts";
import type { Route53Access } from "../cloud/aws/route53-access.ts";
import type { AzureDnsAccess } from "../cloud/azure/dns-access.ts";
import type { AzureNetworkAccess } from "../cloud/azure/network-knowledge.ts";
import { awsDnsKind } from "./aws-dns/kind.ts";
import { awsElasticIpKind } from "./aws-elastic-ip/kind.ts";
import { awsVirtualIpKind } from "./aws-virtual-ip/kind.ts";
import { azureDnsKind } from "./azure-dns/kind.ts";
import { FailoverGroupReconciler, type FailoverGroupModules } from "./failover-group/reconciler.ts";
import { LbProbePortReconciler } from "./lb-probe-port/reconciler.ts";
import type { PointerKind } from "./pointer/kind.ts";
import { createPointerReconciler, type PointerDeps } from "./pointer/reconciler.ts";
import type { PointerObject } from "./pointer/seen.ts";
import type { Caches, WritableCache } from "./shared/sources.ts";
import { unimplementedReconciler } from "./shared/unimplemented-kind.ts";

/** A reconciler whose observation and steps are its own business. */
export type AnyReconciler = Reconciler<unknown, unknown>;

export interface RegistryModules {
  readonly kube: KubeApi;
  readonly caches: Caches & {
    readonly resources: { readonly [Kind in ResourceKind]: WritableCache<ObjectByKind[Kind]> };
  };
  readonly failoverGroup: FailoverGroupModules;
  readonly pointers: Omit<PointerDeps<PointerObject>, "objects">;
  readonly clouds: Clouds;
}

/** Access to the clouds, for the kinds that ask them. */
export interface Clouds {
  readonly ec2: Ec2Access;
  readonly route53: Route53Access;
  readonly azureDns: AzureDnsAccess;
  readonly azureNetworks: AzureNetworkAccess;
}

type Factory = (modules: RegistryModules) => AnyReconciler;

/** Seen and Step never leave the loop that runs the reconciler, so one that knows them serves as one that does not. */
function erased<Seen, Step>(reconciler: Reconciler<Seen, Step>): AnyReconciler {
  return reconciler as unknown as AnyReconciler;
}

/** `makeKind`: what is special about a kind of pointer, with the clouds it needs. */
function pointer<Obj extends PointerObject, Facts, Write, Keys>(
  makeKind: (modules: Clouds & Pick<PointerDeps<Obj>, "metrics" | "clock">) => PointerKind<Obj, Facts, Write, Keys>,
): Factory {
  return ({ pointers, caches, clouds }) => {
    const kind = makeKind({ ...clouds, metrics: pointers.metrics, clock: pointers.clock });
    const objects = caches.resources[kind.kind] as unknown as WritableCache<Obj>;
    return erased(createPointerReconciler(kind, { ...pointers, objects }));
  };
}

function unimplemented(kind: ResourceKind): Factory {
  return ({ kube, caches, failoverGroup: { events } }) =>
    erased(
      unimplementedReconciler(kind, {
        kube,
        objects: caches.resources[kind] as WritableCache<never>,
        groups: caches.groups,
        events,
      }),
    );
}

export const RECONCILERS: Readonly<Record<KindName, Factory>> = {
  FailoverGroup: ({ failoverGroup, caches }) => {
    const disks: WritableCache<MirrorDisk> = caches.resources.MirrorDisk;
    return erased(new FailoverGroupReconciler({ ...failoverGroup, sealed: (disk) => disks.absorb(disk) }));
  },
  AwsVirtualIP: pointer(awsVirtualIpKind),
  AwsElasticIP: pointer(awsElasticIpKind),
  AwsDns: pointer(awsDnsKind),
  AzureDns: pointer(azureDnsKind),
  LbProbePort: ({ pointers, caches, clouds }) => {
    const probes: WritableCache<LbProbePort> = caches.resources.LbProbePort;
    return erased(new LbProbePortReconciler({ ...pointers, probes, networks: clouds.azureNetworks }));
  },
  MirrorDisk: unimplemented("MirrorDisk"),
};
