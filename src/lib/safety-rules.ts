/**
 * The safety rules of DESIGN 4 that the simulator can switch off, one at a time (`npm run sim -- --break RULE`), to show
 * that it would notice. Production runs under `ALL_RULES`: the class has a member that no literal and no copy has, so
 * that nothing else compiles, and its one instance cannot be changed; no flag, setting or variable chooses another.
 */
export class SafetyRules {
  protected readonly isOnlyMadeHere = true;

  // ---- the holder's right

  /** A right counts from the send. Broken by `count-from-reply`. */
  readonly countsFromSend: boolean = true;
  /** The right is looked at again after every await. Broken by `no-recheck-after-await`. */
  readonly recheckAfterAwait: boolean = true;
  /** One life of the guard is one session: nothing is resumed (A2). Broken by `resume-session`. */
  readonly lifeIsSession: boolean = true;
  /** The watchdog is petted only when the right was prolonged (A9). Broken by `pet-in-loop`. */
  readonly onlySuccessPets: boolean = true;
  /** An older epoch, or one given up here, is not activated. Broken by `ignore-epoch`. */
  readonly epochsOnlyRise: boolean = true;

  // ---- promises

  /** A promise binds rho*L + M, not L (A1). Broken by `promise-without-rho`. */
  readonly promiseBindsWithRho: boolean = true;
  /** A node with an open promise activates nothing of the group. Broken by `ignore-promise`. */
  readonly promiseBlocksActivation: boolean = true;
  /** Open promises outlive the guard, and a booted machine waits. Broken by `forget-promise-on-restart`. */
  readonly promisesOutliveTheGuard: boolean = true;
  /** All members to be asked must answer. Broken by `majority-is-permission`. */
  readonly allMustPromise: boolean = true;
  /** Promises prolong an unbroken right only (A8). Broken by `revive-lapsed-right`. */
  readonly promisesProlongUnbrokenRight: boolean = true;
  /** The set to be asked grows only while the right rests on the session, and growth voids earlier rounds (A3). Broken by `grow-under-promise`. */
  readonly growthRestsOnSession: boolean = true;
  /** A record that was sent and not answered counts until a later write is answered (A4). Broken by `read-resolves-change`. */
  readonly onlyWritesResolveChanges: boolean = true;
  /** The record of members is written by compare-and-set (A7). Broken by `record-without-cas`. */
  readonly recordsByCompareAndSet: boolean = true;

  // ---- the leader

  /** A session is ended on its Lease before anything is granted past it. Broken by `no-revoke`. */
  readonly revokesBeforeGrant: boolean = true;
  /** Every disk gets the epoch of the grant before it, and the primary's changes are conditional on their own (A5). Broken by `no-seal`. */
  readonly sealsBeforeGrant: boolean = true;
  /** "Seen unchanged" counts only across reads without a gap (A11). Broken by `count-across-gap`. */
  readonly gapsRestartTheCount: boolean = true;
  /** Only an open promise under the current epoch is a veto (A10). Broken by `hearing-is-veto`. */
  readonly onlyPromisesVeto: boolean = true;
  /** A machine that is still stopping proves nothing. Broken by `trust-stopping`. */
  readonly onlyOffIsProof: boolean = true;
  /** For force-promote, expiry proves the holder down only towards a member that it had to ask (A6). Broken by `expiry-proves-force`. */
  readonly expiryIsNoProofForForce: boolean = true;
}

export const ALL_RULES: SafetyRules = new SafetyRules();
Object.freeze(ALL_RULES);
