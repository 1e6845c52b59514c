/**
 * What users get wrong, one test each (API.md section 5 and the issue): it ends in a condition with its reason, the
 * object and what to do about it, and in an Event; doing that makes it right; and everybody else's group never notices.
 */
import { createServer } from "node:net";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AwsVirtualIP, FailoverGroup } from "../../src/api/generated/types.ts";
import { AWS_VIRTUAL_IP, FAILOVER_GROUP, LB_PROBE_PORT, MIRROR_DISK } from "../../src/api/kinds.ts";
import type { KubeObject, ResourceType } from "../../src/kube/ports.ts";
import { ADMIN, CHECKED_ENI, READER, ROUTE_TABLES, VPC_ID } from "./cloud.ts";
import { HealthyGroup } from "./healthy-group.ts";
import { conditionOf, Installation, isReady } from "./installation.ts";
import { failoverGroup, probePort, secret, service, virtualIp } from "./objects.ts";

let site: Installation;
let healthy: HealthyGroup;
const VIP = { kind: "AwsVirtualIP", name: "awsvip1" };

beforeAll(async () => {
  // Patient timings: how fast a loaded machine renews is not what these tests are about.
  site = await Installation.start({ timings: ["--preset", "default"] });
  healthy = await HealthyGroup.start(site, "10.1.0.200");
}, 60_000);

afterEach(() => healthy.expectUntouched());

afterAll(async () => {
  try {
    await healthy.close();
  } finally {
    await site.close();
  }
}, 60_000);

/** The condition that tells of it, after an Event about the same object did as well. */
async function trouble(
  type: ResourceType,
  place: { readonly namespace: string; readonly name: string },
  condition: string,
  reason: string,
): Promise<string> {
  const { message, status } = await site.untilCondition(type, place, condition, reason);
  expect(status).toBe(condition === "Stalled" ? "True" : "False");
  const event = await site.untilEvent(place.namespace, place.name, reason);
  expect(event).toMatchObject({ type: "Warning", involvedObject: { kind: type.kind } });
  expect(event.message).not.toBe("");
  return message;
}

async function readyWith(namespace: string, ...objects: readonly KubeObject[]): Promise<void> {
  await site.apply(namespace, ...objects);
  await site.untilReady(namespace, "failover1");
}

const groupOf = (...resources: Parameters<typeof failoverGroup>[2]) =>
  failoverGroup("failover1", site.nodes, resources);

