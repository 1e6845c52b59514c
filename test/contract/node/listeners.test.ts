import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import { LinuxListeners, listeningPorts } from "../../../src/nodeagent/linux/listeners.ts";
import type { ListenerPort } from "../../../src/nodeagent/probe-port/port.ts";
import { FakeListeners } from "../../fakes/fake-listeners.ts";

const nothing = (): void => undefined;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function listenerContract(make: () => ListenerPort, portOf: () => Promise<number>): void {
  test("an open port is listened on and a closed one is not", async () => {
    const listeners = make();
    const port = await portOf();
    expect(await listeners.listening([port])).toEqual([]);
    const open = await listeners.open({ port, sourceRanges: [], onLost: nothing });
    expect(open.isOpen()).toBe(true);
    expect(await listeners.listening([port])).toEqual([port]);
    open.close();
    open.close();
    expect(open.isOpen()).toBe(false);
    expect(await listeners.listening([port])).toEqual([]);
  });

  test("a port that is taken is an error with its number, and can be opened once it is free", async () => {
    const listeners = make();
    const port = await portOf();
    const first = await listeners.open({ port, sourceRanges: [], onLost: nothing });
    await expect(listeners.open({ port, sourceRanges: [], onLost: nothing })).rejects.toMatchObject({
      code: "PortInUse",
      detail: { port },
    });
    first.close();
    const second = await listeners.open({ port, sourceRanges: [], onLost: nothing });
    second.close();
  });

  test("closing it ourselves is not a loss", async () => {
    const listeners = make();
    let losses = 0;
    const open = await listeners.open({ port: await portOf(), sourceRanges: [], onLost: () => losses++ });
    open.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(losses).toBe(0);
  });
}

describe("the fake", () => {
  listenerContract(
    () => new FakeListeners(),
    async () => 26001,
  );
});

const real = (): LinuxListeners => new LinuxListeners({ bindAddress: "127.0.0.1" }, { clock: systemClock });

async function ending(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
  socket.on("close", () => resolve("closed"));
  socket.resume();
  return promise;
}

describe("real sockets", () => {
  listenerContract(real, freePort);

  test("a probe is accepted and may be ended by its sender without an error", async () => {
    const open = await real().open({ port: await freePort(), sourceRanges: [], onLost: nothing });
    const socket = connect(open.port, "127.0.0.1");
    await once(socket, "connect");
    const end = ending(socket);
    socket.end();
    expect(await end).toBe("closed");
    open.close();
  });

  test("closing resets the probes that are open and refuses new ones", async () => {
    const open = await real().open({ port: await freePort(), sourceRanges: ["127.0.0.0/8"], onLost: nothing });
    const socket = connect(open.port, "127.0.0.1");
    await once(socket, "connect");
    const end = ending(socket);
    // The server side must have accepted before its close can reset the connection.
    await new Promise((resolve) => setImmediate(resolve));
    open.close();
    expect(await end).toBe("ECONNRESET");
    expect(await ending(connect(open.port, "127.0.0.1"))).toBe("ECONNREFUSED");
  });

  test("a prober outside the source ranges is reset [REQ 5.1 LB probe port behaviour]", async () => {
    const open = await real().open({ port: await freePort(), sourceRanges: ["10.0.0.0/8"], onLost: nothing });
    expect(await ending(connect(open.port, "127.0.0.1"))).toBe("ECONNRESET");
    open.close();
  });
});

describe("the table of /proc/net/tcp", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue",
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000",
    "   1: 00000000:0016 00000000:0000 0A 00000000:00000000",
    "   2: 0100007F:6591 0100007F:1F90 01 00000000:00000000",
    "",
  ].join("\n");

  test("counts listeners only", () => {
    expect(listeningPorts(table, "0.0.0.0")).toEqual([8080, 22]);
  });

  test("counts only what takes connections to the bind address", () => {
    expect(listeningPorts(table, "127.0.0.1")).toEqual([8080, 22]);
    expect(listeningPorts(table, "127.0.2.1")).toEqual([22]);
  });
});
