/**
 * What every `IsolationProbe` must do, on the fake and on real sockets; and what only real ones can show: TLS, redirects,
 * names, deadlines, the words of `ping`. The `ping` of these tests is a script: a container need not have the real one.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/host/system-clock.ts";
import type { HttpTarget, IsolationTarget } from "../../../src/api/generated/types.ts";
import type { IsolationProbe } from "../../../src/nodeagent/isolation/port.ts";
import { LinuxIsolationTargets } from "../../../src/nodeagent/linux/isolation-targets.ts";
import { answerOf } from "../../../src/nodeagent/linux/ping-target.ts";
import { FakeIsolationTargets } from "../../fakes/fake-isolation-targets.ts";

const folder = mkdtempSync(join(tmpdir(), "us-isolation-"));
const servers: TcpServer[] = [];
const never = new AbortController().signal;
const PING: IsolationTarget = { ping: { address: "192.0.2.1" } };

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    if ("closeAllConnections" in server) (server as Server).closeAllConnections();
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function listening<T extends TcpServer>(server: T): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function answering(answer: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(createPlainServer(answer))}/`;
}

function http(url: string, more: Partial<HttpTarget> = {}): IsolationTarget {
  return { http: { url, method: "HEAD", expectStatus: 200, ...more } };
}

/** A `ping` that runs `script`; returns the folder it is in. */
function pingThat(script: string): string {
  const bin = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(bin, "ping"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "ping"), 0o755);
  return bin;
}

function real(searchPath = join(folder, "nothing")): LinuxIsolationTargets {
  return new LinuxIsolationTargets({ searchPath }, { clock: systemClock });
}

interface Setting {
  readonly probe: IsolationProbe;
  readonly reached: IsolationTarget;
  readonly lost: IsolationTarget;
  readonly unreadable: IsolationTarget;
}

async function realSetting(): Promise<Setting> {
  const reached = await answering((_request, response) => response.end());
  const gone = createTcpServer();
  const port = await listening(gone);
  gone.close();
  return { probe: real(), reached: http(reached), lost: http(`http://127.0.0.1:${port}/`), unreadable: PING };
}

async function fakeSetting(): Promise<Setting> {
  const probe = new FakeIsolationTargets();
  probe.answers.set("http://lost/", "lost").set("192.0.2.1", "unreadable");
  return { probe, reached: http("http://reached/"), lost: http("http://lost/"), unreadable: PING };
}

describe.each([
  ["the fake", fakeSetting],
  ["real sockets", realSetting],
])("%s", (_name, setUp) => {
  test("tells reached, lost and what cannot be asked apart, the last two with a cause", async () => {
    const { probe, reached, lost, unreadable } = await setUp();
    expect(await probe.ask(reached, 2_000, never)).toEqual({ result: "reached" });
    expect(await probe.ask(lost, 2_000, never)).toMatchObject({
      result: "lost",
      message: expect.any(String) as string,
    });
    expect(await probe.ask(unreadable, 2_000, never)).toMatchObject({
      result: "unreadable",
      message: expect.any(String) as string,
    });
  });

  test("answers when it was called off", async () => {
    const { probe, reached } = await setUp();
    expect(await probe.ask(reached, 2_000, AbortSignal.abort())).toMatchObject({ result: "unreadable" });
  });
});

