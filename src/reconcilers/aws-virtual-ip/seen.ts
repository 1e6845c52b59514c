/** What an AwsVirtualIP's kind reads and writes, as plain values. */
import type { AwsVirtualIP } from "../../api/generated/types.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import type { RouteTable } from "../../cloud/aws/ports.ts";
import type { AwsMember } from "../pointer/aws-members.ts";
import type { Reading } from "../pointer/reading.ts";
import type { PointerSeen } from "../pointer/seen.ts";

export interface VpcSeen {
  readonly vpcId: string;
  readonly region: string;
  readonly cidrBlocks: Reading<readonly string[]>;
  readonly routeTables: Reading<readonly RouteTable[]>;
}

export interface DryRunSeen {
  /** Route table. */
  readonly target: string;
  readonly reading: Reading<true>;
}

export interface VipFacts {
  /** In the order of the group. */
  readonly members: readonly AwsMember[];
  readonly vpcs: readonly VpcSeen[];
  readonly permissions: readonly DryRunSeen[];
  readonly callTimes: CallTimes | undefined;
}

export type VipWrite =
  | {
      readonly do: "ReplaceRoute";
      readonly region: string;
      readonly routeTableId: string;
      readonly destinationCidr: string;
      readonly networkInterfaceId: string;
    }
  | { readonly do: "SwitchSourceDestCheckOff"; readonly region: string; readonly eniId: string };

export type VipSeen = PointerSeen<AwsVirtualIP, VipFacts>;

/** The destination as routes name it. */
export function destinationOf(vip: AwsVirtualIP): string {
  return `${vip.spec.address}/32`;
}
