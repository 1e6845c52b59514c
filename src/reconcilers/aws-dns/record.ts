/** Records of Route 53 as both kinds of records see them, and back. Pure. */
import type { RecordChange as Route53Change, RecordSet } from "../../cloud/aws/route53-ports.ts";
import type { RecordSeen } from "../dns/seen.ts";
import type { RecordChange, RecordView } from "../dns/view.ts";
import { recordNameOf, type AwsDnsSeen, type AwsDnsWrite } from "./seen.ts";

/** What stands under a name; undefined: nothing. */
export function recordSeenOf(sets: readonly RecordSet[]): RecordSeen | undefined {
  const [first] = sets;
  if (first === undefined) return undefined;
  const { values, ttlSeconds } = first;
  return { addresses: first.type === "A" ? values : [], ttlSeconds, oddity: oddityOf(first) };
}

function oddityOf({ type, values, aliasTarget, setIdentifier }: RecordSet): string | undefined {
  if (type === "CNAME") return `a CNAME of ${values.join(", ")}`;
  if (setIdentifier !== undefined) return `one of several records with a routing policy (${setIdentifier})`;
  return aliasTarget === undefined ? undefined : `an alias of ${aliasTarget}`;
}

export function recordViewOf({ object, members, facts }: AwsDnsSeen): RecordView {
  return { object, members, name: recordNameOf(object), record: facts.record };
}

export function writeOf({ object, facts }: AwsDnsSeen, change: RecordChange): AwsDnsWrite {
  return { region: facts.region, zoneId: object.spec.hostedZoneId, name: recordNameOf(object), change };
}

/** One batch: refused by Route 53 unless exactly what was read is still there; never a moment without the name. */
export function batchOf(name: string, { expected, wanted }: RecordChange): Route53Change[] {
  const record = (ttlSeconds: number, values: readonly string[]) => ({ name, ttlSeconds, values });
  return [
    ...(expected === undefined
      ? []
      : [{ action: "DELETE", record: record(expected.ttlSeconds ?? 0, expected.addresses) } as const]),
    ...(wanted === undefined
      ? []
      : [{ action: "CREATE", record: record(wanted.ttlSeconds, [wanted.address]) } as const]),
  ];
}
