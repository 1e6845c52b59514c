import { readFileSync, readdirSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { describe, expect, it } from "vitest";
import { DEFINITIONS } from "./definitions.ts";
import { rootSchema } from "./kind-definition.ts";
import { isKindName, type KindName } from "./kinds.ts";
import { causeOf, invalidMessage } from "./problem.ts";
import type { Schema } from "./schema.ts";
import { compileSchema, type CompiledSchema, type Problem } from "./schema-validation.ts";

const compiled = new Map<KindName, CompiledSchema>();

function schemaOf(kind: KindName): CompiledSchema {
  const known = compiled.get(kind) ?? compileSchema(rootSchema(DEFINITIONS[kind]));
  compiled.set(kind, known);
  return known;
}

function problemsOf(kind: KindName, spec: object, status?: object): Problem[] {
  const schema = schemaOf(kind);
  return schema.validate(schema.applyDefaults({ metadata: { name: "x" }, spec, ...(status ? { status } : {}) }));
}

const sentences = (problems: readonly Problem[]): string[] =>
  problems.map(({ path, message }) => `${path}: ${message}`);

const group = (extra: object = {}): object => ({
  members: [{ node: "node1" }, { node: "node2" }],
  resources: [{ kind: "AwsVirtualIP", name: "vip" }],
  ...extra,
});

describe("the nine deployments", () => {
  const folder = new URL("../../test/golden/deployments/", import.meta.url);
  const files = readdirSync(folder);
  it("are nine", () => expect(files).toHaveLength(9));
  it.each(files)("%s is accepted", (file) => {
    for (const document of parseAllDocuments(readFileSync(new URL(file, folder), "utf8"))) {
      const object: unknown = document.toJS();
      const kind = (object as { kind: string }).kind;
      if (!isKindName(kind)) throw new Error(`unknown kind ${kind}`);
      const schema = schemaOf(kind);
      expect(schema.prune(object)).toEqual([]);
      expect(schema.validate(schema.applyDefaults(object))).toEqual([]);
    }
  });
});

describe("defaults", () => {
  it("fill nested objects whose fields all have defaults", () => {
    const object = schemaOf("AwsVirtualIP").applyDefaults({ metadata: { name: "x" }, spec: { address: "10.1.0.20" } });
    expect(object).toMatchObject({
      spec: {
        sourceDestCheck: "Verify",
        monitor: {
          interval: "10s",
          timeout: "5s",
          retries: 2,
          retryInterval: "2s",
          startDelay: "0s",
          whenUnreadable: "Warn",
        },
        timeouts: { call: "5s", activate: "30s", deactivate: "30s" },
      },
    });
  });

  it("leave objects whose presence switches something on alone", () => {
    const object = schemaOf("FailoverGroup").applyDefaults({ spec: group() }) as { spec: object };
    expect(Object.keys(object.spec).sort()).toEqual([
      "failover",
      "members",
      "resources",
      "scheduledEvents",
      "whenDeleted",
    ]);
  });

  it("apply inside such an object once it is there", () => {
    const object = schemaOf("FailoverGroup").applyDefaults({ spec: group({ fencing: { awsStopInstance: {} } }) });
    expect(object).toMatchObject({
      spec: {
        fencing: {
          policy: "Required",
          timeout: "120s",
          afterwards: "LeaveStopped",
          awsStopInstance: { shutdown: "Skip" },
        },
      },
    });
  });

  it("replace a null and do not touch the input", () => {
    const input = { spec: { address: "10.1.0.20", sourceDestCheck: null } };
    expect(schemaOf("AwsVirtualIP").applyDefaults(input)).toMatchObject({ spec: { sourceDestCheck: "Verify" } });
    expect(input.spec.sourceDestCheck).toBeNull();
  });
});

describe("pruning", () => {
  it("removes unknown fields and names them, but not metadata", () => {
    const object = {
      apiVersion: "v",
      kind: "k",
      metadata: { name: "x", labels: { a: "b" } },
      spec: { port: 1, bogus: 2, monitor: { speed: 3 } },
      extra: 4,
    };
    expect(schemaOf("LbProbePort").prune(object)).toEqual(["spec.bogus", "spec.monitor.speed", "extra"]);
    expect(object).toEqual({
      apiVersion: "v",
      kind: "k",
      metadata: { name: "x", labels: { a: "b" } },
      spec: { port: 1, monitor: {} },
    });
  });

  it("keeps what a schema says to keep", () => {
    const schema: Schema = {
      type: "object",
      properties: {
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { a: { type: "object" } } },
      },
    };
    expect(compileSchema(schema).prune({ free: { b: 1, a: { c: 2 } } })).toEqual(["free.a.c"]);
  });
});

