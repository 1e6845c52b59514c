/**
 * Random writes by several managers, step by step on the embedded server and on a real one: every answer must be the same
 * but for identities and times. Needs UNDERSTUDY_TEST_KUBECONFIG; `UNDERSTUDY_TEST_SEED` chooses another sequence.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Random } from "../../../src/lib/random.ts";
import { isJsonObject, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { seededRandom } from "../../fakes/seeded-random.ts";
import { Cluster, isEmbedded, type Answer } from "./cluster.ts";

const SEED = Number(process.env["UNDERSTUDY_TEST_SEED"] ?? "1");
const RUNS = 40;
const STEPS = 7;
const APPLY = "application/apply-patch+yaml";
const MERGE = "application/merge-patch+json";
const WAYS = ["apply", "apply", "apply", "force", "put", "merge", "apply-status", "merge-status"] as const;

interface Step {
  readonly way: (typeof WAYS)[number] | "create";
  readonly by: string;
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
  readonly status: JsonObject;
}

class Generator {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  pick<T>(from: readonly [T, ...T[]] | readonly T[]): T {
    return from[Math.floor(this.#random.next() * from.length)] as T;
  }

  some<T>(from: readonly T[]): T[] {
    return from.filter(() => this.chance(0.5)).toSorted(() => this.#random.next() - 0.5);
  }

  map(keys: readonly string[], values: readonly unknown[]): JsonObject {
    return Object.fromEntries(this.some(keys).map((key) => [key, this.pick(values)]));
  }

  maybe(probability: number, field: string, value: () => unknown): JsonObject {
    return this.chance(probability) ? { [field]: value() } : {};
  }

  #ports(): JsonObject[] {
    return this.some([80, 81]).map((port) => ({
      port,
      ...this.maybe(0.5, "protocol", () => this.pick(["TCP", "UDP"])),
      ...this.maybe(0.5, "name", () => this.pick(["n", "m"])),
    }));
  }

  #members(): JsonObject[] {
    return this.some(["n1", "n2", "n3"]).map((node) => ({
      node,
      ...this.maybe(0.6, "state", () => this.pick(["Up", "Down"])),
      ...this.maybe(0.4, "facts", () => this.map(["a", "b"], ["1", "2"])),
    }));
  }

  step(first: boolean): Step {
    return {
      way: first ? this.pick(["apply", "create"] as const) : this.pick(WAYS),
      by: this.pick(["a", "b", "c"]),
      metadata: {
        ...this.maybe(0.3, "labels", () => this.map(["a", "b"], ["x", "y"])),
        ...this.maybe(0.2, "finalizers", () => this.some(["x.dev/a", "x.dev/b"])),
      },
      spec: {
        ...this.maybe(0.4, "replicas", () => this.pick([1, 2])),
        ...this.maybe(0.3, "image", () => this.pick(["i", "j"])),
        ...this.maybe(0.4, "settings", () => this.map(["a", "b", "c"], ["x", "y"])),
        ...this.maybe(0.25, "pair", () => this.map(["left", "right"], ["x", "y"])),
        ...this.maybe(0.25, "command", () => this.some(["x", "y", "z"])),
        ...this.maybe(0.35, "tags", () => this.some(["p", "q", "r"])),
        ...this.maybe(0.3, "ports", () => this.#ports()),
        ...this.maybe(0.6, "members", () => this.#members()),
        ...this.maybe(0.25, "free", () => ({ m: this.map(["u", "v"], [1, 2]), l: this.some([1, 2, 3]) })),
      },
      status: { epoch: this.pick([1, 2, 3]) },
    };
  }
}

async function carryOut(cluster: Cluster, things: string, name: string, step: Step): Promise<Answer> {
  const kind = { apiVersion: `${cluster.group}/v1`, kind: "Thing" };
  const { by, status, spec } = step;
  const metadata = { name, ...step.metadata };
  const query = `?fieldManager=${by}`;
  const path = `${things}/${name}`;
  switch (step.way) {
    case "create":
      return await cluster.call("POST", `${things}${query}`, { body: { ...kind, metadata, spec } });
    case "apply":
    case "force": {
      const force = step.way === "force" ? "&force=true" : "";
      return await cluster.call("PATCH", `${path}${query}${force}`, {
        body: { ...kind, metadata, spec },
        contentType: APPLY,
      });
    }
    case "put": {
      const live = (await cluster.call("GET", path)).body;
      const { labels: _labels, finalizers: _finalizers, ...kept } = (live["metadata"] ?? {}) as JsonObject;
      return await cluster.call("PUT", `${path}${query}`, {
        body: { ...live, metadata: { ...kept, ...metadata }, spec },
      });
    }
    case "merge":
      return await cluster.call("PATCH", `${path}${query}`, { body: { metadata, spec }, contentType: MERGE });
    case "apply-status": {
      const body = { ...kind, metadata: { name }, status };
      return await cluster.call("PATCH", `${path}/status${query}`, { body, contentType: APPLY });
    }
    case "merge-status":
      return await cluster.call("PATCH", `${path}/status${query}`, { body: { status }, contentType: MERGE });
  }
}

/** What must be the same on both servers. */
function comparable(cluster: Cluster, { status, body }: Answer): unknown {
  const text = JSON.stringify({ status, ...body })
    .replaceAll(cluster.group, "GROUP")
    .replaceAll(cluster.namespace, "NAMESPACE");
  const all = JSON.parse(text) as JsonObject;
  if (all["kind"] === "Status") {
    const causes = isJsonObject(all["details"]) ? all["details"]["causes"] : undefined;
    const sorted = Array.isArray(causes) ? causes.map((cause) => JSON.stringify(cause)).toSorted() : [];
    return { status, reason: all["reason"], message: all["message"], causes: sorted };
  }
  const {
    uid: _uid,
    resourceVersion: _version,
    creationTimestamp: _created,
    managedFields,
    ...metadata
  } = all["metadata"] as JsonObject;
  const managers = (Array.isArray(managedFields) ? managedFields : [])
    .map(({ time: _time, ...entry }: JsonObject) => entry)
    .toSorted((a: JsonObject, b: JsonObject) => (managerName(a) < managerName(b) ? -1 : 1));
  return { ...all, metadata, managers };
}

function managerName(entry: JsonObject): string {
  return JSON.stringify([entry["manager"], entry["operation"], entry["subresource"]]);
}

describe.skipIf(isEmbedded)(
  `random writes of seed ${SEED}${isEmbedded ? ": no real server to compare with (UNDERSTUDY_TEST_KUBECONFIG)" : ""}`,
  () => {
    const generator = new Generator(SEED);
    const clusters: { cluster: Cluster; things: string }[] = [];

    beforeAll(async () => {
      for (const cluster of [await Cluster.openEmbedded(), await Cluster.open()]) {
        clusters.push({ cluster, things: await cluster.installThings() });
      }
    }, 60_000);
    afterAll(async () => {
      for (const { cluster } of clusters) await cluster.close();
    });

    test.each(Array.from({ length: RUNS }, (_, run) => run))("sequence %i", async (run) => {
      const done: string[] = [];
      for (let index = 0; index < STEPS; index++) {
        const step = generator.step(index === 0);
        done.push(JSON.stringify(step));
        const answers: unknown[] = [];
        for (const { cluster, things } of clusters) {
          answers.push(comparable(cluster, await carryOut(cluster, things, `run-${run}`, step)));
        }
        expect(answers[0], `after\n${done.join("\n")}`).toEqual(answers[1]);
      }
    });
  },
);
