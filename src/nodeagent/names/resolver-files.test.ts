import { expect, test } from "vitest";
import { hostsEntriesOf, nameServersOf } from "./resolver-files.ts";

test("name servers in their order, without comments, other keywords and what is no address", () => {
  const text = [
    "# made by resolvconf",
    "search cluster1.zone",
    "nameserver 10.0.0.2 ; the VPC's",
    "  nameserver\t127.0.0.53",
    "nameserver fe80::1%eth0",
    "nameserver 127.0.0.1:5353",
    "nameserver not-an-address",
    "options ndots:5",
  ].join("\n");
  expect(nameServersOf(text)).toEqual(["10.0.0.2", "127.0.0.53", "[fe80::1%eth0]", "127.0.0.1:5353"]);
  expect(nameServersOf("")).toEqual([]);
});

test("every IPv4 address that the hosts file gives a name, by any of its names", () => {
  const text =
    "127.0.0.1 localhost\n10.9.9.9 other SRV.hz1.local # by hand\n::1 srv.hz1.local\n10.9.9.8 srv.hz1.local.\n";
  expect(hostsEntriesOf(text, "srv.hz1.local")).toEqual(["10.9.9.9", "10.9.9.8"]);
  expect(hostsEntriesOf(text, "hz1.local")).toEqual([]);
});
