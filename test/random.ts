// A seeded generator for the random tests (mulberry32), and the seed they run with.

export interface Random {
  /** An integer in [0, n). */
  below(n: number): number;
}

export function random(seed: number): Random {
  let state = seed >>> 0;
  return {
    below(n) {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
    },
  };
}

/** F2FS_SEED, or 1: a test passes or fails for what was changed, not by luck. Printed, so that a failure can be repeated. */
export function seedOf(what: string): number {
  const seed = Number(process.env['F2FS_SEED'] ?? 1);
  console.info(`${what}: F2FS_SEED=${seed}`);
  return seed;
}
