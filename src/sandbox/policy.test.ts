import { describe, expect, it } from "vitest";
import { type Policy, refusedResource } from "./policy.ts";

const TABLES = "arn:aws:ec2:eu-central-1:*:route-table";
const policy: Policy = {
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Action: ["ec2:Describe*"], Resource: ["*"] },
    { Effect: "Allow", Action: ["ec2:ReplaceRoute"], Resource: [`${TABLES}/rtb-1`, `${TABLES}/rtb-2`] },
  ],
};
const table = (id: string): string => `arn:aws:ec2:eu-central-1:111122223333:route-table/${id}`;

describe("a policy of the emulated AWS", () => {
  it("allows what a statement allows, and nothing else", () => {
    expect(refusedResource({ policy }, "ec2:DescribeVpcs", ["*"])).toBeUndefined();
    expect(refusedResource({ policy }, "ec2:describevpcs", ["*"])).toBeUndefined();
    expect(refusedResource({ policy }, "ec2:StopInstances", ["*"])).toBe("*");
    expect(refusedResource({ policy }, "ec2:ReplaceRoute", [table("rtb-2")])).toBeUndefined();
    expect(refusedResource({ policy }, "ec2:ReplaceRoute", [table("rtb-12")])).toBe(table("rtb-12"));
  });

  it("asks for every resource that a request names", () => {
    expect(refusedResource({ policy }, "ec2:ReplaceRoute", [table("rtb-1"), table("rtb-3")])).toBe(table("rtb-3"));
  });

  it("does not take a statement about resources for one about the whole account", () => {
    const narrow: Policy = { ...policy, Statement: policy.Statement.slice(1) };
    expect(refusedResource({ policy: narrow }, "ec2:ReplaceRoute", ["*"])).toBe("*");
  });

  it("leaves an identity without limits alone, and holds one to its list of actions", () => {
    expect(refusedResource({}, "ec2:StopInstances", ["*"])).toBeUndefined();
    expect(refusedResource({ allowedActions: ["StopInstances"] }, "ec2:StopInstances", ["*"])).toBeUndefined();
    expect(refusedResource({ allowedActions: ["DescribeVpcs"] }, "ec2:StopInstances", ["*"])).toBe("*");
  });
});
