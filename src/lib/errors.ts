/**
 * Operating errors: expected, typed, handled. Each error family is a union of details with a stable `code`; every
 * code carries its own fields, which go to the log as fields and into conditions as text.
 */
export class CodedError<Detail extends { readonly code: string }> extends Error {
  override readonly name: string = "CodedError";
  readonly detail: Detail;

  constructor(detail: Detail, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.detail = detail;
  }

  get code(): Detail["code"] {
    return this.detail.code;
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
