/**
 * Calls to the clouds per minute, by action, that 10, 100 and 1,000 resources of each kind cost while nothing happens:
 * the whole controller under a fake clock, on clouds that count. Exact figures, not measurements: the machine plays no part.
 */
import { CLOUD_KINDS, type CloudKind, Fleet } from "../test/builders/fleet.ts";

const COUNTS = [10, 100, 1_000] as const;

export interface CallFigures {
  readonly kind: CloudKind;
  readonly resources: number;
  readonly callsPerMinute: Readonly<Record<string, number>>;
}

export async function measureCalls(): Promise<CallFigures[]> {
  const figures: CallFigures[] = [];
  for (const kind of CLOUD_KINDS) {
    for (const resources of COUNTS) {
      const fleet = await Fleet.create(kind, resources);
      figures.push({ kind, resources, callsPerMinute: await fleet.callsPerMinute() });
      await fleet.close();
    }
  }
  return figures;
}
