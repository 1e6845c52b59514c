/** Reasons that only one of the resource kinds has (API.md 1.2 to 1.7). */
import { bad, good, passing, stalled } from "./reason-text.ts";

export const AWS_VIRTUAL_IP_REASONS = {
  Ready: {
    RouteWrong: bad(
      "A route for the address points elsewhere; it is put right.",
      "somebody changed the route, or another cluster uses the same address",
      "If it happens again, look in the cloud's audit log for who calls ReplaceRoute.",
      "56",
    ),
    AddressMissing: bad(
      "The address is not on the active member's interface; it is put back.",
      "something on the member removed it, such as a network service that restarts",
      "Make the member's network configuration leave foreign addresses alone.",
    ),
    RoutesPartlyWritten: bad(
      "Some route tables were switched, others not.",
      "a permission for only some of the tables, or an API error in between",
      "Allow ec2:ReplaceRoute on every table that the message names; the rest is repeated by itself.",
    ),
  },
  PreflightOK: {
    AddressInsideVpc: bad(
      "The address lies inside a CIDR of the VPC, where AWS routes it itself.",
      "an address of a subnet was chosen",
      "Choose one outside every CIDR of the VPC, such as the one that the message proposes.",
      "53",
    ),
    NoRouteEntry: bad(
      "No route table of the VPC has an entry for the address.",
      "entries are never created by the product",
      "Add an entry for address/32 to every table whose subnets must reach it, with the ENI of any member as target.",
    ),
    SourceDestCheckOn: bad(
      "A member's ENI drops packets for the address.",
      "the source/destination check is on",
      "Switch it off on the ENI that the message names, or set spec.sourceDestCheck: Repair.",
    ),
    RouteTableShared: bad(
      "An entry for the address leads to a working interface that is no member's: somebody else serves the address there.",
      "another cluster with the same address, or a table that serves another purpose",
      "Point the entry to the ENI of any member, or name the tables to change in spec.routeTableIds.",
    ),
    EniMismatch: bad(
      "The ENI given for a member is not attached to its instance.",
      "a wrong id in spec.members, or an ENI that was replaced",
      "Correct or remove spec.members[].eniId; without it the primary ENI is found.",
    ),
  },
} as const;

export const AWS_ELASTIC_IP_REASONS = {
  Ready: {
    AssociationWrong: bad(
      "The Elastic IP is not associated with the active member's ENI; it is associated again.",
      "somebody changed it, or another cluster uses the same allocation",
      "If it happens again, look in the cloud's audit log for who calls AssociateAddress.",
      "7",
    ),
  },
  PreflightOK: {
    EniMismatch: bad(
      "The ENI given for a member is not attached to its instance.",
      "a wrong id in spec.members, or an ENI that was replaced",
      "Correct or remove spec.members[].eniId; without it the primary ENI is found.",
    ),
    NoEgressAfterMove: bad(
      "A member's own public address is lost while it holds the Elastic IP, and it would have no way out without it.",
      "the member reaches the internet by its own public address only",
      "Give the subnet a NAT gateway or VPC endpoints.",
    ),
  },
} as const;

const DNS_READY = {
  RecordMissing: bad(
    "The record does not exist; it is written again.",
    "somebody deleted it, or the identity may not read or change it",
    "If it happens again, look in the cloud's audit log; check the identity's permissions on the zone.",
    "7",
  ),
  RecordWrong: bad(
    "The record holds another address; it is corrected.",
    "another cluster or a person uses the same record",
    "Let only one owner write the record.",
    "8",
  ),
  NotResolved: bad(
    "The name does not resolve on the active member although the record is right.",
    "resolver, network, VPC settings, or missing NS records of a public zone at the registrar",
    "Ask the zone's name servers directly, then the resolver; or set spec.monitor.resolution: Off.",
    "9",
  ),
  ResolvedElsewhere: bad(
    "The name resolves to another address on the active member.",
    "a resolver that caches beyond the TTL, an entry in the hosts file, or a second zone of the same name",
    "Check /etc/hosts and the resolver on the member.",
    "10",
  ),
} as const;

