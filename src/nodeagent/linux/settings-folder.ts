/** Settings as a mounted ConfigMap shows them: a folder with a file per key. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SessionSettings } from "../guard/session-settings.ts";

const NAMES = ["preset", "session-duration", "stop-budget"] as const;

/** A file that is not there gives no value; any other failure throws. */
export async function readSettings(folder: string): Promise<SessionSettings> {
  const values = await Promise.all(NAMES.map(async (name) => [name, await textOf(join(folder, name))] as const));
  return Object.fromEntries(values.filter(([, text]) => text !== undefined));
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}
