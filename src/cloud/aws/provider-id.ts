/** The provider id of a Node on AWS: `aws:///ZONE/INSTANCE` (cloud-provider-aws), and the region that a zone lies in. Pure. */

export interface AwsInstanceId {
  readonly zone: string;
  readonly region: string;
  readonly instanceId: string;
}

/** Undefined when the text is not an AWS provider id. The part before the zone (an account, or nothing) is not used. */
export function parseAwsProviderId(providerId: string): AwsInstanceId | undefined {
  const match = /^aws:\/\/[^/]*\/([a-z0-9-]+)\/(i-[0-9a-z]+)$/.exec(providerId);
  const [, zone, instanceId] = match ?? [];
  const region = zone === undefined ? undefined : regionOfZone(zone);
  if (zone === undefined || instanceId === undefined || region === undefined) return undefined;
  return { zone, region, instanceId };
}

/** `eu-central-1` of `eu-central-1a`, of the local zone `us-west-2-lax-1a`, of the Wavelength zone `us-east-1-wl1-bos-wlz-1`. */
export function regionOfZone(zone: string): string | undefined {
  return /^[a-z]{2,4}(?:-[a-z]+)+?-\d+/.exec(zone)?.[0];
}
