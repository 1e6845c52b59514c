import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runValidate, type ValidateOptions } from "./validate.ts";
import { checkManifests } from "./validate-manifests.ts";

const HEAD = "apiVersion: understudy.dev/v1alpha1\n";
const GOOD = `${HEAD}kind: AwsVirtualIP\nmetadata: {name: vip}\nspec: {address: 10.1.0.20}\n`;

const check = (text: string) => checkManifests([{ file: "a.yaml", text }]);
const lines = (text: string): string[] =>
  check(text).problems.map(({ document, path, found, expected }) => `${document} ${path}: ${found} / ${expected}`);

async function run(files: Readonly<Record<string, string>>, options: Partial<ValidateOptions> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runValidate(
    { filename: Object.keys(files), output: "text", ...options },
    {
      read(name) {
        const text = files[name];
        if (text === undefined) throw new Error("no such file");
        return [{ file: name, text }];
      },
      out: (line) => out.push(line),
      err: (line) => err.push(line),
    },
  );
  return { code, out: out.join("\n"), err: err.join("\n") };
}

describe("the nine deployments", () => {
  const folder = new URL("../../test/golden/deployments/", import.meta.url);
  it.each(readdirSync(folder))("%s has no problem", (file) => {
    const report = check(readFileSync(new URL(file, folder), "utf8"));
    expect(report.problems).toEqual([]);
    expect(report.objects).toBeGreaterThan(1);
  });
});

describe("mistakes that the specification words", () => {
  it("row 4: an upper-case or short name", () => {
    const dns = (name: string): string =>
      `${HEAD}kind: AwsDns\nmetadata: {name: d}\nspec: {hostedZoneId: Z1, name: ${name}}\n`;
    const sentence = "name must be a lower-case FQDN such as srv.hz1.local.";
    expect(lines(dns("Srv.hz1.local."))).toEqual([`1 spec.name: "Srv.hz1.local." / ${sentence}`]);
    expect(lines(dns("srv"))).toEqual([`1 spec.name: "srv" / ${sentence}`]);
  });

  it("row 5: a fixed and a per-member address", () => {
    const text = `${HEAD}kind: AwsDns\nmetadata: {name: d}\nspec: {hostedZoneId: Z1, name: a.b, address: 10.0.0.1, members: [{node: n, address: 10.0.0.2}]}\n`;
    expect(check(text).problems).toMatchObject([
      {
        path: "spec",
        expected: "give address or members[].address, not both; omit both to use each Node's InternalIP",
      },
    ]);
  });

  it("row 8: an on-premises kind [REQ 5.1 Unsupported in clouds] [REQ 5.3.17]", () => {
    const text = `${HEAD}kind: FailoverGroup\nmetadata: {name: g}\nspec:\n  members: [{node: a}]\n  resources:\n    - name: fip\n      kind: FloatingIP\n`;
    expect(check(text).problems).toMatchObject([
      {
        document: 1,
        object: "FailoverGroup/g",
        line: 8,
        path: "spec.resources[0].kind",
        found: '"FloatingIP"',
        expected:
          "kind must be AwsVirtualIP, AwsElasticIP, AwsDns, AzureDns, LbProbePort or MirrorDisk; floating IP, virtual IP, virtual computer name and management group do not work in clouds",
      },
    ]);
  });
});