const DNS_PROPAGATED = {
  InSync: good("All name servers of the zone have the last change."),
  Pending: passing("False", "The last change is on its way to the name servers; activation does not wait for it."),
  SlowPropagation: bad(
    "The change is not on all name servers after all readings of spec.sync.",
    "the provider is slow",
    "Nothing; if it stays, ask the provider's status page.",
  ),
} as const;

const DNS_PREFLIGHT = {
  NameOutsideZone: bad(
    "The name does not lie in the zone.",
    "a wrong zone or name",
    "Correct the name or the zone; both are immutable, so create the object anew.",
  ),
  RecordNotSimple: bad(
    "The record is an alias, has a routing policy, or several addresses that the product never wrote.",
    "it was created for another purpose",
    "Use another name, or delete that record.",
  ),
  VpcNotAssociated: bad(
    "A member's VPC or network is not associated with the private zone.",
    "the association is missing for one of the regions",
    "Associate the zone with every member's network.",
  ),
  VpcDnsOff: bad(
    "DNS resolution is off in a member's VPC.",
    "enableDnsSupport or enableDnsHostnames is false",
    "Switch both on in the VPC that the message names.",
  ),
} as const;

export const AWS_DNS_REASONS = {
  Ready: DNS_READY,
  PreflightOK: DNS_PREFLIGHT,
  Propagated: DNS_PROPAGATED,
} as const;

export const CREDENTIAL_VALID_REASONS = {
  Valid: good("The certificate of the credentials is valid for more than 30 days."),
  ExpiresSoon: bad(
    "The certificate of the credentials expires within 30 days; it still works.",
    "certificates of service principals have an end",
    "Create a new certificate, add it to the application and put it into the Secret; no restart is needed.",
  ),
  Expired: bad(
    "The certificate of the credentials has expired.",
    "it was not renewed",
    "Create a new certificate, add it to the application and put it into the Secret; no restart is needed.",
  ),
} as const;

export const AZURE_DNS_REASONS = {
  Ready: DNS_READY,
  PreflightOK: DNS_PREFLIGHT,
  Propagated: DNS_PROPAGATED,
  CredentialValid: CREDENTIAL_VALID_REASONS,
} as const;

export const LB_PROBE_PORT_REASONS = {
  Ready: {
    ListenerDown: bad(
      "Nothing listens on the probe port of the active member; it is opened again.",
      "the agent's worker restarts, or something took the port",
      "If it happens again, look at the agent's log on that member.",
    ),
    FrontendMissing: bad(
      "The frontend address is not on the loopback of the active member; it is put back.",
      "something on the member removed it",
      "Make the member's network configuration leave foreign addresses alone.",
    ),
  },
  PreflightOK: {
    PortInUse: bad(
      "Something else listens on the probe port.",
      "another program uses the port; on a standby the load balancer would send traffic there",
      "Stop that program, or choose another port here and in the load balancer's probe.",
    ),
    ProbePortDiffers: bad(
      "The load balancer does not ask this port: no member would receive traffic.",
      "spec.port and the health probe disagree; the probe is not a TCP probe; no load balancing rule uses it",
      "Give both the same port, make it a TCP probe, and let the rule use it.",
    ),
    MemberNotInBackendPool: bad(
      "The load balancer's backend pool lacks a member.",
      "its network interface was not added",
      "Add the member that the message names (its network interface, or its address) to the backend pool.",
    ),
    FloatingIpDisagrees: bad(
      "The rule's floating IP setting and spec.dsr disagree.",
      "Direct Server Return is on at one end only, or the rule's frontend is another address",
      "Enable floating IP on the rule and set spec.dsr with the rule's frontend address, or neither.",
    ),
    DsrPortsDiffer: bad(
      "With Direct Server Return the frontend and the backend port must be equal.",
      "the rule maps one port to another",
      "Give the rule the same port on both sides.",
    ),
  },
} as const;

