/** What an AwsElasticIP's kind reads and writes, as plain values. */
import type { AwsElasticIP } from "../../api/generated/types.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import type { ElasticIp } from "../../cloud/aws/ports.ts";
import type { AwsMember } from "../pointer/aws-members.ts";
import type { Reading } from "../pointer/reading.ts";
import type { PointerSeen } from "../pointer/seen.ts";

/** One region of the members. An allocation exists in one region only; elsewhere its value is undefined. */
export interface RegionSeen {
  readonly region: string;
  readonly address: Reading<ElasticIp | undefined>;
}

export interface DryRunSeen {
  readonly action: "AssociateAddress" | "DisassociateAddress";
  /** The interface, or the association. */
  readonly target: string;
  readonly reading: Reading<true>;
}

export interface EipFacts {
  /** In the order of the group. */
  readonly members: readonly AwsMember[];
  readonly regions: readonly RegionSeen[];
  readonly permissions: readonly DryRunSeen[];
  readonly callTimes: CallTimes | undefined;
}

export type EipWrite =
  | {
      readonly do: "Associate";
      readonly region: string;
      readonly allocationId: string;
      readonly networkInterfaceId: string;
    }
  | { readonly do: "Disassociate"; readonly region: string; readonly associationId: string };

export type EipSeen = PointerSeen<AwsElasticIP, EipFacts>;
