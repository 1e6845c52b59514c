import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readFiles } from "./preflight-input.ts";
import { runPreflight } from "./preflight.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-preflight-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, ...objects: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  return path;
}

const node = (name: string, providerID: string) => ({ kind: "Node", metadata: { name }, spec: { providerID } });
const group = (spec: object) => ({
  kind: "FailoverGroup",
  metadata: { name: "failover1" },
  spec: { members: [{ node: "node1" }, { node: "node2" }], resources: [], ...spec },
});
const NODES = [node("node1", "aws:///eu-west-1a/i-01"), node("node2", "aws:///eu-west-1b/i-02")];
const SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a";
const vmId = (name: string): string =>
  `azure:///subscriptions/${SUBSCRIPTION}/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/${name}`;

async function run(
  from: string,
  flags: object = {},
  name?: string,
): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const io = {
    open: () => Promise.resolve({ input: readFiles(from), namespace: undefined }),
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
  };
  const code = await runPreflight(name, { systemNamespace: "understudy-system", ...flags }, io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

describe("understudy preflight", () => {
  it("prints the policy of manifests: reads everywhere, changes on what is known", async () => {
    const vip = {
      kind: "AwsVirtualIP",
      metadata: { name: "awsvip1" },
      spec: { address: "10.1.0.20", routeTableIds: ["rtb-0a"] },
    };
    const fencing = { awsStopInstance: {}, afterwards: "Start" };
    const file = fileOf(
      "aws.yaml",
      vip,
      group({ resources: [{ kind: "AwsVirtualIP", name: "awsvip1" }], fencing }),
      ...NODES,
    );
    const { code, out } = await run(file, { policy: "aws" });
    expect(code).toBe(0);
    const { Statement } = JSON.parse(out) as { Statement: { Action: string[]; Resource: string[] }[] };
    const reads = ["DescribeInstances", "DescribeNetworkInterfaces", "DescribeRouteTables", "DescribeVpcs"];
    const machines = ["arn:aws:ec2:eu-west-1:*:instance/i-01", "arn:aws:ec2:eu-west-1:*:instance/i-02"];
    expect(Object.fromEntries(Statement.map(({ Action, Resource }) => [Action.join(), Resource]))).toEqual({
      [reads.map((call) => `ec2:${call}`).join()]: ["*"],
      "ec2:ReplaceRoute": ["arn:aws:ec2:eu-west-1:*:route-table/rtb-0a"],
      "ec2:StartInstances,ec2:StopInstances": machines,
    });
  });

  it("keeps the rights of each identity apart", async () => {
    const credentials = { secretRef: { name: "stonith" } };
    const file = fileOf(
      "identities.yaml",
      { kind: "AwsVirtualIP", metadata: { name: "awsvip1" }, spec: { address: "10.1.0.20" } },
      group({
        resources: [{ kind: "AwsVirtualIP", name: "awsvip1" }],
        fencing: { awsStopInstance: {}, credentials },
      }),
      ...NODES,
    );
    const { out, err } = await run(file, { policy: "aws" });
    const policies = JSON.parse(out) as Record<string, unknown>;
    expect(Object.keys(policies)).toEqual(["the controller's own identity", "Secret stonith"]);
    expect(JSON.stringify(policies["Secret stonith"])).not.toContain("ReplaceRoute");
    expect(err).toContain("for each of");
  });

  it("prints an Azure role for machines and zones", async () => {
    const dns = {
      kind: "AzureDns",
      metadata: { name: "azuredns1" },
      spec: { resourceGroup: "zones", zone: "cluster1.zone", record: "www" },
    };
    const file = fileOf(
      "azure.yaml",
      dns,
      group({ resources: [{ kind: "AzureDns", name: "azuredns1" }], fencing: { azurePowerOff: {} } }),
      node("node1", vmId("vm1")),
      node("node2", vmId("vm2")),
    );
    const { out } = await run(file, { policy: "azure" });
    const role = JSON.parse(out) as { Actions: string[]; AssignableScopes: string[] };
    expect(role.Actions).toContain("Microsoft.Network/dnsZones/A/write");
    expect(role.Actions).toContain("Microsoft.Compute/virtualMachines/powerOff/action");
    expect(role.Actions).not.toContain("Microsoft.Network/dnsZones/A/delete");
    expect(role.AssignableScopes).toEqual([
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg1`,
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/zones`,
    ]);
  });

  it("ends with 1 when something is missing, and with JSON for programs", async () => {
    const file = fileOf("missing.yaml", group({ resources: [{ kind: "AwsVirtualIP", name: "nobody" }] }));
    const { code, out } = await run(file, { json: true });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ result: "fail", groups: [{ group: "failover1", result: "fail" }] });
  });

  it("ends with 2 for a wrong flag, an unknown group and an unreadable file", async () => {
    const file = fileOf("usage.yaml", group({}));
    expect((await run(file, { policy: "gcp" })).code).toBe(2);
    expect((await run(file, {}, "failover2")).err).toContain("there are: failover1");
    expect((await run(join(folder, "none.yaml"))).code).toBe(2);
    expect((await run(fileOf("nothing.yaml", { kind: "Node", metadata: { name: "n" } }))).err).toContain(
      "no FailoverGroup",
    );
  });
});
