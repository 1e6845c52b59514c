/**
 * Sends the change of a record. When the batch does not fit what is there any more, nothing was changed: the loop reads the
 * record and the group once more and decides anew. Deciding here would be too early: reading takes time, in which the
 * group may have been granted to somebody else.
 */
import type { AwsDns } from "../../api/generated/types.ts";
import type { Route53Access } from "../../cloud/aws/route53-access.ts";
import { CONFLICT, type ChangeInfo } from "../../cloud/aws/route53-ports.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import { CloudError } from "../../cloud/errors.ts";
import type { WriteRequest } from "../pointer/kind.ts";
import type { Changes } from "./changes.ts";
import { batchOf } from "./record.ts";
import type { AwsDnsWrite } from "./seen.ts";

export interface AwsDnsWriteModules {
  readonly route53: Route53Access;
  readonly changes: Changes;
}

type Request = WriteRequest<AwsDns, AwsCredentials>;

export async function writeRecord(modules: AwsDnsWriteModules, write: AwsDnsWrite, request: Request): Promise<void> {
  modules.changes.sent(request.object, await send(modules, write, request));
}

async function send({ route53 }: AwsDnsWriteModules, write: AwsDnsWrite, request: Request): Promise<ChangeInfo> {
  const { region, zoneId, name, change } = write;
  const { keys, timeoutMs, assertMayWrite } = request;
  try {
    const knowledge = await route53.knowledgeOf(region, keys);
    return await knowledge.change(zoneId, { changes: batchOf(name, change), timeoutMs, assertMayWrite });
  } catch (thrown) {
    if (!(thrown instanceof CloudError) || thrown.detail.providerCode !== CONFLICT) throw thrown;
    const text = `${name} was changed since it was read, so nothing was written; it is read again: ${thrown.message}`;
    // Not an answer about what we may do, only about what is there by now.
    throw new CloudError({ ...thrown.detail, code: "CallFailed" }, text, thrown);
  }
}