describe("an AwsVirtualIP", { timeout: 60_000 }, () => {
  const vipIn = (namespace: string) => ({ namespace, name: "awsvip1" });

  test("inside the VPC's range is refused, and an address outside works", async () => {
    await site.apply("ha", virtualIp("awsvip1", "10.0.5.20"), groupOf(VIP));
    expect(await trouble(AWS_VIRTUAL_IP, vipIn("ha"), "PreflightOK", "AddressInsideVpc")).toBe(
      `AwsVirtualIP ha/awsvip1: address 10.0.5.20 lies inside 10.0.0.0/16 of ${VPC_ID}; AWS routes such addresses itself. Choose one outside every CIDR of the VPC, e.g. 10.1.0.20`,
    );
    expect(await trouble(FAILOVER_GROUP, { namespace: "ha", name: "failover1" }, "PreflightOK", "Failed")).toContain(
      "AddressInsideVpc",
    );
    expect((await site.group("ha", "failover1")).status?.active).toBeUndefined();
    site.cloud.addRoutes("10.1.0.20");
    await readyWith("ha", virtualIp("awsvip2", "10.1.0.20"), groupOf({ ...VIP, name: "awsvip2" }));
  });

  test("without a route entry waits for one", async () => {
    await site.apply("routes", virtualIp("awsvip1", "10.1.0.21"), groupOf(VIP));
    expect(await trouble(AWS_VIRTUAL_IP, vipIn("routes"), "PreflightOK", "NoRouteEntry")).toBe(
      `no route table of ${VPC_ID} has an entry for 10.1.0.21/32. Add one to every table whose subnets must reach it, with the ENI of any member as target`,
    );
    site.cloud.addRoutes("10.1.0.21");
    await site.untilReady("routes", "failover1");
  });

  test("on an interface with the source/destination check on is reported, and repaired where that is asked for", async () => {
    site.cloud.addRoutes("10.1.0.22");
    const members = [{ node: site.nodes[0], eniId: CHECKED_ENI }];
    await site.apply("check", virtualIp("awsvip1", "10.1.0.22", { members }), groupOf(VIP));
    expect(await trouble(AWS_VIRTUAL_IP, vipIn("check"), "PreflightOK", "SourceDestCheckOn")).toBe(
      `${CHECKED_ENI} of ${site.nodes[0]} drops packets for 10.1.0.22: source/destination check is on. Switch it off, or set spec.sourceDestCheck: Repair`,
    );
    await site.apply("check", virtualIp("awsvip1", "10.1.0.22", { members, sourceDestCheck: "Repair" }));
    await site.untilCondition(AWS_VIRTUAL_IP, vipIn("check"), "PreflightOK", "Passed");
    expect(site.cloud.ec2.state.networkInterfaces.get(CHECKED_ENI)?.sourceDestCheck).toBe(false);
  });

  test("whose address another group holds stays inactive until that one is gone", async () => {
    site.cloud.addRoutes("10.1.0.24");
    await readyWith("twice", virtualIp("awsvip1", "10.1.0.24"), groupOf(VIP));
    const second = failoverGroup("failover2", site.nodes, [{ ...VIP, name: "awsvip2" }]);
    await site.apply("twice", virtualIp("awsvip2", "10.1.0.24"), second);
    const message = await trouble(
      AWS_VIRTUAL_IP,
      { namespace: "twice", name: "awsvip2" },
      "PreflightOK",
      "ClaimedElsewhere",
    );
    expect(message).toMatch(
      /^10\.1\.0\.24 is already held by AwsVirtualIP twice\/awsvip1 of group twice\/failover1 \(since \d{4}-[0-9TZ:.-]+\); this object stays inactive$/,
    );
    await trouble(FAILOVER_GROUP, { namespace: "twice", name: "failover2" }, "Stalled", "ClaimedElsewhere");
    const first = await site.group("twice", "failover1");
    expect(conditionOf(first, "Ready")?.status).toBe("True");
    expect(first.status?.epoch).toBe(1);
    await site.api.delete(FAILOVER_GROUP, { namespace: "twice", name: "failover1" });
    await site.untilReady("twice", "failover2");
  });

  test("with credentials that AWS rejects does nothing until they are right", async () => {
    site.cloud.addRoutes("10.1.0.25");
    const using = (name: string): KubeObject =>
      virtualIp("awsvip1", "10.1.0.25", { credentials: { secretRef: { name } } });
    const { accessKeyId, secretAccessKey } = ADMIN;
    await site.apply(
      "keys",
      secret("wrong", { accessKeyId, secretAccessKey: "mistyped" }),
      using("wrong"),
      groupOf(VIP),
    );
    const message = await trouble(AWS_VIRTUAL_IP, vipIn("keys"), "PreflightOK", "CredentialsRejected");
    expect(message).toContain("AuthFailure");
    expect(message).toContain("Check spec.credentials");
    expect(message).not.toContain("mistyped");
    await readyWith("keys", secret("right", { accessKeyId, secretAccessKey }), using("right"));
  });

  test("whose Secret does not exist says which one, or which key it lacks", async () => {
    const credentials = { secretRef: { name: "aws" } };
    await site.apply("nokeys", virtualIp("awsvip1", "10.1.0.26", { credentials }), groupOf(VIP));
    expect(await trouble(AWS_VIRTUAL_IP, vipIn("nokeys"), "PreflightOK", "CredentialsMissing")).toBe(
      "Secret nokeys/aws of spec.credentials does not exist",
    );
  });

  test("whose identity may not replace routes is told so by a dry run, before it matters", async () => {
    site.cloud.addRoutes("10.1.0.27");
    const { accessKeyId, secretAccessKey } = READER;
    const vip = virtualIp("awsvip1", "10.1.0.27", { credentials: { secretRef: { name: "reader" } } });
    await site.apply("reader", secret("reader", { accessKeyId, secretAccessKey }), vip, groupOf(VIP));
    const message = await trouble(AWS_VIRTUAL_IP, vipIn("reader"), "PreflightOK", "NotAuthorized");
    expect(message).toContain("not authorized to perform: ec2:ReplaceRoute");
    expect(message).toContain(`Allow ec2:ReplaceRoute on ${ROUTE_TABLES.join(", ")}`);
    expect(site.cloud.targetsOf("10.1.0.27")).toEqual([site.cloud.eniOf(0), site.cloud.eniOf(0)]);
  });

  test("whose endpoint cannot be reached stays as it is: the truth is unknown, nothing moves", async () => {
    site.cloud.addRoutes("10.1.0.28");
    await readyWith("away", virtualIp("awsvip1", "10.1.0.28"), groupOf(VIP));
    await site.cloud.disappear();
    try {
      const message = await trouble(AWS_VIRTUAL_IP, vipIn("away"), "Observed", "EndpointUnreachable");
      expect(message).toContain("nothing is changed");
      await readyWith("local", failoverGroup("failover1", site.nodes, [service()]));
      const vip = await site.api.get<AwsVirtualIP>(AWS_VIRTUAL_IP, vipIn("away"));
      expect(vip === undefined ? undefined : conditionOf(vip, "Ready")?.status).toBe("True");
      const group = await site.group("away", "failover1");
      expect(conditionOf(group, "Ready")?.status).toBe("True");
      expect(group.status).toMatchObject({ epoch: 1, active: { node: site.nodes[0] } });
      expect(group.status?.target).toBeUndefined();
    } finally {
      await site.cloud.comeBack();
    }
    await site.untilCondition(AWS_VIRTUAL_IP, vipIn("away"), "Observed", "Read");
    await site.untilCondition(AWS_VIRTUAL_IP, { namespace: "well", name: "vip" }, "Observed", "Read");
  });
});

