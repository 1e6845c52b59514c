/** Requirements 5 and 5.1: deployments that work end to end, and their resources with parameters. */
import { type Requirement, WITH_THE_MIRROR } from "./row.ts";

const deployment = (row: string, holds: string): Requirement => ({ section: "5", row, holds });
const parameter = (row: string, holds: string, later?: string): Requirement => ({
  section: "5.1",
  row,
  holds,
  ...(later === undefined ? {} : { later }),
});

export const DEPLOYMENTS: readonly Requirement[] = [
  deployment("aws-virtual-ip", "a virtual IP over two zones, without its mirrored disk"),
  deployment("aws-elastic-ip", "an Elastic IP, reached from outside the VPC"),
  deployment("aws-dns", "a name in a private hosted zone"),
  deployment("azure-dns", "a name in an Azure DNS zone"),
  deployment("azure-public-lb", "a public load balancer, 80 to 8080"),
  deployment("azure-internal-lb", "an internal load balancer"),
  deployment("azure-internal-lb-dsr", "the same with Direct Server Return"),
  deployment("aws-multi-region", "two regions with peering and a client site that has its own resolver"),
  deployment("aws-dns-direct-connect", "real member addresses behind Route 53 for clients beyond the VPC"),
  { section: "5", row: "with a mirrored disk", holds: "each of them with a mirrored disk", later: WITH_THE_MIRROR },
];

export const PARAMETERS: readonly Requirement[] = [
  parameter("AWS virtual IP address", "outside the CIDRs of the VPC, as /32 only"),
  parameter("AWS virtual IP VPC", "the VPC follows from the member's interface; several VPCs need no field"),
  parameter("AWS virtual IP ENI", "given per member, or found from the instance"),
  parameter("AWS virtual IP route tables", "every table of the VPCs that already has the entry; none is created"),
  parameter("AWS virtual IP source/dest check", "verified on each interface, switched off on request"),
  parameter("AWS virtual IP timeout", "a deadline per call (5s) and per activation (30s)"),
  parameter("AWS Elastic IP allocation ID", "one allocation for all members; one object may claim it"),
  parameter("AWS Elastic IP ENI", "given per member, or found"),
  parameter("AWS DNS zone and name", "hosted zone and lower-case FQDN; the last dot is optional"),
  parameter("AWS DNS IP", "per member, or one fixed address such as a VIP or EIP"),
  parameter("AWS DNS TTL", "whole seconds, 10s unless set"),
  parameter("AWS DNS delete on deactivation", "kept unless asked; deleted only when the group stops, never in a move"),
  {
    ...parameter("Azure DNS record and zone", "record set, zone, resource group, address per member"),
    parts: ["Azure DNS record set", "Azure DNS per-node IP"],
  },
  parameter("Azure DNS TTL", "10s unless set; the guide's 3600 is allowed"),
  {
    ...parameter(
      "Azure DNS credentials",
      "certificate, secret, workload or managed identity; expiry warned 30, 7, 1 days before",
    ),
    parts: ["Azure DNS certificate", "Azure DNS certificate expiry"],
  },
  parameter("LB probe port number", "1 to 65535, required"),
  parameter("LB probe port behaviour", "listens only while active; who may probe can be limited"),
  parameter("LB probe port DSR", "frontend address on the loopback while active; same port on both sides"),
  parameter("Mirror disk data device", "data and metadata partition, mount point, file system", WITH_THE_MIRROR),
  parameter("Mirror disk initial build", "full first copy, or skipped on request", WITH_THE_MIRROR),
  parameter("Mirror disk mkfs", "only on an empty device", WITH_THE_MIRROR),
  parameter("Mirror disk mirror connect", "an address for mirror traffic per member", WITH_THE_MIRROR),
  parameter("Mirror disk device names", "stable links; /dev/sdX is warned about; grows online", WITH_THE_MIRROR),
  parameter("AZ monitor", "in the group, zone found; warns unless told to fail over"),
  parameter("EXEC", "start, stop and monitor commands on the member"),
  parameter("NP resolution", "HTTP HEAD 200 or ping targets beside the lease of the API server"),
  parameter("Heartbeat", "signed UDP between agents, and the API server"),
  parameter("Forced stop", "EC2 and Azure machines, found from the provider id"),
  parameter("Group", "starts on any member, in order of preference"),
  parameter(
    "Route 53 tunables",
    "record, sync and check intervals and counts are fields; hot; a TTL applies at the next write",
  ),
  parameter(
    "Unsupported in clouds",
    "floating IP, virtual IP, computer name, management group: refused with a message",
  ),
];
