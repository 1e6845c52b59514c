import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { at, type JsonObject } from "../../../src/sandbox/apiserver/json.ts";
import { Cluster, isEmbedded, type Watching } from "./cluster.ts";

const MERGE = "application/merge-patch+json";
const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

let cluster: Cluster;
let maps: string;
const open: Watching[] = [];

beforeAll(async () => {
  cluster = await Cluster.open();
  maps = `/api/v1/namespaces/${cluster.namespace}/configmaps`;
}, 30_000);
afterAll(async () => {
  for (const watching of open) watching.close();
  await cluster.close();
});

async function create(name: string, labels: JsonObject = {}): Promise<JsonObject> {
  return await cluster.expectOk("POST", maps, { body: { metadata: { name, labels } } });
}

async function label(name: string, labels: JsonObject): Promise<void> {
  await cluster.expectOk("PATCH", `${maps}/${name}`, { body: { metadata: { labels } }, contentType: MERGE });
}

async function watch(query: string, accept?: string): Promise<Watching> {
  const watching = await cluster.watch(`${maps}?watch=true&${query}`, accept);
  open.push(watching);
  return watching;
}

/** `ADDED name` of every event about one of our objects. */
function seen(watching: Watching): string[] {
  return watching.lines
    .filter((line) => line.type !== "BOOKMARK")
    .map((line) => `${line.type} ${String(at(line.object, "metadata", "name"))}`)
    .filter((text) => !text.endsWith("kube-root-ca.crt"));
}

async function listVersion(): Promise<string> {
  return String(at(await cluster.expectOk("GET", maps), "metadata", "resourceVersion"));
}

describe("a watch", () => {
  test("replays what happened after its version, then follows", async () => {
    const from = await listVersion();
    await create("replay-1");
    await label("replay-1", { a: "b" });
    const watching = await watch(`resourceVersion=${from}`);
    await cluster.expectOk("DELETE", `${maps}/replay-1`);
    await vi.waitFor(() => expect(seen(watching)).toEqual(["ADDED replay-1", "MODIFIED replay-1", "DELETED replay-1"]));
  });

  test("versions rise, and a deletion has one of its own", async () => {
    const from = await listVersion();
    await create("rising");
    await cluster.expectOk("DELETE", `${maps}/rising`);
    const watching = await watch(`resourceVersion=${from}`);
    await vi.waitFor(() => expect(watching.lines).toHaveLength(2));
    const [added, deleted] = watching.lines.map((line) => Number(at(line.object, "metadata", "resourceVersion")));
    expect(deleted).toBeGreaterThan(added ?? 0);
  });

  test("without a version starts with the present state", async () => {
    await create("present");
    const watching = await watch("fieldSelector=metadata.name%3Dpresent");
    await vi.waitFor(() => expect(seen(watching)).toEqual(["ADDED present"]));
  });

  test("sees an object enter and leave its selection as added and deleted", async () => {
    const from = await listVersion();
    const watching = await watch(`resourceVersion=${from}&labelSelector=in%3Dyes`);
    await create("moving", { in: "no" });
    await label("moving", { in: "yes" });
    await label("moving", { in: "yes", more: "x" });
    await label("moving", { in: "no" });
    await vi.waitFor(() => expect(seen(watching)).toEqual(["ADDED moving", "MODIFIED moving", "DELETED moving"]));
  });

  test("ends after timeoutSeconds, with a bookmark shortly before that tells of what it did not select", async () => {
    // A real server looks at its bookmarks once a second or so.
    const seconds = isEmbedded ? 3 : 8;
    const from = await listVersion();
    const watching = await watch(
      `resourceVersion=${from}&timeoutSeconds=${seconds}&allowWatchBookmarks=true&labelSelector=no%3Dsuch`,
    );
    const unseen = await create("unseen");
    await watching.ended;
    const bookmark = watching.lines.find((line) => line.type === "BOOKMARK");
    expect(bookmark?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
    expect(Number(at(bookmark?.object, "metadata", "resourceVersion"))).toBeGreaterThanOrEqual(
      Number(at(unseen, "metadata", "resourceVersion")),
    );
    expect(seen(watching)).toEqual([]);
  }, 20_000);

  test("sends no bookmark that was not asked for", async () => {
    const watching = await watch(`resourceVersion=${await listVersion()}&timeoutSeconds=1`);
    await watching.ended;
    expect(watching.lines.filter((line) => line.type === "BOOKMARK")).toEqual([]);
  });

  test("can send the initial state and mark its end", async () => {
    await create("initial");
    const watching = await watch(
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=",
    );
    await vi.waitFor(() => expect(watching.lines.at(-1)?.type).toBe("BOOKMARK"), { timeout: 8_000 });
    expect(seen(watching)).toContain("ADDED initial");
    expect(at(watching.lines.at(-1)?.object, "metadata", "annotations", "k8s.io/initial-events-end")).toBe("true");
  });

  test("shows rows when tables are asked for", async () => {
    const watching = await watch(`resourceVersion=${await listVersion()}`, TABLE);
    await create("table");
    await vi.waitFor(() => expect(watching.lines).toHaveLength(1));
    const table = watching.lines[0]?.object;
    expect(table).toMatchObject({ kind: "Table", rows: [{ cells: ["table", expect.anything(), expect.any(String)] }] });
  });

  test("of a single object follows that object", async () => {
    const made = await create("single");
    const version = String(at(made, "metadata", "resourceVersion"));
    const watching = await watch(`resourceVersion=${version}&fieldSelector=metadata.name%3Dsingle`);
    await create("another");
    await label("single", { a: "b" });
    await vi.waitFor(() => expect(seen(watching)).toEqual(["MODIFIED single"]));
  });
});
