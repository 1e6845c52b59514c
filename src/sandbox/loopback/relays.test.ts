import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { TcpRelay } from "./tcp-relay.ts";
import { UdpRelay } from "./udp-relay.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function echoServer(): Promise<number> {
  const server: Server = createServer((socket) => socket.on("error", () => socket.destroy()).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function say(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer.toString();
}

describe("TCP relay", () => {
  async function relayTo(target: () => number | undefined, cut: { towardsTarget: boolean; towardsSource: boolean }) {
    const listen = { host: "127.0.0.1", port: await freePort() };
    const relay = new TcpRelay({
      listen,
      target: () => {
        const port = target();
        return port === undefined ? undefined : { host: "127.0.0.1", port };
      },
      cut: () => cut,
    });
    await relay.listen();
    const client = connect(listen);
    client.on("error", () => client.destroy());
    await once(client, "connect");
    cleanups.push(
      () => client.destroy(),
      () => relay.close(),
    );
    return { relay, client };
  }

  it("carries both ways, holds what is cut and delivers it once the wire is mended", async () => {
    const port = await echoServer();
    for (const direction of ["towardsTarget", "towardsSource"] as const) {
      const cut = { towardsTarget: false, towardsSource: false };
      const { relay, client } = await relayTo(() => port, cut);
      expect(await say(client, "one")).toBe("one");
      cut[direction] = true;
      relay.wiresChanged();
      const answered = say(client, "two");
      const first = await Promise.race([answered, new Promise((resolve) => setImmediate(() => resolve("silence")))]);
      expect(first).toBe("silence");
      cut[direction] = false;
      relay.wiresChanged();
      expect(await answered).toBe("two");
    }
  });

  it("neither refuses nor closes a connection that leads nowhere", async () => {
    const { client } = await relayTo(() => undefined, { towardsTarget: false, towardsSource: false });
    client.write("anybody?");
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.readyState).toBe("open");
  });

  it("passes on the end of a connection", async () => {
    const port = await echoServer();
    const { client } = await relayTo(() => port, { towardsTarget: false, towardsSource: false });
    expect(await say(client, "bye")).toBe("bye");
    client.end();
    await once(client, "close");
    expect(client.destroyed).toBe(true);
  });
});

describe("UDP relay", () => {
  async function guest(address: string, port: number): Promise<UdpSocket> {
    const socket = createSocket("udp4");
    socket.bind(port, address);
    await once(socket, "listening");
    cleanups.push(() => socket.close());
    return socket;
  }

  it("delivers with the sender's public address, so that an answer finds its way back, and loses what is cut", async () => {
    const port = await freePort();
    const machines = [
      { name: "a", publicAddress: "127.71.3.18", guestAddress: "127.71.3.19" },
      { name: "b", publicAddress: "127.71.3.34", guestAddress: "127.71.3.35" },
    ];
    const verdicts = [true, true, false, true];
    const relay = new UdpRelay({ port, machines, passes: () => verdicts.shift() === true });
    await relay.listen();
    cleanups.push(() => relay.close());
    const [a, b] = [await guest("127.71.3.19", port), await guest("127.71.3.35", port)];
    a.send("ping", port, "127.71.3.34");
    const [ping, from] = (await once(b, "message")) as [Buffer, { address: string }];
    expect([ping.toString(), from.address]).toEqual(["ping", "127.71.3.18"]);
    b.send("pong", port, from.address);
    expect(String((await once(a, "message"))[0])).toBe("pong");
    a.send("lost", port, "127.71.3.34");
    a.send("found", port, "127.71.3.34");
    expect(String((await once(b, "message"))[0])).toBe("found");
  });
});
