/**
 * The command line that people use, run for real: every command that the sandbox promises, with the oldest and the newest
 * kubectl supported. A version that is not installed is skipped, and the reason printed.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Cluster, isEmbedded } from "./cluster.ts";
import type { Schema } from "../../../src/api/schema.ts";

const TIMEOUT_MS = 60_000;

/** On PATH, or beside the program that `kubectl` really is. */
function findKubectl(version: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const plain = folders.map((folder) => join(folder, "kubectl")).find((path) => existsSync(path));
  const beside = plain === undefined ? [] : [dirname(realpathSync(plain))];
  return [...folders, ...beside].map((folder) => join(folder, `kubectl.${version}`)).find((path) => existsSync(path));
}

const schema: Schema = {
  type: "object",
  required: ["spec"],
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      description: "What is wanted.",
      properties: {
        size: { type: "integer", description: "How large it is.", maximum: 10 },
        color: { type: "string", default: "red" },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, weight: { type: "integer" } },
          },
        },
      },
    },
    status: {
      type: "object",
      properties: {
        conditions: {
          type: "array",
          items: { type: "object", properties: { type: { type: "string" }, status: { type: "string" } } },
        },
      },
    },
  },
};

const additionalPrinterColumns = [
  { name: "Size", type: "integer", jsonPath: ".spec.size" },
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Color", type: "string", jsonPath: ".spec.color", priority: 1 },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

class Kubectl {
  readonly #program: string;
  readonly #directory: string;
  readonly cluster: Cluster;

  constructor(program: string, directory: string, cluster: Cluster) {
    this.#program = program;
    this.#directory = directory;
    this.cluster = cluster;
  }

  #flags(): string[] {
    const config = isEmbedded ? join(this.#directory, "kubeconfig") : (process.env["UNDERSTUDY_TEST_KUBECONFIG"] ?? "");
    return ["--kubeconfig", config, "--cache-dir", join(this.#directory, "cache"), "-n", this.cluster.namespace];
  }

  /** On a shared cluster other files serve kinds of the same name. */
  #words(args: string): string[] {
    const { group } = this.cluster;
    const words = split(args);
    if (isEmbedded) return words;
    if (words[0] === "explain") return [...words, `--api-version=${group}/v1`];
    return words.map((word) => word.replace(/^(things?|th)(?=$|\/)/, `things.${group}`));
  }

  async try(args: string, input?: string): Promise<Result> {
    return await new Promise((resolve) => {
      const argv = [...this.#flags(), ...this.#words(args)];
      const child = execFile(this.#program, argv, { timeout: TIMEOUT_MS }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err });
      });
      child.stdin?.end(input);
    });
  }

  /** Standard output; throws unless the command succeeds. */
  async run(args: string, input?: string): Promise<string> {
    const { code, out, err } = await this.try(args, input);
    if (code !== 0) throw new Error(`kubectl ${args}: exit code ${code}\n${out}${err}`);
    return out;
  }

  start(args: string): ChildProcess {
    return spawn(this.#program, [...this.#flags(), ...this.#words(args)], { stdio: ["ignore", "pipe", "inherit"] });
  }
}

/** Words; a part in single quotes is one word. */
function split(args: string): string[] {
  return [...args.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

/** The lines of a table as lists of cells. */
function rows(text: string): string[][] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/\s{2,}|\s+/));
}

/** Registers the suite for one minor version, as `1.33`. */
export function kubectlSuite(version: string): void {
  const program = findKubectl(version);
  if (program === undefined) process.stderr.write(`kubectl ${version} is not installed: its suite is skipped\n`);
  describe.skipIf(program === undefined)(
    `kubectl ${version}${program === undefined ? ": not on this machine" : ""}`,
    () => suite(program ?? ""),
  );
}

function suite(program: string): void {
  const directory = mkdtempSync(join(tmpdir(), "understudy-kubectl-"));
  const running: ChildProcess[] = [];
  let k: Kubectl;

  const manifest = (name: string, spec = "size: 3"): string =>
    `apiVersion: ${k.cluster.group}/v1\nkind: Thing\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;

  beforeAll(async () => {
    const cluster = await Cluster.open();
    await cluster.installThings(schema, { additionalPrinterColumns });
    k = new Kubectl(program, directory, cluster);
    writeFileSync(join(directory, "kubeconfig"), JSON.stringify(kubeconfig(cluster.url)));
  }, TIMEOUT_MS);

  afterAll(async () => {
    for (const child of running) child.kill("SIGKILL");
    await k.cluster.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test(
    "creates by apply, says unchanged the second time, and changes what differs",
    async () => {
      expect(await k.run("apply -f -", manifest("applied"))).toMatch(/thing.* created/);
      expect(await k.run("apply -f -", manifest("applied"))).toMatch(/thing.* unchanged/);
      expect(await k.run("apply -f -", manifest("applied", "size: 4"))).toMatch(/thing.* configured/);
      expect(await k.run("get thing applied -o jsonpath={.spec.size}/{.spec.color}")).toBe("4/red");
    },
    TIMEOUT_MS,
  );

  test(
    "refuses a misspelt field and a value out of range, saying where",
    async () => {
      const misspelt = await k.try("apply -f -", manifest("wrong", "size: 1, colour: red"));
      expect(misspelt.code).not.toBe(0);
      expect(misspelt.err).toContain('unknown field "spec.colour"');
      const large = await k.try("create -f -", manifest("wrong", "size: 11"));
      expect(large.err).toMatch(/"wrong" is invalid: spec.size: Invalid value: 11: .*less than or equal to 10/);
    },
    TIMEOUT_MS,
  );

  test(
    "shows tables, wide, by name, as YAML, JSON and by go template",
    async () => {
      await k.run("apply -f -", manifest("shown", "size: 7, color: green"));
      expect(rows(await k.run("get things shown"))).toEqual([
        ["NAME", "SIZE", "READY", "AGE"],
        ["shown", "7", expect.stringMatching(/^\d+s$/)],
      ]);
      expect(rows(await k.run("get th shown -o wide"))[0]).toEqual(["NAME", "SIZE", "READY", "COLOR", "AGE"]);
      expect(await k.run("get things -o name")).toContain(`thing.${k.cluster.group}/shown`);
      expect(await k.run("get thing shown -o yaml")).toContain("color: green");
      expect(JSON.parse(await k.run("get thing shown -o json"))).toMatchObject({ spec: { size: 7 } });
      expect(await k.run("get thing shown -o go-template={{.spec.color}}")).toBe("green");
      expect((await k.try("get all")).out).toContain(`thing.${k.cluster.group}/shown`);
    },
    TIMEOUT_MS,
  );

  test(
    "follows changes with get -w",
    async () => {
      await k.run("apply -f -", manifest("watched"));
      const child = k.start("get thing watched -w");
      running.push(child);
      let out = "";
      child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
      await vi.waitFor(() => expect(out).toMatch(/watched +3/), { timeout: 20_000 });
      await k.run("apply -f -", manifest("watched", "size: 9"));
      await vi.waitFor(() => expect(out).toMatch(/watched +9/), { timeout: 20_000 });
    },
    TIMEOUT_MS,
  );

  test(
    "patches by merge, by operations, and status alone; waits for a condition",
    async () => {
      await k.run("apply -f -", manifest("patched"));
      await k.run(`patch thing patched --type=merge -p '{"spec":{"size":5}}'`);
      await k.run(`patch thing patched --type=json -p '[{"op":"replace","path":"/spec/color","value":"blue"}]'`);
      const waiting = k.run("wait thing/patched --for=condition=Ready --timeout=30s");
      await k.run(
        `patch thing patched --subresource=status --type=merge -p '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'`,
      );
      expect(await waiting).toContain("condition met");
      expect(await k.run("get thing patched -o jsonpath={.spec.size}{.spec.color}")).toBe("5blue");
      expect(rows(await k.run("get thing patched"))[1]?.slice(0, 3)).toEqual(["patched", "5", "True"]);
      await k.run("wait thing/patched --for=jsonpath={.spec.size}=5 --timeout=30s");
    },
    TIMEOUT_MS,
  );

  test(
    "applies on the server's side, with conflicts and force",
    async () => {
      await k.run(
        "apply --server-side --field-manager=one -f -",
        manifest("ssa", "size: 1, parts: [{name: a, weight: 1}]"),
      );
      await k.run(
        "apply --server-side --field-manager=two -f -",
        manifest("ssa", "size: 1, parts: [{name: b, weight: 2}]"),
      );
      expect(await k.run("get thing ssa -o jsonpath={.spec.parts[*].name}")).toBe("a b");
      const refused = await k.try("apply --server-side --field-manager=two -f -", manifest("ssa", "size: 2"));
      expect(refused.code).not.toBe(0);
      expect(refused.err).toContain('conflict with "one": .spec.size');
      await k.run("apply --server-side --force-conflicts --field-manager=two -f -", manifest("ssa", "size: 2"));
      expect(await k.run("get thing ssa -o jsonpath={.spec.size}/{.spec.parts[*].name}")).toBe("2/a");
      expect(await k.run("get thing ssa -o yaml --show-managed-fields")).toContain("manager: two");
    },
    TIMEOUT_MS,
  );

  test(
    "describes with events, lists events",
    async () => {
      await k.run("apply -f -", manifest("described"));
      const uid = await k.run("get thing described -o jsonpath={.metadata.uid}");
      const involvedObject = {
        apiVersion: `${k.cluster.group}/v1`,
        kind: "Thing",
        name: "described",
        namespace: k.cluster.namespace,
        uid,
      };
      const event = { apiVersion: "v1", kind: "Event", metadata: { name: "described.1" }, involvedObject };
      const times = { firstTimestamp: new Date().toISOString(), lastTimestamp: new Date().toISOString(), count: 1 };
      const facts = {
        reason: "Moved",
        message: "went elsewhere",
        type: "Normal",
        source: { component: "contract" },
        ...times,
      };
      await k.run("create -f -", JSON.stringify({ ...event, ...facts }));
      const described = await k.run("describe thing described");
      expect(described).toMatch(/Color: +red/);
      expect(described).toMatch(/Normal +Moved .*contract +went elsewhere/);
      expect(await k.run("events --for thing/described")).toMatch(/Normal +Moved +Thing\/described +went elsewhere/);
      expect(await k.run("get events")).toMatch(/Normal +Moved +thing\/described +went elsewhere/);
    },
    TIMEOUT_MS,
  );

  test(
    "explains fields, lists kinds and versions",
    async () => {
      expect(await k.run("explain thing.spec.size")).toContain("How large it is.");
      expect(await k.run("explain thing --recursive")).toMatch(/weight\s+<integer>/);
      expect(await k.run(`api-resources --api-group=${k.cluster.group}`)).toMatch(/things +th .* true +Thing/);
      expect(await k.run("api-versions")).toContain(`${k.cluster.group}/v1`);
      expect((await k.try("version")).out).toContain("Server Version");
    },
    TIMEOUT_MS,
  );

  test(
    "labels, annotates, shows a difference, replaces, edits nothing it should not",
    async () => {
      await k.run("apply -f -", manifest("many"));
      await k.run("label thing many a=b");
      await k.run("annotate thing many note=here");
      expect(await k.run("get things -l a=b -o name")).toContain("/many");
      const difference = await k.try("diff -f -", manifest("many", "size: 8"));
      expect(difference.code).toBe(1);
      expect(difference.out).toMatch(/-\s+size: 3\n\+\s+size: 8/);
      await k.run("replace -f -", manifest("many", "size: 6"));
      expect(await k.run("get thing many -o jsonpath={.spec.size}{.metadata.labels}")).toBe("6");
    },
    TIMEOUT_MS,
  );

  test(
    "deletes, also what waits for a finalizer",
    async () => {
      await k.run("apply -f -", manifest("deleted"));
      expect(await k.run("delete thing deleted")).toContain("deleted");
      await k.run("apply -f -", manifest("held").replace("name: held", "name: held, finalizers: [x.dev/hold]"));
      const deleting = k.run("delete thing held --timeout=30s");
      await vi.waitFor(
        async () => expect(await k.run("get thing held -o jsonpath={.metadata.deletionTimestamp}")).not.toBe(""),
        { timeout: 20_000 },
      );
      await k.run(`patch thing held --type=merge -p '{"metadata":{"finalizers":null}}'`);
      expect(await deleting).toContain("deleted");
      expect((await k.try("get thing held")).err).toContain("NotFound");
    },
    TIMEOUT_MS,
  );

  test(
    "creates the objects people make by hand, and changes them by apply",
    async () => {
      await k.run("create configmap plain --from-literal=a=1");
      await k.run("create secret generic keys --from-literal=accessKeyId=AK");
      expect(await k.run("get secret keys -o jsonpath={.data.accessKeyId}")).toBe("QUs=");
      const map = (data: string): string =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: built-in}\ndata: {${data}}\n`;
      await k.run("apply -f -", map("a: one, b: two"));
      expect(await k.run("apply -f -", map("a: one, b: two"))).toContain("unchanged");
      await k.run("apply -f -", map("b: three"));
      expect(JSON.parse(await k.run("get cm built-in -o jsonpath={.data}"))).toEqual({ b: "three" });
      const namespace = `${k.cluster.namespace}-made`;
      await k.run(`create namespace ${namespace}`);
      expect(await k.run(`get ns ${namespace}`)).toMatch(/Active/);
      await k.run(`delete namespace ${namespace} --timeout=30s`);
    },
    TIMEOUT_MS,
  );
}

function kubeconfig(server: string): unknown {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server } }],
    users: [{ name: "test", user: { token: "kubectl-tester" } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  };
}
