/** The registry of kinds: the compiler asks for a definition of each. */
import { awsDns } from "./aws-dns.ts";
import { awsElasticIP } from "./aws-elastic-ip.ts";
import { awsVirtualIP } from "./aws-virtual-ip.ts";
import { azureDns } from "./azure-dns.ts";
import { failoverGroup } from "./failover-group.ts";
import type { KindDefinition } from "./kind-definition.ts";
import type { KindName } from "./kinds.ts";
import { lbProbePort } from "./lb-probe-port.ts";
import { mirrorDisk } from "./mirror-disk.ts";

export const DEFINITIONS: Readonly<Record<KindName, KindDefinition>> = {
  FailoverGroup: failoverGroup,
  AwsVirtualIP: awsVirtualIP,
  AwsElasticIP: awsElasticIP,
  AwsDns: awsDns,
  AzureDns: azureDns,
  LbProbePort: lbProbePort,
  MirrorDisk: mirrorDisk,
};