describe("schema problems", () => {
  it.each<[string, KindName, object, string]>([
    ["a missing field", "AwsVirtualIP", {}, "spec.address: Required value"],
    ["a wrong type", "LbProbePort", { port: "80" }, 'spec.port: spec.port in body must be of type integer: "string"'],
    [
      "a number out of range",
      "LbProbePort",
      { port: 70000 },
      "spec.port: spec.port in body should be less than or equal to 65535",
    ],
    [
      "an unknown value",
      "FailoverGroup",
      group({ whenDeleted: "Explode" }),
      'spec.whenDeleted: supported values: "Deactivate", "Leave"',
    ],
    [
      "an address that is none",
      "AwsVirtualIP",
      { address: "10.1.0.300" },
      'spec.address: spec.address in body must be of type ipv4: "10.1.0.300"',
    ],
    [
      "no member",
      "FailoverGroup",
      group({ members: [] }),
      "spec.members: spec.members in body should have at least 1 items",
    ],
    [
      "a member twice",
      "FailoverGroup",
      group({ members: [{ node: "a" }, { node: "a" }] }),
      "spec.members[1]: must not repeat an entry: each node once",
    ],
    [
      "a provider id of nobody",
      "FailoverGroup",
      group({ members: [{ node: "a", providerID: "gce://x" }] }),
      "spec.members[0].providerID: spec.members[0].providerID in body should match '^(aws|azure)://.+'",
    ],
  ])("name %s", (_name, kind, spec, sentence) => {
    expect(sentences(problemsOf(kind, spec))).toContain(sentence);
  });

  it.each(["0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255"])("refuse address %s", (address) => {
    expect(problemsOf("AwsVirtualIP", { address })).toHaveLength(1);
  });

  it.each([
    "1.0.0.1",
    "10.1.0.20",
    "126.0.0.1",
    "128.0.0.1",
    "169.253.0.1",
    "169.255.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "200.1.1.1",
    "223.1.1.1",
  ])("accept address %s", (address) => expect(problemsOf("AwsVirtualIP", { address })).toEqual([]));
});

