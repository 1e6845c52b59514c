import { Resolver } from "node:dns/promises";
import { connect } from "node:net";
import { decode, encode } from "dns-packet";
import { afterEach, describe, expect, it } from "vitest";
import { askForAddress } from "./ask.ts";
import { startDnsServer, type DnsServer } from "./server.ts";
import type { DnsRecord, DnsZone } from "./zones.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const record = (name: string, values: string[], type: DnsRecord["type"] = "A"): DnsRecord => ({
  name,
  type,
  ttl: 10,
  values,
});

function zone(name: string, records: readonly DnsRecord[], isPrivate = false): DnsZone {
  return { name, isPrivate, nameServers: [`ns-1.${name}.`], negativeTtl: 60, serial: 1, records };
}

async function serve(zonesFor: (clientAddress: string) => readonly DnsZone[]): Promise<DnsServer> {
  const server = await startDnsServer({}, { zonesFor });
  cleanups.push(() => server.close());
  return server;
}

function resolverOf(server: DnsServer): Resolver {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`${server.host}:${server.port}`]);
  return resolver;
}

describe("the sandbox's name server", () => {
  it("answers a public resolver library: addresses with TTL, aliases, name servers, SOA", async () => {
    const server = await serve(() => [
      zone("hz1.local", [record("srv.hz1.local", ["10.0.1.10"]), record("www.hz1.local", ["srv.hz1.local."], "CNAME")]),
    ]);
    const resolver = resolverOf(server);
    expect(await resolver.resolve4("SRV.hz1.local", { ttl: true })).toEqual([{ address: "10.0.1.10", ttl: 10 }]);
    expect(await resolver.resolve4("www.hz1.local")).toEqual(["10.0.1.10"]);
    expect(await resolver.resolveNs("hz1.local")).toEqual(["ns-1.hz1.local"]);
    expect(await resolver.resolveSoa("hz1.local")).toMatchObject({ minttl: 60, serial: 1 });
    expect(server.queries.get("srv.hz1.local A")).toBe(1);
  });

  it("tells a name that does not exist from one without an address, and refuses names of nobody", async () => {
    const server = await serve(() => [
      zone("hz1.local", [record("a.b.hz1.local", ["10.0.1.10"]), record("txt.hz1.local", ["hello"], "TXT")]),
    ]);
    const code = async (name: string): Promise<string> => (await askForAddress(server, name, 1_000)).code;
    expect(await code("nobody.hz1.local")).toBe("NXDOMAIN");
    expect(await code("txt.hz1.local")).toBe("NOERROR");
    expect(await code("b.hz1.local"), "between the zone and a record").toBe("NOERROR");
    expect(await code("example.test")).toBe("REFUSED");
    expect(await askForAddress(server, "a.b.hz1.local.", 1_000)).toEqual({
      code: "NOERROR",
      addresses: ["10.0.1.10"],
      ttl: 10,
      isAuthoritative: true,
    });
  });

  it("gives each client the zones of its network, the longest name first and the private one before its public twin", async () => {
    const server = await serve((client) =>
      client === "127.0.0.1"
        ? [
            zone("local", [record("srv.hz1.local", ["198.51.100.1"])]),
            zone("hz1.local", [record("srv.hz1.local", ["198.51.100.2"])]),
            zone("hz1.local", [record("srv.hz1.local", ["10.0.1.10"])], true),
          ]
        : [],
    );
    expect((await askForAddress(server, "srv.hz1.local", 1_000)).addresses).toEqual(["10.0.1.10"]);
  });

  it("answers over TCP what is too long for UDP", async () => {
    const many = Array.from({ length: 60 }, (_, index) => `10.0.0.${index}`);
    const server = await serve(() => [zone("hz1.local", [record("many.hz1.local", many)])]);
    expect((await askForAddress(server, "many.hz1.local", 1_000)).addresses, "truncated").toEqual([]);
    const query = encode({ type: "query", id: 7, questions: [{ type: "A", name: "many.hz1.local" }] });
    const socket = connect(server.port, server.host);
    cleanups.push(() => socket.destroy());
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(length);
    socket.write(query);
    const chunks: Buffer[] = [];
    const answer = await new Promise<Buffer>((resolve) => {
      socket.on("data", (chunk) => {
        chunks.push(Buffer.from(chunk));
        const all = Buffer.concat(chunks);
        if (all.length >= 2 && all.length === 2 + all.readUInt16BE(0)) resolve(all.subarray(2));
      });
    });
    expect(decode(answer).answers?.length).toBe(60);
  });

  it("drops what is no query, and is silent when told so", async () => {
    const server = await serve(() => [zone("hz1.local", [record("srv.hz1.local", ["10.0.1.10"])])]);
    const socket = connect(server.port, server.host);
    cleanups.push(() => socket.destroy());
    socket.write(Buffer.from([0, 3, 1, 2, 3]));
    server.setSilent(true);
    expect((await askForAddress(server, "srv.hz1.local", 50)).code).toBe("Silent");
    server.setSilent(false);
    expect((await askForAddress(server, "srv.hz1.local", 1_000)).code).toBe("NOERROR");
  });
});
