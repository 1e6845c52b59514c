import { describe, expect, it } from "vitest";
import { KIND_NAMES, type KindName } from "./kinds.ts";
import type { ConditionReasons } from "./reason-text.ts";
import { REASONS, reasonText, remedyOf } from "./reasons.ts";

/** The tables of the API's specification: conditions shared by the six resource kinds. */
const SHARED = {
  Ready: "Active Inactive NotInGroup Activating Deactivating ActivationFailed ActivationTimeout",
  PreflightOK:
    "Passed NotChecked UnknownMember ClaimedElsewhere CredentialsMissing CredentialsRejected AmbientNotAllowed NotAuthorized NotFound InvalidRequest NotImplemented Unreadable",
  Observed: "Read CallTimeout EndpointUnreachable Throttled CallFailed",
  Reconciling: "Repairing Applying",
  Stalled: "NeedsOperator",
};
/** With whenUnreadable: Recover an unreadable truth turns Ready False; simulate-fault reports a fault of its own. */
const SHARED_BEYOND = { Ready: "CallTimeout EndpointUnreachable CallFailed SimulatedFault" };

const DNS = {
  Ready: "RecordMissing RecordWrong NotResolved ResolvedElsewhere",
  PreflightOK: "NameOutsideZone RecordNotSimple VpcNotAssociated VpcDnsOff",
  Propagated: "InSync Pending SlowPropagation",
};
const CREDENTIAL_VALID = { CredentialValid: "Valid ExpiresSoon Expired" };

type Table = Readonly<Record<string, string>>;

const OWN: Readonly<Record<KindName, Table>> = {
  FailoverGroup: {
    Ready: "Active Activating Switchover FailingOver ResourceFailed NoCandidate Blocked Stopped Held ActiveNotHeard",
    Reconciling: "Activating Deactivating Fencing Revoking Moving SpecChanged",
    Stalled:
      "NoMemberFound ResourceNotFound ClaimedElsewhere CyclicDependency FenceUnproven NoInSyncMember CopiesDiverged AttemptsExhausted UncleanStop TimingsConflict TwoActiveSeen",
    StandbyReady: "Promotable NoStandby",
    PreflightOK: "Passed Failed MemberNotFound NotSupported NotChecked PortInUse CommandNotAllowed NotImplemented",
    WatchdogReady: "Available NoWatchdog NotReported",
    ZoneAvailable: "Available NotChecked ZoneUnavailable ZoneInvalid CallTimeout CallFailed",
    Paused: "FailoverPaused FaultSimulated",
    ...CREDENTIAL_VALID,
  },
  AwsVirtualIP: {
    Ready: "RouteWrong AddressMissing RoutesPartlyWritten",
    PreflightOK: "AddressInsideVpc NoRouteEntry SourceDestCheckOn RouteTableShared EniMismatch",
  },
  AwsElasticIP: { Ready: "AssociationWrong", PreflightOK: "EniMismatch NoEgressAfterMove" },
  AwsDns: DNS,
  AzureDns: { ...DNS, ...CREDENTIAL_VALID },
  LbProbePort: {
    Ready: "ListenerDown FrontendMissing",
    PreflightOK: "PortInUse ProbePortDiffers MemberNotInBackendPool FloatingIpDisagrees DsrPortsDiffer",
  },
  MirrorDisk: {
    Ready: "MountFailed NotWritable WritesFrozen DiskFailed",
    InSync: "AllInSync Rebuilding PeerLost CopyFailed Diverged",
    PreflightOK:
      "DeviceMissing SizesDiffer DeviceNotEmpty ForeignDisk NewerFormat DeviceInUse NoNbd UnstableDeviceName",
    Stalled: "CopiesDiverged DeviceNotEmpty NoInSyncMember",
  },
};

function expected(kind: KindName, type: string): string[] {
  const tables: readonly Table[] = kind === "FailoverGroup" ? [OWN[kind]] : [SHARED, SHARED_BEYOND, OWN[kind]];
  const named = tables.flatMap((table) => (table[type] ?? "").split(" ")).filter((reason) => reason !== "");
  return [...new Set(named)].sort();
}

describe.each(KIND_NAMES)("the reasons of %s", (kind) => {
  const conditions: ConditionReasons = REASONS[kind];

  it.each(Object.keys({ ...(kind === "FailoverGroup" ? {} : SHARED), ...OWN[kind] }))(
    "are those of the specification for %s",
    (type) => {
      expect(Object.keys(conditions[type] ?? {}).sort()).toEqual(expected(kind, type));
    },
  );

  it("have no condition that the specification lacks", () => {
    const types = Object.keys({ ...(kind === "FailoverGroup" ? {} : SHARED), ...OWN[kind] });
    expect(Object.keys(conditions).sort()).toEqual(types.sort());
  });

  it("each say what it means and what to do, in sentences, and fit a condition", () => {
    for (const reasons of Object.values(conditions)) {
      for (const [reason, text] of Object.entries(reasons)) {
        expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
        expect(text.meaning).toMatch(/\.$/);
        expect(text.remedy).toMatch(/\.$/);
      }
    }
  });
});

describe("lookups", () => {
  it("give the remedy, and nothing where nothing is to be done", () => {
    expect(remedyOf("AwsVirtualIP", "PreflightOK", "SourceDestCheckOn")).toContain("Switch it off");
    expect(remedyOf("AwsVirtualIP", "Ready", "Active")).toBe("");
    expect(remedyOf("AwsVirtualIP", "Ready", "NoSuchReason")).toBe("");
  });

  it("keep the guides' codes", () => {
    expect(reasonText("AwsVirtualIP", "Ready", "RouteWrong")?.codes).toEqual(["56"]);
    expect(reasonText("AwsDns", "Observed", "CallTimeout")?.codes).toEqual(["106"]);
  });
});