describe("CEL problems", () => {
  const exec = { start: { command: ["/bin/a"] }, stop: { command: ["/bin/b"] } };
  const kindMessage =
    "kind must be AwsVirtualIP, AwsElasticIP, AwsDns, AzureDns, LbProbePort or MirrorDisk; floating IP, virtual IP, virtual computer name and management group do not work in clouds";
  it.each<[string, KindName, object, string[]]>([
    [
      "an on-premises kind",
      "FailoverGroup",
      group({ resources: [{ kind: "FloatingIP", name: "a" }] }),
      [`spec.resources[0].kind: ${kindMessage}`],
    ],
    [
      "kind and exec together",
      "FailoverGroup",
      group({ resources: [{ kind: "AwsDns", name: "a", exec }] }),
      ["spec.resources[0]: give exactly one of kind and exec"],
    ],
    [
      "neither kind nor exec",
      "FailoverGroup",
      group({ resources: [{ name: "a" }] }),
      ["spec.resources[0]: give exactly one of kind and exec"],
    ],
    [
      "dependence on a stranger",
      "FailoverGroup",
      group({ resources: [{ kind: "AwsDns", name: "a", dependsOn: ["b"] }] }),
      ["spec: dependsOn must name resources of this group"],
    ],
    [
      "dependence on itself",
      "FailoverGroup",
      group({ resources: [{ kind: "AwsDns", name: "a", dependsOn: ["a"] }] }),
      ["spec.resources[0]: a resource cannot depend on itself"],
    ],
    [
      "a relative program",
      "FailoverGroup",
      group({ resources: [{ name: "a", exec: { ...exec, stop: { command: ["b"] } } }] }),
      ["spec.resources[0].exec.stop: command[0] must be an absolute path"],
    ],
    [
      "fencing without a method",
      "FailoverGroup",
      group({ fencing: {} }),
      ["spec.fencing: give awsStopInstance or azurePowerOff, or policy: LeaseOnly"],
    ],
    [
      "two fencing methods",
      "FailoverGroup",
      group({ fencing: { awsStopInstance: {}, azurePowerOff: {} } }),
      ["spec.fencing: give at most one of awsStopInstance and azurePowerOff"],
    ],
    [
      "a duration out of range",
      "FailoverGroup",
      group({ failover: { startWait: "31m" } }),
      ["spec.failover.startWait: must be from 0s to 30m"],
    ],
    [
      "a timeout above the interval",
      "AwsVirtualIP",
      { address: "10.1.0.20", monitor: { interval: "1s" } },
      ["spec.monitor: timeout must be at most interval"],
    ],
    [
      "an upper-case name",
      "AwsDns",
      { hostedZoneId: "Z1", name: "Srv.local" },
      ["spec.name: name must be a lower-case FQDN such as srv.hz1.local."],
    ],
    [
      "a short name",
      "AwsDns",
      { hostedZoneId: "Z1", name: "srv" },
      ["spec.name: name must be a lower-case FQDN such as srv.hz1.local."],
    ],
    [
      "fixed and per-member address",
      "AwsDns",
      { hostedZoneId: "Z1", name: "a.b", address: "10.0.0.1", members: [{ node: "n", address: "10.0.0.2" }] },
      ["spec: give address or members[].address, not both; omit both to use each Node's InternalIP"],
    ],
    [
      "resolvers that nobody asks",
      "AwsDns",
      { hostedZoneId: "Z1", name: "a.b", monitor: { resolvers: ["10.0.0.2"] } },
      ["spec.monitor: give resolvers if and only if resolution is Servers"],
    ],
    ["no devices", "MirrorDisk", {}, ["spec: give dataDevice and metadataDevice here or in every member"]],
    [
      "one device twice",
      "MirrorDisk",
      { dataDevice: "/dev/a", metadataDevice: "/dev/a" },
      ["spec: dataDevice and metadataDevice must not be equal"],
    ],
    [
      "a member with one device twice",
      "MirrorDisk",
      { dataDevice: "/dev/a", metadataDevice: "/dev/b", members: [{ node: "n", dataDevice: "/dev/b" }] },
      ["spec: dataDevice and metadataDevice of a member must not be equal"],
    ],
    [
      "async without its settings",
      "MirrorDisk",
      { dataDevice: "/dev/a", metadataDevice: "/dev/b", mode: "Async" },
      ["spec: give async if and only if mode is Async"],
    ],
  ])("name %s", (_name, kind, spec, expected) => {
    expect(sentences(problemsOf(kind, spec))).toEqual(expected);
  });

  it("count integers as integers", () => {
    const schema: Schema = {
      type: "object",
      "x-kubernetes-validations": [{ rule: "self.n % 2 == 0", message: "even" }],
      properties: { n: { type: "integer" } },
    };
    expect(compileSchema(schema).validate({ n: 4 })).toEqual([]);
    expect(sentences(compileSchema(schema).validate({ n: 3 }))).toEqual([": even"]);
  });

  it("report a rule that fails to evaluate, unless the value is known to be malformed", () => {
    const schema: Schema = {
      type: "object",
      "x-kubernetes-validations": [{ rule: "duration(self.d) > duration('1s')", message: "longer" }],
      properties: { d: { type: "string" }, e: { type: "integer" } },
    };
    expect(compileSchema(schema).validate({ d: "nonsense" })[0]?.message).toContain("could not be evaluated");
    expect(
      compileSchema(schema)
        .validate({ d: 7 })
        .map(({ source }) => source),
    ).toEqual(["schema"]);
  });
});

describe("causes", () => {
  it("read as those of a real API server", () => {
    const problems = problemsOf("AwsVirtualIP", { address: 1, sourceDestCheck: "No" });
    expect(problems.map(causeOf)).toContainEqual({
      reason: "FieldValueNotSupported",
      field: "spec.sourceDestCheck",
      message: 'Unsupported value: "No": supported values: "Verify", "Repair"',
    });
    expect(invalidMessage("AwsVirtualIP", "understudy.dev", "x", problemsOf("AwsVirtualIP", {}))).toBe(
      'AwsVirtualIP.understudy.dev "x" is invalid: spec.address: Required value',
    );
  });
});