describe("clear messages for", () => {
  it.each<[string, string, RegExp]>([
    ["broken YAML", "a: b\n  c: d\n", /^1 : text that is not YAML \/ Nested mappings are not allowed/],
    ["a key twice", `${GOOD}spec: {}\n`, /^1 : a key twice \/ Map keys must be unique/],
    ["a file without objects", "# nothing\n---\n", /nothing \/ at least one object/],
    ["a text instead of an object", "just words\n", /^1 : "just words" \/ an object with apiVersion/],
    ["no kind", HEAD, /^1 kind: nothing \/ one of FailoverGroup, /],
    ["no apiVersion", "kind: AwsDns\n", /^1 apiVersion: nothing \/ understudy.dev\/v1alpha1/],
    [
      "a wrong version",
      GOOD.replace("v1alpha1", "v1"),
      /^1 apiVersion: "understudy.dev\/v1" \/ understudy.dev\/v1alpha1/,
    ],
    ["a foreign group with a kind of ours", GOOD.replace("understudy.dev", "example.com"), /^1 apiVersion: /],
    ["an unknown kind", GOOD.replace("AwsVirtualIP", "FloatingIP"), /^1 kind: "FloatingIP" \/ one of FailoverGroup, /],
    [
      "no metadata",
      `${HEAD}kind: AwsVirtualIP\nspec: {address: 10.1.0.20}\n`,
      /^1 metadata: nothing \/ an object with name/,
    ],
    ["a bad name", GOOD.replace("name: vip", "name: VIP"), /^1 metadata.name: "VIP" \/ a name of lower-case/],
    [
      "a label that is no text",
      GOOD.replace("name: vip", "name: vip, labels: {a: 1}"),
      /^1 metadata.labels.a: 1 \/ a text/,
    ],
    [
      "a misspelt metadata field",
      GOOD.replace("name: vip", "name: vip, lables: {}"),
      /^1 metadata.lables: an unknown field/,
    ],
    [
      "a name that is too long",
      GOOD.replace("name: vip", `name: ${"a".repeat(64)}`),
      /^1 : .* \/ metadata.name must have at most 63/,
    ],
    [
      "an object twice",
      `${GOOD}---\n${GOOD}`,
      /^2 metadata.name: "vip" \/ each object once; it is also in a.yaml, document 1/,
    ],
  ])("%s", (_name, text, expected) => {
    expect(lines(text).join("\n")).toMatch(expected);
  });

  it("an unknown field names where its reference is", () => {
    expect(lines(GOOD.replace("10.1.0.20", "10.1.0.20, adress: x"))).toEqual([
      "1 spec.adress: an unknown field / a field of AwsVirtualIP: see docs/reference/awsvirtualip.md",
    ]);
  });

  it("notes objects of other APIs without checking them, and ignores empty documents", () => {
    const report = check(`${GOOD}---\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n`);
    expect(report.problems).toEqual([]);
    expect(report.notes).toEqual(["a.yaml, document 3: Secret/s is of another API and was not checked"]);
  });
});

describe("the command", () => {
  it("prints columns and exits with 1 when there are problems", async () => {
    const { code, out } = await run({
      "good.yaml": GOOD,
      "bad.yaml": GOOD.replace("vip", "vip2").replace("10.1.0.20", "127.0.0.1"),
    });
    expect(code).toBe(1);
    expect(out).toMatch(
      /^FILE +DOCUMENT +PATH +FOUND +EXPECTED\nbad.yaml:4 +1 AwsVirtualIP\/vip2 +spec.address +"127.0.0.1" +text matching/,
    );
    expect(out).toMatch(/2 objects checked, 1 problem$/);
  });

  it("exits with 0 and says so when there are none", async () => {
    expect(await run({ "good.yaml": GOOD })).toEqual({ code: 0, out: "1 object checked, no problems", err: "" });
  });

  it("prints JSON", async () => {
    const { code, out } = await run({ "bad.yaml": HEAD }, { output: "json" });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      valid: false,
      objects: 0,
      problems: [{ file: "bad.yaml", document: 1, path: "kind" }],
    });
  });

  it("exits with 2 for an unreadable file and for an unknown format", async () => {
    expect(await run({}, { filename: ["gone.yaml"] })).toMatchObject({
      code: 2,
      err: "understudy validate: cannot read gone.yaml: no such file",
    });
    expect(await run({ "good.yaml": GOOD }, { output: "xml" as "text" })).toMatchObject({ code: 2 });
  });
});
