import { describe, expect, it } from "vitest";
import { parseAwsProviderId, regionOfZone } from "./provider-id.ts";

describe("a provider id of AWS", () => {
  it("names zone, region and instance", () => {
    const instance = { zone: "eu-central-1a", region: "eu-central-1", instanceId: "i-0abc" };
    expect(parseAwsProviderId("aws:///eu-central-1a/i-0abc")).toEqual(instance);
    expect(parseAwsProviderId("aws://123456789012/eu-central-1a/i-0abc")).toEqual(instance);
  });

  it.each([
    "",
    "i-0abc",
    "azure:///subscriptions/x",
    "aws:///eu-central-1a",
    "aws:///zone/i-0abc",
    "aws:///eu-central-1a/i-0abc/x",
  ])("is not %j", (text) => expect(parseAwsProviderId(text)).toBeUndefined());

  it.each([
    ["us-gov-west-1b", "us-gov-west-1"],
    ["us-west-2-lax-1a", "us-west-2"],
    ["us-east-1-wl1-bos-wlz-1", "us-east-1"],
    ["ap-northeast-3c", "ap-northeast-3"],
  ])("lies with zone %s in region %s", (zone, region) => expect(regionOfZone(zone)).toBe(region));
});