const DIVERGED = stalled(
  "Two copies hold writes that the other lacks.",
  "a forced promotion, or a disk that came back from a backup",
  "Choose the copy to keep and annotate the disk with understudy.dev/discard-copy for the other.",
);

export const MIRROR_DISK_REASONS = {
  Ready: {
    MountFailed: bad(
      "The file system could not be mounted.",
      "the message carries the error of mount or fsck",
      "Repair the file system on the member that the message names.",
    ),
    NotWritable: bad(
      "The mounted file system does not take writes.",
      "the kernel made it read-only after an error, or it is full of errors",
      "See the kernel's log of the member; run fsck after a planned move.",
    ),
    WritesFrozen: bad(
      "A copy is lost and the API server cannot record it, so writes wait.",
      "the API server and a peer are unreachable at the same time",
      "Restore either; writes go on by themselves.",
    ),
    DiskFailed: bad(
      "The local disk of the primary fails.",
      "I/O errors of the device",
      "Move the group, replace the disk, then let the copy be rebuilt.",
    ),
  },
  InSync: {
    AllInSync: good("Every member holds every acknowledged write."),
    Rebuilding: passing("False", "A copy is being brought up to date; status.copies shows the progress."),
    PeerLost: bad(
      "A member with a copy is not reachable and was recorded out of the in-sync set.",
      "the member or the network between them is down",
      "Bring it back; its copy is rebuilt by itself.",
    ),
    CopyFailed: bad(
      "A copy has failed.",
      "I/O errors of its device",
      "Replace the device, then annotate the disk with understudy.dev/discard-copy for that member.",
    ),
    Diverged: bad(
      "Two copies hold writes that the other lacks.",
      "a forced promotion, or a disk that came back from a backup",
      "Choose the copy to keep and annotate the disk with understudy.dev/discard-copy for the other.",
    ),
  },
  PreflightOK: {
    DeviceMissing: bad(
      "A device does not exist on a member.",
      "a wrong path, or a disk that is not attached",
      "Attach the disk, or correct dataDevice or metadataDevice.",
    ),
    SizesDiffer: bad(
      "A member's device is smaller than the mirror.",
      "partitions of different sizes",
      "Enlarge the partition that the message names.",
    ),
    DeviceNotEmpty: bad(
      "A device holds something that this disk did not create.",
      "an old file system, or a disk that was used before",
      "Wipe it there, or annotate the disk with understudy.dev/discard-copy as the message shows.",
    ),
    ForeignDisk: bad(
      "The metadata says that the device belongs to another MirrorDisk or group.",
      "a disk that was moved from elsewhere",
      "Attach the right disk, or accept its loss with understudy.dev/discard-copy.",
    ),
    NewerFormat: bad(
      "The metadata was written by a newer version.",
      "a downgrade of the agent",
      "Install the newer version again.",
    ),
    DeviceInUse: bad(
      "Something else has the device open or mounted.",
      "an entry in fstab, LVM or another program",
      "Release the device on the member that the message names.",
    ),
    NoNbd: bad(
      "The kernel has no network block device.",
      "the module nbd is missing",
      "Load the module nbd, or set spec.attach: ExportOnly.",
    ),
    UnstableDeviceName: {
      status: "True",
      meaning: "Warning: a device is named in a way that may change at the next boot.",
      cause: "/dev/sdX or /dev/nvmeX instead of a stable link",
      remedy: "Use a link under /dev/disk, such as by-partlabel.",
    },
  },
  Stalled: {
    CopiesDiverged: DIVERGED,
    DeviceNotEmpty: stalled(
      "A device holds something that this disk did not create, so nothing is written to it.",
      "an old file system, or a disk that was used before",
      "Wipe it there, or annotate the disk with understudy.dev/discard-copy as the message shows.",
    ),
    NoInSyncMember: stalled(
      "No reachable member holds an up-to-date copy.",
      "the members of the in-sync set are all down",
      "Bring one of them back. If it is lost for good, use force-promote on the group.",
    ),
  },
} as const;
