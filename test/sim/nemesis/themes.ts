/** All themes of lives. A seed draws one of them or a mixture without a plan. */
import { between, chance, pick } from "../seeds.ts";
import { DISK_THEMES } from "./disk-themes.ts";
import { LEADER_THEMES } from "./leader-themes.ts";
import { MEMBER_THEMES } from "./member-themes.ts";
import { PROMISE_THEMES } from "./promise-themes.ts";
import { oneFault } from "./random-faults.ts";
import { SESSION_THEMES } from "./session-themes.ts";
import type { Theme } from "./theme.ts";

export const THEMES: Readonly<Record<string, Theme>> = {
  mixture: {
    faults: (random, options) =>
      Array.from({ length: 2 + Math.floor(random.next() * 5) }, () => {
        const fault = { atMs: between(random, 0, options.phaseMs), what: oneFault(random, options) };
        if (!chance(random, 0.25)) return fault;
        const on = pick(random, ["grant", "revoke", "activation"] as const);
        return { ...fault, on, afterMs: between(random, 0, 800) };
      }),
  },

  ...SESSION_THEMES,
  ...PROMISE_THEMES,
  ...LEADER_THEMES,
  ...MEMBER_THEMES,
  ...DISK_THEMES,
};

export const THEME_NAMES = Object.keys(THEMES);
