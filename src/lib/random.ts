/** Randomness as a port; the simulator seeds it. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A fresh identifier in RFC 9562 UUID form. */
  uuid(): string;
}

/** `baseMs` spread uniformly over [baseMs*(1-spread), baseMs*(1+spread)]; `spread` in [0, 1]. */
export function jittered(random: Random, baseMs: number, spread: number): number {
  return baseMs * (1 - spread + 2 * spread * random.next());
}
