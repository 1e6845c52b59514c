import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { smallVpc } from "../../../test/fakes/fake-ec2.ts";
import { publicAddressOf } from "./address-rules.ts";
import { Ec2Error } from "./ports.ts";
import { effectiveRouteTable, routeWithState } from "./state-edits.ts";

const VIP = "10.1.0.20/32";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    return thrown instanceof Ec2Error ? thrown.code : String(thrown);
  }
  return "no error";
}

describe("a virtual EC2 region", () => {
  it("replaces only a route that exists, and never the local one", () => {
    const { ec2, table1, eni2 } = smallVpc(new FakeClock());
    const toEni2 = { type: "networkInterface", networkInterfaceId: eni2 } as const;
    expect(codeOf(() => ec2.replaceRoute(table1, "10.9.0.1/32", toEni2))).toBe("InvalidParameterValue");
    expect(codeOf(() => ec2.replaceRoute(table1, "10.0.0.0/16", toEni2))).toBe("InvalidParameterValue");
    expect(codeOf(() => ec2.replaceRoute("rtb-0", VIP, toEni2))).toBe("InvalidRouteTableID.NotFound");
    ec2.replaceRoute(table1, VIP, toEni2);
    expect(ec2.state.routeTables.get(table1)?.routes.find((route) => route.destinationCidr === VIP)?.target).toEqual(
      toEni2,
    );
  });

  it("does not create a route twice nor inside the VPC", () => {
    const { ec2, table1, eni1 } = smallVpc(new FakeClock());
    const target = { type: "networkInterface", networkInterfaceId: eni1 } as const;
    expect(codeOf(() => ec2.createRoute(table1, VIP, target))).toBe("RouteAlreadyExists");
    expect(codeOf(() => ec2.createRoute(table1, "10.0.5.20/32", target))).toBe("InvalidParameterValue");
    expect(codeOf(() => ec2.createRoute(table1, "10.1.0.21/32", { ...target, networkInterfaceId: "eni-0" }))).toBe(
      "InvalidNetworkInterfaceID.NotFound",
    );
    expect(codeOf(() => ec2.deleteRoute(table1, "10.1.0.21/32"))).toBe("InvalidRoute.NotFound");
  });

  it("uses the main table for subnets without an association", () => {
    const { ec2, subnet1, subnet3, table1, mainTable } = smallVpc(new FakeClock());
    expect(effectiveRouteTable(ec2.state, subnet1)?.routeTableId).toBe(table1);
    expect(effectiveRouteTable(ec2.state, subnet3)?.routeTableId).toBe(mainTable);
  });

  it("tells listeners every change with the state after it, and keeps old states as they were", async () => {
    const clock = new FakeClock();
    const { ec2, eni1 } = smallVpc(clock);
    const before = ec2.state;
    const seen: string[] = [];
    const unsubscribe = ec2.subscribe((change, state) =>
      seen.push(`${change.object} ${change.id} ${state.networkInterfaces.get(eni1)?.sourceDestCheck}`),
    );
    await clock.advance(500);
    ec2.setSourceDestCheck(eni1, true);
    unsubscribe();
    ec2.setSourceDestCheck(eni1, false);
    expect(seen).toEqual([`networkInterface ${eni1} true`]);
    expect(before.networkInterfaces.get(eni1)?.sourceDestCheck).toBe(false);
    await clock.advance(100);
    expect(ec2.stateAt(300)).toBe(before);
  });

  it("stops and starts through the hypervisor, and is stopped only when the machine is off", async () => {
    const clock = new FakeClock();
    const { ec2, instance1 } = smallVpc(clock);
    const calls: string[] = [];
    let off: () => void = () => undefined;
    ec2.setHypervisor({
      start: async (id) => void calls.push(`start ${id}`),
      stop: (id, options) => {
        calls.push(`stop ${id} ${JSON.stringify(options)}`);
        return new Promise((resolve) => (off = resolve));
      },
    });
    expect(ec2.stopInstance(instance1, { force: true, skipOsShutdown: true })).toMatchObject({
      previous: "running",
      current: "stopping",
    });
    await clock.advance(5_000);
    expect(ec2.state.instances.get(instance1)?.state).toBe("stopping");
    expect(codeOf(() => ec2.startInstance(instance1))).toBe("IncorrectInstanceState");
    off();
    await clock.advance(0);
    expect(ec2.state.instances.get(instance1)?.state).toBe("stopped");
    ec2.startInstance(instance1);
    await clock.advance(999);
    expect(ec2.state.instances.get(instance1)?.state).toBe("pending");
    await clock.advance(1);
    expect(ec2.state.instances.get(instance1)?.state).toBe("running");
    expect(calls).toEqual([`stop ${instance1} {"force":true,"skipOsShutdown":true}`, `start ${instance1}`]);
  });

  it("shows a route to a machine that does not run as a blackhole, but not one that merely crashed", async () => {
    const clock = new FakeClock();
    const { ec2, instance1, table1 } = smallVpc(clock);
    const vipState = (): string | undefined => {
      const route = ec2.state.routeTables.get(table1)?.routes.find((candidate) => candidate.destinationCidr === VIP);
      return route === undefined ? undefined : routeWithState(ec2.state, route).state;
    };
    expect(vipState()).toBe("active");
    ec2.stopInstance(instance1, { force: false, skipOsShutdown: false });
    expect(vipState()).toBe("blackhole");
    await clock.advance(1_000);
    ec2.startInstance(instance1);
    await clock.advance(1_000);
    expect(vipState()).toBe("active");
  });

  it("moves an Elastic IP only when told that it may, keeps a repeated association, and undoes none but the current", () => {
    const { ec2, eni1, eni2 } = smallVpc(new FakeClock());
    const { allocationId } = ec2.allocateAddress("203.0.113.20");
    const associate = (networkInterfaceId: string, allowReassociation: boolean): string =>
      ec2.associateAddress({ allocationId, networkInterfaceId, allowReassociation });
    const first = associate(eni1, false);
    expect(associate(eni1, false)).toBe(first);
    expect(codeOf(() => associate(eni2, false))).toBe("Resource.AlreadyAssociated");
    const second = associate(eni2, true);
    expect(second).not.toBe(first);
    expect(codeOf(() => ec2.disassociateAddress(first))).toBe("InvalidAssociationID.NotFound");
    ec2.disassociateAddress(second);
    expect(ec2.state.addresses.get(allocationId)).toEqual({ allocationId, publicIp: "203.0.113.20" });
  });

  it("takes from an interface the address it had before: another Elastic IP, or one that AWS assigned", () => {
    const { ec2, subnet1 } = smallVpc(new FakeClock());
    const eni = ec2.createNetworkInterface({ subnetId: subnet1, assignedPublicIp: "203.0.113.9" });
    const { networkInterfaceId } = eni;
    expect(publicAddressOf(ec2.state, networkInterfaceId)).toEqual({ publicIp: "203.0.113.9" });
    const [one, other] = [ec2.allocateAddress("203.0.113.20"), ec2.allocateAddress("203.0.113.21")];
    const associationOf = ({ allocationId }: { allocationId: string }): string =>
      ec2.associateAddress({ allocationId, networkInterfaceId, allowReassociation: true });
    ec2.disassociateAddress(associationOf(one));
    expect(publicAddressOf(ec2.state, networkInterfaceId)).toBeUndefined();
    associationOf(one);
    associationOf(other);
    expect(publicAddressOf(ec2.state, networkInterfaceId)).toMatchObject({ publicIp: "203.0.113.21" });
    expect(ec2.state.addresses.get(one.allocationId)).toEqual(one);
  });
});
