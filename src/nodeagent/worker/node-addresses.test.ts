import { expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { InProcessKube } from "../../../test/fakes/in-process-kube.ts";
import { silentLog } from "../../lib/log.ts";
import { internalAddress, NODE, NodeAddresses, type NodeObject } from "./node-addresses.ts";

function node(name: string, address: string): NodeObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    status: { addresses: [{ type: "InternalIP", address }] },
  };
}

test("reads the wanted nodes, tries missing ones again, and forgets the others", async () => {
  const clock = new FakeClock();
  const api = InProcessKube.create({ clock });
  let changes = 0;
  const addresses = new NodeAddresses({ api, clock, log: silentLog }, () => changes++);
  await api.create(NODE, node("node1", "10.0.1.10"));
  addresses.want(new Set(["node1", "node2"]));
  await clock.advance(10);
  expect([addresses.get("node1"), addresses.get("node2"), changes]).toEqual(["10.0.1.10", undefined, 1]);
  await api.create(NODE, node("node2", "10.0.2.10"));
  await clock.advance(2_100);
  expect([addresses.get("node2"), changes]).toEqual(["10.0.2.10", 2]);
  addresses.want(new Set(["node1"]));
  expect(addresses.get("node2")).toBeUndefined();
  addresses.close();
});

test("only an IPv4 InternalIP counts", () => {
  const withAddresses = (...list: { type: string; address: string }[]): NodeObject => ({
    metadata: { name: "n" },
    status: { addresses: list },
  });
  expect(
    internalAddress(
      withAddresses(
        { type: "ExternalIP", address: "1.2.3.4" },
        { type: "InternalIP", address: "fd00::1" },
        { type: "InternalIP", address: "10.0.0.1" },
      ),
    ),
  ).toBe("10.0.0.1");
  expect(internalAddress(undefined)).toBeUndefined();
});
