/**
 * The availability zones of a region as EC2 describes them: one call for all of them, shared by everybody who watches one.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AvailabilityZone.html
 */
import type { Clock } from "../../lib/clock.ts";
import { type Read, ReadCache, type ReadWish } from "../read-cache.ts";
import type { AwsCredentials } from "./sdk-caller.ts";
import type { Ec2ZonePort, ZoneFacts } from "./ports.ts";

export interface Ec2ZoneAccess {
  /** `credentials` undefined: the ambient identity. */
  zonesOf(region: string, credentials: AwsCredentials | undefined): Promise<ZoneKnowledge>;
}

export class ZoneKnowledge {
  readonly #ec2: Ec2ZonePort;
  readonly #zones: ReadCache<ZoneFacts[]>;

  constructor(ec2: Ec2ZonePort, clock: Clock) {
    this.#ec2 = ec2;
    this.#zones = new ReadCache(clock);
  }

  /** Every zone that the account may use. */
  zones(wish: ReadWish): Promise<Read<ZoneFacts[]>> {
    return this.#zones.ask("", wish, () => this.#ec2.describeAvailabilityZones(wish));
  }
}
