/** Availability zones in memory, for the controller's zone monitor. */
import { type Ec2ZoneAccess, ZoneKnowledge } from "../../src/cloud/aws/zone-knowledge.ts";
import type { Ec2ZonePort, ZoneFacts } from "../../src/cloud/aws/ports.ts";
import { CloudError, type CloudErrorCode } from "../../src/cloud/errors.ts";
import type { Clock } from "../../src/lib/clock.ts";

export class FakeZones implements Ec2ZonePort, Ec2ZoneAccess {
  /** State by name. */
  readonly states = new Map([
    ["eu-central-1a", "available"],
    ["eu-central-1b", "available"],
  ]);
  /** While set, every call fails with it. */
  trouble: CloudErrorCode | undefined;
  calls = 0;
  readonly #knowledge: ZoneKnowledge;

  constructor(clock: Clock) {
    this.#knowledge = new ZoneKnowledge(this, clock);
  }

  async zonesOf(): Promise<ZoneKnowledge> {
    return this.#knowledge;
  }

  async describeAvailabilityZones(): Promise<ZoneFacts[]> {
    this.calls++;
    const action = "DescribeAvailabilityZones";
    if (this.trouble !== undefined)
      throw new CloudError({ code: this.trouble, action }, `EC2 ${action}: ${this.trouble}`);
    return [...this.states].map(([name, state]) => ({ name, state }));
  }
}
