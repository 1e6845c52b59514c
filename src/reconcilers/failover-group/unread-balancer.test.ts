import { expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import { LB_PROBE_PORT } from "../../api/kinds.ts";
import type { KubeObject } from "../../kube/ports.ts";

it("a load balancer that nobody may read, or can find, is told and keeps no group down", async () => {
  const resources = [{ kind: "LbProbePort", name: "lbpp1" }];
  const world = await ControllerWorld.create(["node1", "node2"], { failover: { startWait: "0s" }, resources });
  const spec = { port: 26_001, azureLoadBalancer: { name: "TestLoadBalancer" } };
  const probe: KubeObject & { spec: object } = { metadata: { namespace: "ha", name: "lbpp1" }, spec };
  await world.kube.create(LB_PROBE_PORT, probe);
  await world.until(isReadyOn("node1"), 5_000);
  await world.advance(1_000);
  expect(condition(await world.group(), "PreflightOK")).toMatchObject({ status: "False", reason: "Failed" });
  expect(condition(await world.group(), "PreflightOK")?.message).toContain("LbProbePort lbpp1: NotFound");
});
