/** What the AwsVirtualIP reconciler can do to the outside, as data: `plan.ts` makes these values, `act.ts` carries them out. */
import type { AwsVirtualIPStatus, Grant } from "../../api/generated/types.ts";
import type { ObjectKey } from "../../kube/ports.ts";

export interface RouteWrite {
  readonly region: string;
  readonly routeTableId: string;
  readonly destinationCidr: string;
  readonly networkInterfaceId: string;
}

export type Step =
  | { readonly do: "AddFinalizer" }
  | { readonly do: "RemoveFinalizer" }
  /** All at once, each only while the group is still granted so. */
  | {
      readonly do: "ReplaceRoutes";
      readonly group: ObjectKey;
      readonly groupUid: string;
      readonly grant: Grant;
      readonly routes: readonly RouteWrite[];
    }
  | {
      readonly do: "SwitchSourceDestCheckOff";
      readonly enis: readonly { readonly region: string; readonly eniId: string }[];
    }
  | { readonly do: "WriteStatus"; readonly status: AwsVirtualIPStatus }
  /** An Event on the object. */
  | { readonly do: "Tell"; readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string };
