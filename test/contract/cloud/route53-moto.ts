/** The contract's zone on a moto server (its own zone per test, so that nothing has to be removed). */
import { ChangeResourceRecordSetsCommand, CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { CreateVpcCommand, EC2Client } from "@aws-sdk/client-ec2";
import type { Route53Port } from "../../../src/cloud/aws/route53-ports.ts";
import type { AwsClientOptions } from "../../../src/cloud/aws/sdk-caller.ts";
import type { Route53World } from "./route53.suite.ts";

const CREDENTIALS = { accessKeyId: "testing", secretAccessKey: "testing" };
const REGION = "eu-central-1";

export async function makeMotoZone(
  endpoint: string,
  connect: (options: AwsClientOptions) => Promise<Route53Port>,
): Promise<Route53World> {
  const ec2 = new EC2Client({ region: REGION, endpoint, credentials: CREDENTIALS });
  const route53 = new Route53Client({ region: "us-east-1", endpoint, credentials: CREDENTIALS });
  const vpc = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const vpcId = vpc.Vpc?.VpcId ?? "";
  const zone = await route53.send(
    new CreateHostedZoneCommand({
      Name: "hz1.local",
      CallerReference: `${performance.now()} ${Math.random()}`,
      VPC: { VPCId: vpcId, VPCRegion: REGION },
      HostedZoneConfig: { PrivateZone: true },
    }),
  );
  const zoneId = (zone.HostedZone?.Id ?? "").replace("/hostedzone/", "");
  const weighted = (SetIdentifier: string, Value: string) => ({
    Action: "CREATE" as const,
    ResourceRecordSet: {
      Name: "weighted.hz1.local",
      Type: "A" as const,
      TTL: 60,
      SetIdentifier,
      Weight: 1,
      ResourceRecords: [{ Value }],
    },
  });
  const AliasTarget = { DNSName: "lb-1.example.com.", HostedZoneId: "Z35SXDOTRQ7X7K", EvaluateTargetHealth: false };
  const alias = { Name: "alias.hz1.local", Type: "A" as const, AliasTarget };
  const Changes = [
    { Action: "CREATE" as const, ResourceRecordSet: alias },
    weighted("one", "10.0.1.1"),
    weighted("two", "10.0.1.2"),
  ];
  await route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes } }));
  ec2.destroy();
  route53.destroy();
  return {
    route53: await connect({ region: "us-east-1", endpoint, credentials: CREDENTIALS }),
    zoneId,
    vpcId,
    aliasName: "alias.hz1.local.",
    weightedName: "weighted.hz1.local.",
  };
}
