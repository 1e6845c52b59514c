/** What instance metadata is asked and answers, whichever cloud it is. Pure. */

export interface MetadataRequest {
  readonly method: string;
  /** With the query. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Empty: none. */
  readonly body: string;
}

export interface MetadataAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface MetadataService {
  /** What the machine of this name is told about itself. */
  answer(vm: string, request: MetadataRequest): MetadataAnswer;
}

export function jsonAnswer(value: unknown): MetadataAnswer {
  return { status: 200, body: JSON.stringify(value), headers: { "content-type": "application/json" } };
}

export function textAnswer(body: string): MetadataAnswer {
  return { status: 200, body, headers: { "content-type": "text/plain" } };
}