describe("a FailoverGroup", { timeout: 60_000 }, () => {
  const groupIn = (namespace: string) => ({ namespace, name: "failover1" });

  test("with a member that does not exist runs on the others and names it", async () => {
    await site.apply("typo", failoverGroup("failover1", [site.nodes[0], "nod2"], [service()]));
    expect(await trouble(FAILOVER_GROUP, groupIn("typo"), "PreflightOK", "MemberNotFound")).toContain(
      `member nod2: no such Node. Nodes that run the agent: ${site.nodes.join(", ")}`,
    );
    await site.untilReady("typo", "failover1", site.nodes[0]);
    expect((await site.untilCondition(FAILOVER_GROUP, groupIn("typo"), "StandbyReady", "NoStandby")).message).toContain(
      "nod2",
    );
    await site.apply("typo", failoverGroup("failover1", site.nodes, [service()]));
    await site.untilCondition(FAILOVER_GROUP, groupIn("typo"), "PreflightOK", "Passed");
    await site.untilCondition(FAILOVER_GROUP, groupIn("typo"), "StandbyReady", "Promotable");
  });

  test("whose dependencies lead back to themselves names the cycle", async () => {
    site.cloud.addRoutes("10.1.0.31");
    const cyclic = groupOf(service("app", { dependsOn: ["awsvip1"] }), { ...VIP, dependsOn: ["app"] });
    await site.apply("cycle", virtualIp("awsvip1", "10.1.0.31"), cyclic);
    expect(await trouble(FAILOVER_GROUP, groupIn("cycle"), "Stalled", "CyclicDependency")).toMatch(
      /app -> awsvip1 -> app|awsvip1 -> app -> awsvip1/,
    );
    await readyWith("cycle", groupOf(service("app", { dependsOn: ["awsvip1"] }), { ...VIP, dependsOn: [] }));
  });

  test("whose members' zone is watched says how it is [REQ 5.1 AZ monitor]", async () => {
    const monitors = { availabilityZone: { interval: "1s", timeout: "1s" } };
    await site.apply("zone", failoverGroup("failover1", site.nodes, [service()], { monitors }));
    await site.untilReady("zone", "failover1");
    const found = await site.untilCondition(FAILOVER_GROUP, groupIn("zone"), "ZoneAvailable", "Available");
    expect(found.status).toBe("True");
  });

  test("with a kind that this version does not do stays down, and the object says why", async () => {
    const disk = {
      apiVersion: "understudy.dev/v1alpha1",
      kind: "MirrorDisk",
      metadata: { name: "md" },
      spec: {
        dataDevice: "/dev/disk/by-partlabel/a",
        metadataDevice: "/dev/disk/by-partlabel/b",
        mountPoint: "/mnt/md",
      },
    } as KubeObject;
    await site.apply("disk", disk, groupOf(service(), { kind: "MirrorDisk", name: "md" }));
    expect(await trouble(FAILOVER_GROUP, groupIn("disk"), "PreflightOK", "NotImplemented")).toContain("MirrorDisk");
    expect(await trouble(MIRROR_DISK, { namespace: "disk", name: "md" }, "PreflightOK", "NotImplemented")).toContain(
      "MirrorDisk",
    );
    expect((await site.group("disk", "failover1")).status?.active).toBeUndefined();
  });

  test("with a command outside the allowed directories is refused before anything runs", async () => {
    const exec = { start: { command: ["/bin/touch", "/tmp/never"] }, stop: { command: ["/bin/true"] } };
    await site.apply("command", groupOf({ name: "app", exec }));
    const message = await trouble(FAILOVER_GROUP, groupIn("command"), "PreflightOK", "CommandNotAllowed");
    expect(message).toContain("/bin/touch is not under /etc/understudy/exec.d");
    expect(message).toContain("Move the program into one of the directories");
    await site.apply("command", groupOf(service()));
    // Where the members had no time to look before the grant, the group was tried, and waits for a person.
    const isHeld = (group: FailoverGroup): boolean => conditionOf(group, "Ready")?.reason === "Held";
    const end = await site.untilGroup("command", "failover1", "Ready or Held", (seen) => isReady(seen) || isHeld(seen));
    if (isHeld(end)) await site.annotate("command", "failover1", { "understudy.dev/start": "the command is right" });
    await site.untilReady("command", "failover1");
  });

  test("with a port that something else holds on the standby names port and member", async () => {
    const strangers = [26_002, 26_003].map((port) => createServer().listen(port, site.machines[1].address));
    await Promise.all(strangers.map((stranger) => once(stranger, "listening")));
    const serving = failoverGroup("serving", site.nodes, [service()], { servicePorts: [26_003] });
    const probing = groupOf({ kind: "LbProbePort", name: "probe" });
    await site.apply("ports", probePort("probe", 26_002), probing, serving);
    try {
      const found = await trouble(LB_PROBE_PORT, { namespace: "ports", name: "probe" }, "PreflightOK", "PortInUse");
      expect(found).toContain(`port 26002 on ${site.nodes[1]}`);
      const told = await trouble(FAILOVER_GROUP, groupIn("ports"), "PreflightOK", "Failed");
      expect(told).toContain(`PortInUse: port 26002 on ${site.nodes[1]}`);
      const inGroup = await trouble(
        FAILOVER_GROUP,
        { namespace: "ports", name: "serving" },
        "PreflightOK",
        "PortInUse",
      );
      expect(inGroup).toContain(`app on ${site.nodes[1]}: service ports 26003 are listened on`);
      for (const group of ["failover1", "serving"]) await site.untilReady("ports", group, site.nodes[0]);
    } finally {
      for (const stranger of strangers) stranger.close();
    }
    await site.untilCondition(LB_PROBE_PORT, { namespace: "ports", name: "probe" }, "PreflightOK", "Passed");
    await site.untilCondition(FAILOVER_GROUP, { namespace: "ports", name: "serving" }, "PreflightOK", "Passed");
  });
});

