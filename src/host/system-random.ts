/** The operating system's randomness. */
import { randomUUID } from "node:crypto";
import type { Random } from "../lib/random.ts";

export const systemRandom: Random = { next: () => Math.random(), uuid: () => randomUUID() };
