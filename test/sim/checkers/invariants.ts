/** What must hold, by name. */
export const INVARIANTS = {
  "two-active": "at most one member has anything of a group at any instant",
  "older-epoch": "nobody is active under an epoch older than one that was already active",
  "no-grant": "nothing of a group is brought up on a member that was never granted it",
  "not-promotable": "whoever is granted is in the spec, and in the last record unless the holder before is proven down",
  "not-in-sync": "whoever is granted is in the set of every disk that was sealed for it, unless a person forced it",
  "beyond-stop-budget": "a running guard has everything down at R+S after its right was last prolonged",
  "beyond-session": "nothing is up when the session's duration is over, whatever was frozen (with a watchdog)",
  "deposed-pointer": "no cloud pointer is moved by a leader after a newer one acted",
  "older-pointer": "no cloud pointer goes back to a member whose grant is older than one it was moved for",
  "fenced-last": "no machine is stopped while no other member of its group is healthy, as far as a leader can know",
  "fence-limit": "no more machines are stopped within a period than the limit of fencing allows",
  "no-convergence": "after the faults have gone, every group is served again in bounded time",
  "moved-by-outage": "an outage of the API server alone moves nothing and stops nothing",
  "slow-recovery": "a single fault is survived in bounded time",
  "broken-assertion": "no assertion of the product breaks",
  "unexpected-error": "no error of the product goes unhandled",
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  readonly atMs: number;
  readonly message: string;
}

export type Violate = (invariant: Invariant, message: string) => void;