describe("understudy preflight", { timeout: 60_000 }, () => {
  test("passes a healthy group, and prints the policy that its calls need", async () => {
    const { code, stdout } = await site.understudy("preflight", "healthy", "-n", "well");
    expect(stdout).toMatch(/^well\/healthy: (pass|warn)$/m);
    expect(code).toBe(0);
    const policy = await site.understudy("preflight", "healthy", "-n", "well", "--policy", "aws");
    expect(policy.code).toBe(0);
    for (const table of ROUTE_TABLES) expect(policy.stdout).toContain(`:route-table/${table}"`);
  });

  test("names what is wrong with its number and what to do, and exits 1", async () => {
    await site.apply("asked", virtualIp("awsvip1", "10.0.5.30"), groupOf(VIP));
    await site.untilCondition(FAILOVER_GROUP, { namespace: "asked", name: "failover1" }, "PreflightOK", "Failed");
    const { code, stdout } = await site.understudy("preflight", "-n", "asked");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}fail +AwsVirtualIP awsvip1 +PreflightOK +AddressInsideVpc \(53\)$/m);
    expect(stdout).toContain("Choose one outside every CIDR of the VPC");
    const json = JSON.parse((await site.understudy("preflight", "-n", "asked", "--json")).stdout) as { result: string };
    expect(json.result).toBe("fail");
  });
});
