/** The command line without a cluster: help that shows how, exit codes that scripts can rely on, manifests checked offline. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "./programs.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/aws-virtual-ip", import.meta.url));
/** Those that the issue names; what `understudy --help` lists besides is found there. */
const SUBCOMMANDS = ["controller", "agent", "sandbox", "sandbox-apiserver", "validate", "status", "move"];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe("help", { timeout: 60_000 }, () => {
  test("of every subcommand shows its usage, an example and its exit codes", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+) .*\[options\]/gm)].map(([, name]) => name ?? "");
    const names = new Set([...SUBCOMMANDS, ...listed].filter((name) => name !== "help"));
    expect(names.size).toBeGreaterThanOrEqual(SUBCOMMANDS.length);
    for (const name of names) {
      const help = await run([name, "--help"]);
      expect(help, name).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout, name).toMatch(new RegExp(`^Usage: understudy ${name}\\b`));
      expect(help.stdout, name).toMatch(/^Examples?:\n? +(cat .*\| )?understudy /m);
      expect(help.stdout, name).toMatch(/^Exit codes: 0 /m);
    }
  });

  test("is what wrong usage is answered with, and exit code 2", async () => {
    const wrong = [["nonsense"], ["controller", "--nonsense"], ["agent"], ["sandbox", "--mode", "cloud"]];
    for (const argv of [
      ...wrong,
      ["sandbox-apiserver"],
      ["validate"],
      ["move", "only-one"],
      ["status", "--nonsense"],
    ]) {
      const { code, stdout, stderr } = await run(argv);
      expect({ argv, code, stdout }).toEqual({ argv, code: 2, stdout: "" });
      expect(stderr, argv.join(" ")).toMatch(/error|Usage|understudy/);
      expect(stderr, argv.join(" ")).not.toMatch(/\n {4}at /);
    }
  });
});

describe("validate", { timeout: 60_000 }, () => {
  test("accepts the example, from a folder, a file and standard input", async () => {
    expect(await run(["validate", "-f", EXAMPLES])).toMatchObject({ code: 0, stderr: "" });
    const group =
      "apiVersion: understudy.dev/v1alpha1\nkind: AwsVirtualIP\nmetadata: {name: v}\nspec: {address: 10.1.0.20}\n";
    expect(await run(["validate", "-f", fileWith("good.yaml", group)])).toMatchObject({ code: 0 });
    expect(await run(["validate", "-f", "-"], { stdin: group })).toMatchObject({ code: 0 });
  });

  test("names file, document, path, found and expected of each problem, and exits 1", async () => {
    const file = fileWith(
      "bad.yaml",
      `apiVersion: understudy.dev/v1alpha1
kind: AwsVirtualIP
metadata: {name: v}
spec: {address: 10.1.0.20}
---
apiVersion: understudy.dev/v1alpha1
kind: AwsDns
metadata: {name: d}
spec: {hostedZoneId: Z1, name: Srv}
---
apiVersion: understudy.dev/v1alpha1
kind: FailoverGroup
metadata: {name: g}
spec: {members: [{node: a}], resources: [{kind: FloatingIP, name: f}]}
`,
    );
    const { code, stdout } = await run(["validate", "-f", file]);
    expect(code).toBe(1);
    expect(stdout).toContain("name must be a lower-case FQDN such as srv.hz1.local.");
    expect(stdout).toContain(
      "kind must be AwsVirtualIP, AwsElasticIP, AwsDns, AzureDns, LbProbePort or MirrorDisk; floating IP, virtual IP, virtual computer name and management group do not work in clouds",
    );
    for (const word of [file, "2 AwsDns/d", "3 FailoverGroup/g", "spec.name", "spec.resources[0].kind"])
      expect(stdout).toContain(word);
    const json: unknown = JSON.parse((await run(["validate", "-f", file, "-o", "json"])).stdout);
    expect(json).toMatchObject({ valid: false, objects: 3 });
  });

  test("exits 2 when a file cannot be read", async () => {
    const { code, stderr } = await run(["validate", "-f", join(folder, "missing.yaml")]);
    expect(code).toBe(2);
    expect(stderr).toContain("missing.yaml");
  });
});

test("status and move exit 2 and say what is wrong when there is no cluster", { timeout: 60_000 }, async () => {
  const kubeconfig = fileWith("nowhere", JSON.stringify(kubeconfigTo("http://127.0.0.1:1")));
  for (const argv of [["status"], ["move", "failover1", "node2"]]) {
    const { code, stderr } = await run([...argv, "--kubeconfig", kubeconfig]);
    expect(code).toBe(2);
    expect(stderr).toContain("cannot be reached");
  }
});

function kubeconfigTo(server: string): object {
  const context = { cluster: "c", user: "u" };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "c", context }],
    "current-context": "c",
  };
}
