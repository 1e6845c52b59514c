/** A broken invariant: the process must not go on. A crash is safe by design (DESIGN 4); going on is not. */
export class InvariantBroken extends Error {
  override readonly name = "InvariantBroken";
}

/** Throws `InvariantBroken` unless `condition` holds. For programmer errors only, never for input or I/O. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantBroken(invariant);
}

/** Makes the compiler prove that a `switch` is exhaustive. */
export function unreachable(value: never): never {
  throw new InvariantBroken(`unexpected value ${JSON.stringify(value)}`);
}
