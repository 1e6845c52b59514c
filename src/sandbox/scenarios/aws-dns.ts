/**
 * `examples/aws-dns` under fire: a name in a private hosted zone leads to the active member. The general faults, a planned
 * move during which the name is never absent, a record that is deleted or changed by hand, and an outage of Route 53.
 */
import { crash, cutOff } from "./faults.ts";
import { Route53Deployment } from "./route53-deployment.ts";
import type { Scenario } from "./scenario.ts";

/** Of the example. */
const STORY = {
  example: "aws-dns",
  object: "awsdns1",
  zoneId: "Z0123456789ABCDEFGHIJ",
  zone: "hz1.local.",
  name: "srv.hz1.local.",
  ttlMs: 5_000,
} as const;

export const AWS_DNS_SCENARIO: Scenario = {
  what: "examples/aws-dns",
  topology: "two-zones",
  service: "own-address",
  build: (ground) => {
    const deployment = new Route53Deployment(STORY, ground);
    const { move, deleted, changed, outage } = deployment;
    return deployment.parts([deployment.neverAbsent(crash), move, cutOff, deleted, changed, outage]);
  },
};
