import { describe, expect, it } from "vitest";
import { iamPolicy } from "./aws-policy.ts";

const table = (id: string | undefined, region?: string) => ({ type: "route-table" as const, id, region });

describe("the IAM policy of a group", () => {
  it("narrows what can be narrowed to its resources, and asks * for reads that know none", () => {
    const policy = iamPolicy(
      [
        { call: "DescribeVpcs", on: [] },
        { call: "DescribeRouteTables", on: [] },
        { call: "ReplaceRoute", on: [table("rtb-2", "eu-west-1"), table("rtb-1", "eu-west-1")] },
        { call: "ReplaceRoute", on: [table("rtb-1", "eu-west-1")] },
      ],
      ["eu-west-1"],
    );
    expect(policy.Statement).toEqual([
      { Sid: "Read", Effect: "Allow", Action: ["ec2:DescribeRouteTables", "ec2:DescribeVpcs"], Resource: ["*"] },
      {
        Sid: "ReplaceRoute",
        Effect: "Allow",
        Action: ["ec2:ReplaceRoute"],
        Resource: ["arn:aws:ec2:eu-west-1:*:route-table/rtb-1", "arn:aws:ec2:eu-west-1:*:route-table/rtb-2"],
      },
    ]);
  });

  it("is open within the type for what is not known yet", () => {
    const { Statement } = iamPolicy([{ call: "ReplaceRoute", on: [table(undefined)] }], []);
    expect(Statement[0]?.Resource).toEqual(["arn:aws:ec2:*:*:route-table/*"]);
  });

  it("joins actions on the same resources, and names zones without region and account", () => {
    const on = [{ type: "hostedzone" as const, id: "Z1" }];
    const { Statement } = iamPolicy(
      [
        { call: "ListResourceRecordSets", on },
        { call: "ChangeResourceRecordSets", on },
        { call: "GetChange", on: [] },
      ],
      ["cn-north-1"],
    );
    expect(Statement.map(({ Action, Resource }) => [...Action, ...Resource])).toEqual([
      ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "arn:aws-cn:route53:::hostedzone/Z1"],
      ["route53:GetChange", "arn:aws-cn:route53:::change/*"],
    ]);
  });
});
