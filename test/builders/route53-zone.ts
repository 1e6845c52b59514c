/** A small Route 53: one private zone with an alias and two weighted records. */
import type { Clock } from "../../src/lib/clock.ts";
import { VirtualRoute53 } from "../../src/sandbox/route53/virtual-route53.ts";
import { seededRandom } from "../fakes/seeded-random.ts";

export const ZONE_ID = "Z1234567890ABC";
export const ZONE_VPC = "vpc-1111aaaa";

export function smallZone(clock: Clock, propagationMs = 500): VirtualRoute53 {
  const route53 = new VirtualRoute53({ propagationMs }, { clock, random: seededRandom(5) });
  route53.createHostedZone({
    zoneId: ZONE_ID,
    name: "hz1.local",
    vpcs: [{ vpcId: ZONE_VPC, region: "eu-central-1" }],
  });
  const weighted = (setIdentifier: string, address: string) => ({
    action: "CREATE" as const,
    record: { name: "weighted.hz1.local.", type: "A", ttl: 60, values: [address], setIdentifier, weight: 1 },
  });
  const aliasTarget = { dnsName: "lb-1.example.com.", hostedZoneId: "Z35SXDOTRQ7X7K" };
  route53.changeRecords(ZONE_ID, [
    { action: "CREATE", record: { name: "alias.hz1.local.", type: "A", values: [], aliasTarget } },
    weighted("one", "10.0.1.1"),
    weighted("two", "10.0.1.2"),
  ]);
  return route53;
}
