/**
 * Members that publish session timings which do not fit together (DESIGN 4.2): whoever is granted the group would live by
 * them. Different durations are no conflict: observers wait for the larger, promises bind for the larger. Pure.
 */
import { LEASE_ANNOTATIONS, type Lease } from "../../api/session-lease.ts";
import { brokenRelations, presetTimings, type Timings } from "../../api/timings.ts";
import type { Seen } from "./seen.ts";

/** One sentence per member whose timings break a relation; what is not published, or not wholly, is not judged. */
export function timingsConflicts(seen: Seen): string[] {
  return seen.members.flatMap(({ node, position, session }) => {
    const isJudged = position !== undefined && session.verdict.state === "Live";
    const timings = isJudged && session.lease !== undefined ? publishedTimings(session.lease) : undefined;
    const broken = timings === undefined ? [] : brokenRelations(timings);
    return broken.length === 0
      ? []
      : [`${node} lives by session timings that do not fit together: ${broken.join("; ")}`];
  });
}

const NAMES = Object.keys(presetTimings("default")) as readonly (keyof Timings)[];

function publishedTimings(lease: Lease): Timings | undefined {
  const text = lease.metadata.annotations?.[LEASE_ANNOTATIONS.timings];
  if (text === undefined) return undefined;
  const published = parsed(text);
  if (typeof published !== "object" || published === null) return undefined;
  const values = published as Readonly<Record<string, unknown>>;
  return NAMES.every((name) => typeof values[name] === "number") ? (published as Timings) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
