import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { VirtualEc2 } from "../ec2/virtual-ec2.ts";
import { buildEc2World } from "../world/ec2-world.ts";
import { cidrContains } from "../../lib/ipv4.ts";
import { allRegions, forwardingLines, forwardingOf, NO_FORWARDING } from "./forwarding.ts";
import type { WireFacts } from "./forwarding.ts";
import { isSafeLine } from "./ip-command.ts";
import { TOPOLOGIES, twoZones, type TopologyName } from "./topologies.ts";
import { creationCommands, placesOf } from "./topology.ts";

const topology = twoZones("abcdef");
const wires: WireFacts[] = topology.vms.map(({ name, address }) => ({
  name,
  address,
  inboundCut: false,
  outboundCut: false,
}));
const cut = (name: string): WireFacts[] =>
  wires.map((wire) => (wire.name === name ? { ...wire, inboundCut: true, outboundCut: true } : wire));

function world(): { ec2: VirtualEc2; built: ReturnType<typeof buildEc2World> } {
  const ec2 = new VirtualEc2(
    { region: topology.region },
    { clock: new FakeClock(), random: { next: Math.random, uuid: () => "" } },
  );
  return { ec2, built: buildEc2World(ec2, topology) };
}

describe("forwarding that follows EC2", () => {
  it("sends each subnet's packets for the address to the interface its own table names", () => {
    const { ec2, built } = world();
    const [, , clientTable = ""] = built.routeTableIds;
    ec2.replaceRoute(clientTable, "10.1.0.20/32", {
      type: "networkInterface",
      networkInterfaceId: built.eniOf("node2"),
    });
    expect([...forwardingOf(ec2.state, built.subnets, wires).routes]).toEqual([
      ["table 101 10.1.0.20/32", "via 10.0.1.10 dev to-node1"],
      ["table 102 10.1.0.20/32", "via 10.0.1.10 dev to-node1"],
      ["table 103 10.1.0.20/32", "via 10.0.2.10 dev to-node2"],
    ]);
  });

  it("drops silently what leads to a machine that is checked, cut off or not running", () => {
    const { ec2, built } = world();
    const ways = (facts: readonly WireFacts[]): string[] => [
      ...new Set(forwardingOf(ec2.state, built.subnets, facts).routes.values()),
    ];
    expect(ways(cut("node1"))).toEqual(["blackhole"]);
    expect(ways(cut("node2"))).toEqual(["via 10.0.1.10 dev to-node1"]);
    ec2.setSourceDestCheck(built.eniOf("node1"), true);
    expect(ways(wires)).toEqual(["blackhole"]);
    ec2.setSourceDestCheck(built.eniOf("node1"), false);
    ec2.setInstanceState(built.instanceOf("node1"), "stopped");
    expect(ways(wires)).toEqual(["blackhole"]);
  });

  it("lets only its own address out of a machine whose check is on", () => {
    const { ec2, built } = world();
    ec2.setSourceDestCheck(built.eniOf("node2"), true);
    const { rules } = forwardingOf(ec2.state, built.subnets, wires);
    expect([...rules]).toContain("pref 100 from 10.0.2.10/32 iif to-node2 goto 200");
    expect([...rules]).toContain("pref 110 iif to-node2 blackhole");
    expect([...rules].filter((rule) => rule.includes("to-node1 ") && rule.includes("blackhole"))).toEqual([]);
  });

  it("changes in place only what differs, and opens the way to a gateway before it routes over it", () => {
    const { ec2, built } = world();
    const open = forwardingOf(ec2.state, built.subnets, wires);
    const closed = forwardingOf(ec2.state, built.subnets, cut("node1"));
    expect(forwardingLines(open, open)).toEqual([]);
    const mending = forwardingLines(closed, open);
    expect(mending[0]).toBe("rule del pref 50 iif to-node1 blackhole");
    expect(mending.at(-1)).toBe("route replace 10.1.0.20/32 via 10.0.1.10 dev to-node1 table 103");
    for (const line of [...forwardingLines(NO_FORWARDING, open), ...mending]) expect(isSafeLine(line)).toBe(true);
  });
});

describe("lines for ip -batch", () => {
  it("are words only: nothing that could end or escape the batch", () => {
    expect(isSafeLine("route replace 10.1.0.20/32 via 10.0.1.10 dev to-node1 table 103")).toBe(true);
    for (const line of ["", "route add 1\nlink del x", "a;b", "a $(b)", "-force", "a 'b'"])
      expect(isSafeLine(line)).toBe(false);
  });
});

describe("networks of scenarios", () => {
  it.each(Object.keys(TOPOLOGIES) as TopologyName[])("%s gives every place an address of its own", (name) => {
    const world = TOPOLOGIES[name]("abcdef");
    expect(world.name).toBe(name);
    const addresses = placesOf(world).map((place) => place.address);
    expect(new Set([...addresses, world.frontendIp, world.publicIp]).size).toBe(addresses.length + 2);
    for (const place of placesOf(world)) expect(cidrContains(place.subnetCidr, place.address)).toBe(true);
    for (const { address, region } of world.vms) {
      const cidr = world.networks.find((network) => network.region === region)?.cidr ?? "";
      expect(cidrContains(cidr, address)).toBe(true);
    }
    for (const command of creationCommands(world)) expect(command.join(" ")).toContain("us-abcdef-");
  });

  it("joins the two regions by a peering route alone, and drops both ways what crosses a link that is cut", () => {
    const regional = TOPOLOGIES["two-regions"]("abcdef");
    const modules = { clock: new FakeClock(), random: { next: Math.random, uuid: () => "" } };
    const regions = regional.networks.map(({ region }) => new VirtualEc2({ region }, modules));
    const built = buildEc2World(regions, regional);
    const state = () => allRegions(regions.map((region) => region.state));
    const routes = () => forwardingOf(state(), built.subnets, []).routes;
    expect([...routes()]).toEqual([
      ["table 101 10.1.0.0/16", "throw"],
      ["table 101 10.2.10.0/24", "throw"],
      ["table 102 10.0.0.0/16", "throw"],
      ["table 102 10.2.10.0/24", "throw"],
    ]);
    regions[0]?.deleteRoute(built.routeTableIds[0] ?? "", "10.1.0.0/16");
    expect(routes().get("table 101 10.1.0.0/16")).toBe("blackhole");
    const cutLinks = regional.links.filter((link) => link.name === "vpn-tokyo");
    const { rules } = forwardingOf(state(), built.subnets, [], { cutLinks, ways: new Map() });
    expect([...rules]).toContain("pref 30 from 10.2.10.0/24 to 10.0.0.0/16 blackhole");
    expect([...rules]).toContain("pref 30 from 10.0.0.0/16 to 10.2.10.0/24 blackhole");
    expect([...rules].filter((rule) => rule.includes("10.1.0.0"))).toEqual([]);
  });

  it("leads an address to the machine that it is told, as long as that machine's wire is whole", () => {
    const { ec2, built } = world();
    const ways = new Map([["10.5.0.200", "node2"]]);
    const way = (facts: readonly WireFacts[]) =>
      forwardingOf(ec2.state, built.subnets, facts, { cutLinks: [], ways }).routes.get("table 90 10.5.0.200/32");
    expect(way(wires)).toBe("via 10.0.2.10 dev to-node2");
    expect(way(cut("node2"))).toBe("blackhole");
  });
});
