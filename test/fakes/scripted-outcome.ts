/** How the fakes of AWS fail when a test says so, with the errors of the real adapters. */
import { toCloudError } from "../../src/cloud/aws/ec2-errors.ts";
import { CloudError } from "../../src/cloud/errors.ts";
import type { CloudErrorCode } from "../../src/cloud/errors.ts";
import type { CodedError } from "../../src/lib/errors.ts";

export interface FakeOutcome {
  readonly code: CloudErrorCode;
  readonly providerCode?: string;
  /** The change is made first. */
  readonly after?: boolean;
}

/** An error of an emulated service. */
type ServiceError = abstract new (...args: never[]) => CodedError<{ readonly code: string; readonly status: number }>;

/** Performs, and throws what was scripted, or what the emulated service refused as its SDK adapter would. */
export function scriptedAnswer<T>(
  call: { readonly service: string; readonly action: string; readonly refusal: ServiceError },
  scripted: FakeOutcome | undefined,
  perform: () => T,
): T {
  const { service, action, refusal } = call;
  const failure = scripted === undefined ? undefined : scriptedError(service, action, scripted);
  if (failure !== undefined && scripted?.after !== true) throw failure;
  try {
    const answer = perform();
    if (failure !== undefined) throw failure;
    return answer;
  } catch (thrown) {
    if (!(thrown instanceof refusal)) throw thrown;
    const $metadata = { httpStatusCode: thrown.detail.status };
    throw toCloudError(action, Object.assign(new Error(thrown.message), { name: thrown.code, $metadata }), service);
  }
}

function scriptedError(service: string, action: string, { code, providerCode }: FakeOutcome): CloudError {
  const provider = providerCode === undefined ? {} : { providerCode };
  return new CloudError({ code, action, ...provider }, `${service} ${action} failed: ${providerCode ?? code}`);
}