describe("an HTTP target", () => {
  test("is asked by the method and path of the spec, on a connection of its own [REQ 5.1 NP resolution]", async () => {
    const seen: string[] = [];
    const url = await answering((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.connection}`);
      response.end("x");
    });
    const probe = real();
    await probe.ask(http(`${url}witness?x=1`), 2_000, never);
    await probe.ask(http(url, { method: "GET" }), 2_000, never);
    expect(seen).toEqual(["HEAD /witness?x=1 close", "GET / close"]);
  });

  test("counts only with the expected status, and a redirect is not followed", async () => {
    const url = await answering((request, response) => {
      if (request.url === "/moved") response.writeHead(301, { location: "/" });
      response.end();
    });
    const probe = real();
    expect(await probe.ask(http(`${url}moved`), 2_000, never)).toEqual({
      result: "lost",
      message: "answered 301, expected 200",
    });
    expect(await probe.ask(http(`${url}moved`, { expectStatus: 301 }), 2_000, never)).toEqual({ result: "reached" });
  });

  test("counts with the header: an endless body is not waited for", async () => {
    const url = await answering((_request, response) => {
      response.writeHead(200);
      response.write("x".repeat(1_000));
    });
    expect(await real().ask(http(url, { method: "GET" }), 10_000, never)).toEqual({ result: "reached" });
  });

  test("is lost when it accepts and stays silent", async () => {
    const port = await listening(createTcpServer());
    const answer = await real().ask(http(`http://127.0.0.1:${port}/`), 150, never);
    expect(answer).toEqual({ result: "lost", message: "no answer within 150 ms" });
  });

  test("is lost when it speaks something else", async () => {
    const port = await listening(createTcpServer((socket) => socket.end("220 mail.example ESMTP\r\n")));
    expect(await real().ask(http(`http://127.0.0.1:${port}/`), 2_000, never)).toMatchObject({ result: "lost" });
  });

  test("is lost when its name is not known", async () => {
    const answer = await real().ask(http("http://no-such-name.invalid/"), 10_000, never);
    expect(answer).toMatchObject({ result: "lost" });
  });

  test("is found by its name", async () => {
    const url = await answering((_request, response) => response.end());
    expect(await real().ask(http(url.replace("127.0.0.1", "localhost")), 5_000, never)).toEqual({ result: "reached" });
  });

  test("says nothing about the network when its URL is none", async () => {
    expect(await real().ask(http("http://["), 2_000, never)).toMatchObject({ result: "unreadable" });
  });

  test("is asked by a bounded number of connections at once, and waiting for a turn is not waiting for an answer", async () => {
    let openNow = 0;
    let most = 0;
    const server = createTcpServer((socket) => {
      most = Math.max(most, ++openNow);
      socket.on("close", () => openNow--).on("error", () => socket.destroy());
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    });
    const port = await listening(server);
    const probe = real();
    const asked = Array.from({ length: 300 }, () => probe.ask(http(`http://127.0.0.1:${port}/`), 20_000, never));
    const answers = await Promise.all(asked);
    expect(answers.filter(({ result }) => result !== "reached")).toEqual([]);
    expect(most).toBeLessThanOrEqual(80);
  });
});

describe("an HTTPS target", () => {
  test("is lost with a certificate that nobody trusts, and reached with one that is trusted", async () => {
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name)) as [string, string];
    const subject = ["-subj", "/CN=target", "-addext", "subjectAltName=IP:127.0.0.1"];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    const files = ["-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", "-nodes", "-days", "2", ...curve, ...files, ...subject], {
      stdio: "ignore",
    });
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = createTlsServer(tls, (_request, response) => response.end());
    const target = http(`https://127.0.0.1:${await listening(server)}/`);
    expect(await real().ask(target, 5_000, never)).toMatchObject({ result: "lost" });
    const trusted = getCACertificates();
    setDefaultCACertificates([...trusted, tls.cert.toString()]);
    try {
      expect(await real().ask(target, 5_000, never)).toEqual({ result: "reached" });
    } finally {
      setDefaultCACertificates(trusted);
    }
  });
});

describe("a ping target", () => {
  test("is one echo with a deadline, as words without a shell [REQ 5.1 NP resolution]", async () => {
    const file = join(folder, "words");
    const bin = pingThat(`printf '%s\\n' "$@" "$LC_ALL" > ${file}`);
    expect(await real(`${bin}:/usr/bin:/bin`).ask(PING, 1_500, never)).toEqual({ result: "reached" });
    expect(readFileSync(file, "utf8").trim().split("\n")).toEqual(["-n", "-q", "-c", "1", "-W", "2", "192.0.2.1", "C"]);
  });

  test("that hangs is killed at the deadline and lost", async () => {
    const bin = pingThat("exec sleep 60");
    const answer = await real(`${bin}:/usr/bin:/bin`).ask(PING, 100, never);
    expect(answer).toEqual({ result: "lost", message: "no answer within 100 ms" });
  });

  test("ends at once when it is called off", async () => {
    const ending = new AbortController();
    const bin = pingThat("exec sleep 60");
    const asked = real(`${bin}:/usr/bin:/bin`).ask(PING, 60_000, ending.signal);
    ending.abort();
    expect(await asked).toMatchObject({ result: "unreadable" });
  });

  test("without a ping on this machine says so", async () => {
    expect(await real().ask(PING, 1_000, never)).toEqual({
      result: "unreadable",
      message: "ping cannot be started: spawn ping ENOENT",
    });
  });

  test.each([
    [0, "1 packets transmitted, 1 received", "reached"],
    [1, "1 packets transmitted, 0 received, 100% packet loss", "lost"],
    [2, "ping: connect: Network is unreachable", "lost"],
    [2, "ping: connect: Invalid argument", "lost"],
    [1, "ping: sendmsg: Operation not permitted", "lost"],
    [2, "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted", "unreadable"],
    [2, "ping: socket: Permission denied", "unreadable"],
    [1, "ping: permission denied (are you root?)", "unreadable"],
    [2, "ping: invalid option -- 'q'\nUsage: ping", "unreadable"],
    [2, "ping: unknown trouble", "unreadable"],
    [null, "", "unreadable"],
  ] as const)("exit %s with %j is %s", (code, output, result) => {
    expect(answerOf(code, output).result).toBe(result);
  });
});
