import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { openCluster } from "./connection.ts";
import { tokenConnection } from "./token-connection.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "understudy-test-"));
});
afterAll(async () => await rm(dir, { recursive: true }));

const kubeconfig = (user: string, cluster = "server: http://127.0.0.1:6443"): string => `
current-context: a
contexts:
- {name: a, context: {cluster: c, user: u, namespace: ha}}
- {name: b, context: {cluster: c, user: nobody}}
clusters: [{name: c, cluster: {${cluster}}}]
users: [{name: u, user: {${user}}}]
`;

async function open(text: string, context?: string) {
  const file = join(dir, "config");
  await writeFile(file, text);
  return await openCluster({ kubeconfig: file, context }, { clock: new FakeClock(), environment: {} });
}

describe("a kubeconfig", () => {
  it("with a token, CA and server name", async () => {
    const ca = Buffer.from("PEM").toString("base64");
    const cluster = `server: "https://h:1/prefix", certificate-authority-data: ${ca}, tls-server-name: k8s`;
    const { connection, namespace } = await open(kubeconfig("token: secret", cluster));
    expect(namespace).toBe("ha");
    expect(connection).toMatchObject({ baseUrl: "https://h:1/prefix", serverName: "k8s" });
    expect(connection.ca?.toString()).toBe("PEM");
    expect(await connection.token?.()).toBe("secret");
  });

  it("with files relative to it", async () => {
    await writeFile(join(dir, "crt"), "CERT");
    await writeFile(join(dir, "key"), "KEY");
    const { connection } = await open(kubeconfig("client-certificate: crt, client-key: key"));
    expect([connection.cert?.toString(), connection.key?.toString()]).toEqual(["CERT", "KEY"]);
  });

  it("with another context and no user", async () => {
    const { connection, namespace } = await open(kubeconfig("token: t"), "b");
    expect([connection.token, namespace]).toEqual([undefined, undefined]);
  });

  it("with an exec plugin is read by the client library", { timeout: 30_000 }, async () => {
    const credential = JSON.stringify({
      kind: "ExecCredential",
      apiVersion: "client.authentication.k8s.io/v1",
      status: { token: "from-plugin" },
    });
    const exec = `exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/echo, args: ['${credential}'], interactiveMode: Never}`;
    const { connection, namespace } = await open(kubeconfig(exec, "server: https://127.0.0.1:6443"));
    expect(connection.baseUrl).toBe("https://127.0.0.1:6443");
    expect(namespace).toBe("ha");
    expect(await connection.token?.()).toBe("from-plugin");
  });
});

describe("without a kubeconfig", () => {
  it("flags win, and a URL needs no credentials", async () => {
    const environment = { KUBECONFIG: "/does/not/exist" };
    const { connection } = await openCluster(
      { server: "http://10.99.0.2:6443" },
      { clock: new FakeClock(), environment },
    );
    expect(connection).toEqual({ baseUrl: "http://10.99.0.2:6443" });
  });

  it("says what was looked for", async () => {
    await expect(openCluster({}, { clock: new FakeClock(), environment: {} })).rejects.toThrow(/KUBECONFIG/);
  });
});

describe("a token file", () => {
  it("is read again after a minute and after a 401, and keeps the last token while it is unreadable", async () => {
    const clock = new FakeClock();
    const tokenFile = join(dir, "token");
    await writeFile(tokenFile, "one\n");
    const { token, tokenRejected } = await tokenConnection({ server: "http://x", tokenFile }, { clock });
    expect(await token?.()).toBe("one");
    await writeFile(tokenFile, "two");
    await clock.advance(59_999);
    expect(await token?.()).toBe("one");
    await clock.advance(1);
    expect(await token?.()).toBe("two");
    await writeFile(tokenFile, "three");
    tokenRejected?.();
    expect(await token?.()).toBe("three");
    await rm(tokenFile);
    tokenRejected?.();
    expect(await token?.()).toBe("three");
  });
});
