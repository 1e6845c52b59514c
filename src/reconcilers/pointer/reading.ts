/**
 * Answers of the cloud as values. "Could not be read" is one of them, and never the same as "is not there".
 * Must never do: turn a failure into an empty answer.
 */
import { CloudError } from "../../cloud/errors.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";
import type { Read, ReadWish } from "../../cloud/read-cache.ts";

export interface Failure {
  readonly code: CloudErrorCode;
  readonly message: string;
}

export type Reading<T> =
  /** `sentAtMs`: when the call was sent, on the monotonic clock. */
  | { readonly ok: true; readonly value: T; readonly sentAtMs: number }
  /** `known`: what the last good answer said, if there ever was one. */
  | { readonly ok: false; readonly failure: Failure; readonly known: T | undefined };

/** The value of a reading, or of the last good one. */
export function valueOf<T>(reading: Reading<T> | undefined): T | undefined {
  if (reading === undefined) return undefined;
  return reading.ok ? reading.value : reading.known;
}

/** Nothing is known: the call failed, and none before it succeeded. */
export function isUnread(reading: Reading<unknown> | undefined): boolean {
  return reading?.ok === false && reading.known === undefined;
}

export function mapped<A, B>(reading: Reading<A>, map: (value: A) => B): Reading<B> {
  if (reading.ok) return { ...reading, value: map(reading.value) };
  return { ...reading, known: reading.known === undefined ? undefined : map(reading.known) };
}

/** What a cached read answers; a failure is a value, with what was known before. Anything but a `CloudError` is thrown. */
export async function readingOf<T>(wish: ReadWish, ask: (wish: ReadWish) => Promise<Read<T>>): Promise<Reading<T>> {
  try {
    return { ok: true, ...(await ask(wish)) };
  } catch (thrown) {
    return { ok: false, failure: failureOf(thrown), known: await lastGood(wish, ask) };
  }
}

/** The `CloudError` that was thrown, as a value; anything else is a broken invariant and is thrown on. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CloudError) return { code: thrown.code, message: thrown.message };
  throw thrown;
}

/** What the last call that succeeded brought. Sends nothing: without one, the failure of a moment ago is given again. */
async function lastGood<T>(wish: ReadWish, ask: (wish: ReadWish) => Promise<Read<T>>): Promise<T | undefined> {
  try {
    const read = await ask({ ...wish, anyAge: true, sentSinceMs: Number.NEGATIVE_INFINITY });
    return read.value;
  } catch (thrown) {
    if (thrown instanceof CloudError) return undefined;
    throw thrown;
  }
}
