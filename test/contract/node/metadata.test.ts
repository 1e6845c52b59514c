/** Instance metadata over real HTTP on the loopback, as EC2 and Azure serve it. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import { InstanceMetadata } from "../../../src/nodeagent/linux/instance-metadata.ts";

const servers: Server[] = [];
const never = new AbortController().signal;

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function metadataOf(answer: RequestListener): Promise<InstanceMetadata> {
  const server = createServer(answer);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return new InstanceMetadata({ url: `http://127.0.0.1:${port}/` }, { clock: systemClock });
}

interface Ec2 {
  /** By path; others are 404. */
  readonly documents: Record<string, unknown>;
  readonly seen: string[];
}

/** IMDSv2: without a token nothing is answered. */
function ec2({ documents, seen }: Ec2): RequestListener {
  return (request, response) => {
    seen.push(`${request.method ?? ""} ${request.url ?? ""}`);
    const { "x-aws-ec2-metadata-token": token, "x-aws-ec2-metadata-token-ttl-seconds": seconds } = request.headers;
    if (request.method === "PUT" && request.url === "/latest/api/token" && Number(seconds) > 0)
      return void response.end("token-1");
    const document = documents[request.url ?? ""];
    response.statusCode = token !== "token-1" ? 401 : document === undefined ? 404 : 200;
    response.end(JSON.stringify(document));
  };
}

const IDENTITY = "/latest/dynamic/instance-identity/document";
const EVENTS = "/latest/meta-data/events/maintenance/scheduled";

describe("on EC2", () => {
  test("the machine, by a token that is asked for once", async () => {
    const seen: string[] = [];
    const documents = { [IDENTITY]: { instanceId: "i-1", availabilityZone: "eu-central-1a" } };
    const metadata = await metadataOf(ec2({ documents, seen }));
    for (let round = 0; round < 2; round++)
      expect(await metadata.identity(2_000, never)).toMatchObject({
        ok: true,
        value: { providerId: "aws:///eu-central-1a/i-1" },
      });
    expect(seen.filter((line) => line.startsWith("PUT"))).toHaveLength(1);
  });

  test("events of all three kinds; those that there are none of (404) are none", async () => {
    const documents: Record<string, unknown> = {
      [IDENTITY]: { instanceId: "i-1", availabilityZone: "eu-central-1a" },
      [EVENTS]: [],
    };
    const metadata = await metadataOf(ec2({ documents, seen: [] }));
    const machine = await metadata.identity(2_000, never);
    if (!machine.ok) throw new Error(machine.message);
    expect(await metadata.events(machine.value, 2_000, never)).toEqual({ ok: true, value: [] });
    documents[EVENTS] = [
      { Code: "instance-stop", EventId: "x", NotBefore: "21 Jan 2019 09:00:43 GMT", State: "active" },
    ];
    documents["/latest/meta-data/spot/instance-action"] = { action: "stop", time: "2017-09-18T08:22:00Z" };
    documents["/latest/meta-data/events/recommendations/rebalance"] = { noticeTime: "2020-10-27T08:22:00Z" };
    const found = await metadata.events(machine.value, 2_000, never);
    expect(found.ok && found.value.map(({ type }) => type)).toEqual(["Stop", "Preempt", "Rebalance"]);
    expect(await metadata.acknowledge(machine.value, ["x"], 2_000, never)).toEqual({ ok: true, value: undefined });
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe("on Azure", () => {
  const compute = {
    name: "node1",
    resourceId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/node1",
    location: "japaneast",
    zone: "1",
  };
  const event = { EventId: "e1", EventType: "Reboot", EventStatus: "Scheduled", Resources: ["node1"], NotBefore: "" };

  test("the machine, its events, and the word that they may begin", async () => {
    const started: string[] = [];
    const metadata = await metadataOf((request, response) => {
      const path = (request.url ?? "").split("?")[0];
      if (request.headers["metadata"] !== "true") response.statusCode = 400;
      else if (path === "/metadata/instance/compute") response.write(JSON.stringify(compute));
      else if (path !== "/metadata/scheduledevents") response.statusCode = 404;
      else if (request.method === "GET") response.write(JSON.stringify({ Events: [event] }));
      else return void bodyOf(request).then((body) => void (started.push(body), response.end()));
      response.end();
    });
    const machine = await metadata.identity(2_000, never);
    if (!machine.ok) throw new Error(machine.message);
    expect(machine.value).toMatchObject({ providerId: `azure://${compute.resourceId}`, zone: "japaneast-1" });
    expect(await metadata.events(machine.value, 2_000, never)).toEqual({
      ok: true,
      value: [{ id: "e1", type: "Reboot" }],
    });
    expect(await metadata.acknowledge(machine.value, ["e1"], 2_000, never)).toMatchObject({ ok: true });
    expect(started).toEqual(['{"StartRequests":[{"EventId":"e1"}]}']);
  });
});

describe("elsewhere", () => {
  test("what does not answer in time, or with something else, says nothing", async () => {
    const silent = await metadataOf(() => undefined);
    expect(await silent.identity(200, never)).toMatchObject({ ok: false });
    const strange = await metadataOf((_request, response) => void response.end("<html>router</html>"));
    expect(await strange.identity(2_000, never)).toMatchObject({ ok: false });
    const closed = new InstanceMetadata({ url: "http://127.0.0.1:1" }, { clock: systemClock });
    expect(await closed.identity(2_000, never)).toMatchObject({ ok: false });
    expect(await closed.identity(2_000, AbortSignal.abort())).toMatchObject({ ok: false });
  });

  test("an answer without end is cut off", async () => {
    const endless = await metadataOf((_request, response) => {
      const chunk = "x".repeat(64 * 1024);
      response.on("drain", () => response.write(chunk));
      for (let count = 0; count < 8; count++) response.write(chunk);
    });
    expect(await endless.identity(5_000, never)).toMatchObject({ ok: false });
  });
});
