/**
 * Sends changes of records. When a batch does not fit what is there any more, the record is read once more and the change
 * decided anew: what the first decision rested on may have been an answer of some age.
 * Must never do: write over a record that is not a plain A record, or delete an address that the product did not write.
 */
import type { AwsDns } from "../../api/generated/types.ts";
import type { Route53Access } from "../../cloud/aws/route53-access.ts";
import type { Route53Knowledge } from "../../cloud/aws/route53-knowledge.ts";
import { CONFLICT, type ChangeInfo } from "../../cloud/aws/route53-ports.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import { CloudError } from "../../cloud/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { isExactly, notSimple, type RecordChange } from "../dns/view.ts";
import type { WriteRequest } from "../pointer/kind.ts";
import type { Changes } from "./changes.ts";
import { batchOf, recordSeenOf } from "./record.ts";
import type { AwsDnsWrite } from "./seen.ts";

export interface AwsDnsWriteModules {
  readonly route53: Route53Access;
  readonly changes: Changes;
  readonly clock: Clock;
}

type Request = WriteRequest<AwsDns, AwsCredentials>;

export async function writeRecord(modules: AwsDnsWriteModules, write: AwsDnsWrite, request: Request): Promise<void> {
  const route53 = await modules.route53.knowledgeOf(write.region, request.keys);
  const info = await sendOrDecideAnew(modules, request, route53, write);
  if (info !== undefined) modules.changes.sent(request.object, info);
}

/** Undefined: there was nothing left to send. */
async function sendOrDecideAnew(
  { clock }: AwsDnsWriteModules,
  request: Request,
  route53: Route53Knowledge,
  write: AwsDnsWrite,
): Promise<ChangeInfo | undefined> {
  try {
    return await send(request, route53, write, write.change);
  } catch (thrown) {
    if (!(thrown instanceof CloudError) || thrown.detail.providerCode !== CONFLICT) throw thrown;
    const wish = { timeoutMs: request.timeoutMs, sentSinceMs: clock.monotonicMs() };
    const { value } = await route53.records(write.zoneId, write.name, wish);
    const change = changeAgain(write, recordSeenOf(value), thrown);
    return change === undefined ? undefined : await send(request, route53, write, change);
  }
}

async function send(
  { timeoutMs, assertMayWrite }: Request,
  route53: Route53Knowledge,
  { zoneId, name }: AwsDnsWrite,
  change: RecordChange,
): Promise<ChangeInfo> {
  return await route53.change(zoneId, { changes: batchOf(name, change), timeoutMs, assertMayWrite });
}

function changeAgain(
  { name, change }: AwsDnsWrite,
  found: RecordChange["expected"],
  refusal: CloudError,
): RecordChange | undefined {
  const { expected, wanted } = change;
  if (wanted === undefined) {
    const ours = expected?.addresses[0];
    return found === undefined || ours === undefined || !isExactly(found, ours)
      ? undefined
      : { ...change, expected: found };
  }
  if (found?.oddity !== undefined) throw new CloudError(refusal.detail, notSimple(name, found.oddity), refusal);
  if (found !== undefined && isExactly(found, wanted.address)) return undefined;
  return { expected: found, wanted };
}
