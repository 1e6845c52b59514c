/** A resource of Azure Resource Manager read by its path, as the JSON of its API reference. */

/** The SDK clients' way to a path that they have no method for. */
export interface UncheckedPaths {
  pathUnchecked(path: string): {
    get(options: {
      readonly abortSignal: AbortSignal;
    }): PromiseLike<{ readonly status: string; readonly body: unknown }>;
  };
}

/** `path` carries its `api-version`. Rejects as the SDK's own methods do, for `toCloudError`. */
export async function getJson(context: UncheckedPaths, path: string, abortSignal: AbortSignal): Promise<unknown> {
  const { status, body } = await context.pathUnchecked(path).get({ abortSignal });
  if (status === "200") return body;
  const { error } = Object(body) as { error?: { code?: string; message?: string } };
  const text = error?.message ?? `status ${status}`;
  throw Object.assign(new Error(text), { statusCode: Number(status), code: error?.code });
}
