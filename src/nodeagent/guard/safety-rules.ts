/**
 * The safety rules of DESIGN 4 that the guard's machines can be told to break, one at a time, by the simulator
 * (`npm run sim -- --break RULE`), to show that the simulator would notice. Production passes `ALL_RULES`, a constant; no
 * flag, setting or variable can choose another.
 */
export interface SafetyRules {
  /** A promise binds rho*L + M, not L (A1). Broken by `promise-without-rho`. */
  readonly promiseBindsWithRho: boolean;
  /** A node with an open promise activates nothing of the group. Broken by `ignore-promise`. */
  readonly promiseBlocksActivation: boolean;
  /** Open promises outlive the guard, and a booted machine waits. Broken by `forget-promise-on-restart`. */
  readonly promisesOutliveTheGuard: boolean;
  /** All members to be asked must answer. Broken by `majority-is-permission`. */
  readonly allMustPromise: boolean;
  /** Promises prolong an unbroken right only (A8). Broken by `revive-lapsed-right`. */
  readonly promisesProlongUnbrokenRight: boolean;
  /** The set to be asked grows only while the right rests on the session, and growth voids earlier rounds (A3). Broken by `grow-under-promise`. */
  readonly growthRestsOnSession: boolean;
  /** A right counts from the send. Broken by `count-from-reply`. */
  readonly countsFromSend: boolean;
  /** The right is looked at again after every await. Broken by `no-recheck-after-await`. */
  readonly recheckAfterAwait: boolean;
  /** One life of the guard is one session: nothing is resumed (A2). Broken by `resume-session`. */
  readonly lifeIsSession: boolean;
  /** The watchdog is petted only when the right was prolonged (A9). Broken by `pet-in-loop`. */
  readonly onlySuccessPets: boolean;
}

export const ALL_RULES: SafetyRules = {
  promiseBindsWithRho: true,
  promiseBlocksActivation: true,
  promisesOutliveTheGuard: true,
  allMustPromise: true,
  promisesProlongUnbrokenRight: true,
  growthRestsOnSession: true,
  countsFromSend: true,
  recheckAfterAwait: true,
  lifeIsSession: true,
  onlySuccessPets: true,
};
