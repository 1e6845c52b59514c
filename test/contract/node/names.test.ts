/** What every `NameResolver` must do, on the fake and on real sockets; and what only the real one can show. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import packets from "dns-packet";
import { systemClock } from "../../../src/host/system-clock.ts";
import { LinuxNames } from "../../../src/nodeagent/linux/names.ts";
import type { NameResolver } from "../../../src/nodeagent/names/port.ts";
import { FakeNames } from "../../fakes/fake-names.ts";

const NAME = "srv.hz1.local";
const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), "us-names-"));
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Zone {
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  /** RFC 1035, 4.1.1. */
  readonly rcode?: number;
  readonly isSilent?: boolean;
}

/** A name server on the loopback; returns `127.0.0.1:PORT`. */
async function nameServer(zone: Zone): Promise<string> {
  const socket = createSocket("udp4");
  sockets.push(socket);
  socket.on("message", (bytes, from) => {
    if (zone.isSilent === true) return;
    const query = packets.decode(bytes);
    const [question] = query.questions ?? [];
    const found = zone.addresses?.[question?.name ?? ""] ?? [];
    const answers = found.map((data) => ({ type: "A", name: question?.name ?? "", ttl: 10, data }) as const);
    const rcode = zone.rcode ?? (found.length > 0 ? 0 : 3);
    const flags = packets.RECURSION_AVAILABLE | packets.RECURSION_DESIRED | rcode;
    const answer = { type: "response", id: query.id ?? 0, flags, questions: query.questions ?? [], answers } as const;
    socket.send(packets.encode(answer), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return `127.0.0.1:${socket.address().port}`;
}

/** A host whose resolv.conf names these servers. */
function real(servers: readonly string[], hosts?: string): LinuxNames {
  const hostRoot = mkdtempSync(join(folder, "host-"));
  mkdirSync(join(hostRoot, "etc"));
  writeFileSync(join(hostRoot, "etc/resolv.conf"), servers.map((server) => `nameserver ${server}\n`).join(""));
  if (hosts !== undefined) writeFileSync(join(hostRoot, "etc/hosts"), hosts);
  return new LinuxNames({ hostRoot }, { clock: systemClock });
}

interface Made {
  readonly resolver: NameResolver;
  readonly servers?: readonly string[];
}

function contract(make: (addresses: readonly string[] | "nobody answers") => Promise<Made>): void {
  test("a name has all its addresses", async () => {
    const { resolver, servers } = await make(["10.0.1.10", "10.0.2.10"]);
    const answer = await resolver.resolve({ name: NAME, servers }, 2_000, never);
    expect(answer).toMatchObject({ result: "resolved", source: expect.any(String) as string });
    if (answer.result === "resolved") expect(answer.addresses.toSorted()).toEqual(["10.0.1.10", "10.0.2.10"]);
  });

  test("a name that does not exist is absent", async () => {
    const { resolver, servers } = await make([]);
    expect(await resolver.resolve({ name: NAME, servers }, 2_000, never)).toMatchObject({ result: "absent" });
  });

  test("where nobody answers, it is unreadable and not absent", async () => {
    const { resolver, servers } = await make("nobody answers");
    expect(await resolver.resolve({ name: NAME, servers }, 300, never)).toMatchObject({ result: "unreadable" });
  });

  test("called off, it is unreadable at once", async () => {
    const { resolver, servers } = await make("nobody answers");
    const answer = resolver.resolve({ name: NAME, servers }, 60_000, AbortSignal.abort());
    expect(await answer).toMatchObject({ result: "unreadable" });
  });
}

describe("the fake", () => {
  contract(async (addresses) => {
    const resolver = new FakeNames();
    if (addresses === "nobody answers") resolver.trouble = "no answer";
    else resolver.addresses.set(NAME, addresses);
    return { resolver };
  });
});

const zoneOf = (addresses: readonly string[] | "nobody answers"): Zone =>
  addresses === "nobody answers" ? { isSilent: true } : { addresses: { [NAME]: addresses } };

describe("the node's own resolvers", () => {
  contract(async (addresses) => ({ resolver: real([await nameServer(zoneOf(addresses))]) }));
});

describe("servers that a person named", () => {
  contract(async (addresses) => ({ resolver: real([]), servers: [await nameServer(zoneOf(addresses))] }));
});

describe("a real lookup", () => {
  const ask = (resolver: NameResolver) => resolver.resolve({ name: NAME, servers: undefined }, 2_000, never);

  test("an entry in the hosts file comes first, and is named", async () => {
    const server = await nameServer({ addresses: { [NAME]: ["10.0.1.10"] } });
    const answer = await ask(real([server], `10.9.9.9 ${NAME}\n`));
    expect(answer).toEqual({ result: "resolved", addresses: ["10.9.9.9"], source: "/etc/hosts" });
  });

  test.each([
    ["SERVFAIL", 2],
    ["REFUSED", 5],
  ])("%s says nothing about the name", async (_word, rcode) => {
    expect(await ask(real([await nameServer({ rcode })]))).toMatchObject({ result: "unreadable" });
  });

  test("without a name server in resolv.conf nobody can say", async () => {
    expect(await ask(real([]))).toMatchObject({ result: "unreadable" });
  });

  test("the second server is asked when the first is silent", async () => {
    const silent = await nameServer({ isSilent: true });
    const server = await nameServer({ addresses: { [NAME]: ["10.0.1.10"] } });
    expect(await ask(real([silent, server]))).toMatchObject({ result: "resolved", addresses: ["10.0.1.10"] });
  });
});
