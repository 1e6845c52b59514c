/*
 * Who may be active: the exclusivity protocol (DESIGN section 4) as one explicit-state model.
 *
 * The idea. One process whose every iteration is one event of the world: a message is sent, carried out or answered,
 * a clock ticks, a machine dies, a leader acts. Requests may be delayed without limit or lost; time may pass between
 * any two events. What is checked after every event:
 *   I1  never two members active at one instant
 *   I2  nobody active under an epoch older than one that was already active
 *   I3  nobody active in a session or epoch that was never granted to it
 *
 * Time. A tick is one unit of the fastest clock. L = 2; a member with a slow clock (rho = 3/2) counts L in 3 ticks; observers
 * and promisers, who must wait long enough, are taken as fast (the worst case). Right ends at the last permitted
 * instant (that is what the watchdog guarantees: watchdog.pml).
 *
 * Switches, -D each: N (2, 3), MAXEPOCH, MAXSESSION, SLOW (bit mask), and what is in the run: PROMISES, REPORTS,
 * RESTARTS, CRASHES, MIRROR (in-sync set), MEMBERS (record of members), FORCE (force-promote).
 * Broken rules, -D each, names as in `npm run sim -- --break`; the tables of docs/design/exclusivity.md say
 * which line is which line of the code.
 */
#ifndef N
#define N 2
#endif
#ifndef MAXEPOCH
#define MAXEPOCH 2
#endif
#ifndef MAXSESSION
#define MAXSESSION 2
#endif
#ifndef SLOW
#define SLOW 1
#endif

#define ALL ((1 << N) - 1)
#define BIT(m) (1 << (m))
#define RIGHT(m) ((SLOW & BIT(m)) -> 3 : 2)   /* L in ticks, on this member's clock */

#ifdef NO_RHO
#define WAIT 2                                 /* broken: the leader waits L only */
#else
#define WAIT 3                                 /* rho * L */
#endif
#ifdef PROMISE_WITHOUT_RHO
#define PROMISE 2                              /* broken (A1) */
#else
#define PROMISE 3
#endif

#define LIVE 0
#define EXPIRED 1
#define RELEASED 2
#define FENCED 3

/* The API server. */
byte leaseSession[N]; byte leaseEnd[N];        /* session Lease per member */
byte grantEpoch = 1; byte grantHolder = 0; byte grantSession = 1;
byte reportEpoch[N]; byte reportSession[N];    /* last stored "deactivated" */
byte set = ALL;                                /* MIRROR: in-sync set; MEMBERS: record of members */
byte sealEpoch = 1;                            /* MIRROR: epoch on the disk */
byte spec = ALL;                               /* MEMBERS */

/* What the leader has seen. */
byte unchanged[N];                             /* ticks since the Lease changed, saturating at 3 */
#ifdef NO_REVOKE_CAS
bit decided[N];                                /* broken: decides to revoke now, writes later without a precondition */
#endif

/* The members. */
bit up[N]; byte session[N]; byte right[N]; byte act[N]; byte given[N]; byte readEpoch[N];
bit bySession[N];                              /* the right rests on the session, not on promises */
byte nextSession[N];
byte promised[N];                              /* ticks this member must not activate */
byte bootWait[N];

/* Requests in flight. */
byte renewal[N]; byte renewalAge[N];           /* 0 none, 1 sent, 2 done, 3 refused */
byte pendingReportEpoch[N]; byte pendingReportSession[N];
bit asking[N]; byte askAge[N]; byte askNeed[N]; byte askGot[N];
byte ownSet[N];                                /* what the holder believes it must ask */
byte change[N]; byte changeSet[N]; byte changeEpoch[N];  /* set change: 0 none, 1 sent, 2 done, 3 refused; epoch it is made under */
bit changeForgotten[N];                        /* the holder no longer waits for it */

byte newestActive = 1;                         /* ghost: newest epoch that was ever active */
byte m, b, i;                                  /* scratch, 0 between events */

inline check() {
  i = 0; b = 0;
  do
  :: i < N -> b = b + (act[i] != 0); i++
  :: else -> break
  od;
  assert(b <= 1);
  i = 0; b = 0
}

inline takeDown(x) {
  act[x] = 0; asking[x] = 0; askGot[x] = 0; askNeed[x] = 0; askAge[x] = 0
}

/* A change whose result is unknown stays in flight; the one who sent it is gone or no longer waits. */
inline forget(x) {
  takeDown(x); right[x] = 0; bySession[x] = 0; readEpoch[x] = 0;
  changeForgotten[x] = 1; ownSet[x] = 0
}

inline pick() {
  if
  :: m = 0
  :: N > 1 -> m = 1
  :: N > 2 -> m = 2
  fi
}

inline pickOther() {
  if
  :: m != 0 -> b = 0
  :: m != 1 -> b = 1
  :: N > 2 && m != 2 -> b = 2
  fi
}

#define UNION(x) (ownSet[x] | ((change[x] != 0 && !changeForgotten[x]) -> changeSet[x] : 0))

inline tick() {
  i = 0;
  do
  :: i < N ->
     if :: right[i] > 0 ->
        right[i]--;
        if :: right[i] == 0 -> takeDown(i); bySession[i] = 0 :: else fi
     :: else fi;
     if :: renewal[i] != 0 && renewalAge[i] < 3 -> renewalAge[i]++ :: else fi;
     if :: asking[i] && askAge[i] < 3 -> askAge[i]++ :: else fi;
     if :: promised[i] > 0 -> promised[i]-- :: else fi;
     if :: bootWait[i] > 0 -> bootWait[i]-- :: else fi;
     if :: unchanged[i] < 3 -> unchanged[i]++ :: else fi;
     i++
  :: else -> break
  od;
  i = 0
}

/* The old right is over: the session ended, or another life holds the Lease, or the member itself reported it. */
#ifdef NO_REVOKE
#define sessionOver(h) (leaseEnd[h] != LIVE || leaseSession[h] != grantSession || unchanged[h] >= WAIT)
#else
#define sessionOver(h) (leaseEnd[h] != LIVE || leaseSession[h] != grantSession)
#endif
#define reported(h) (reportEpoch[h] == grantEpoch && reportSession[h] == grantSession)
#define rightIsOver (sessionOver(grantHolder) || reported(grantHolder))
/* More than expiry: what force-promote needs towards a member the holder need not ask (A6). */
#ifdef EXPIRY_PROVES_FORCE
#define holderIsDown rightIsOver
#else
#define holderIsDown (leaseEnd[grantHolder] == RELEASED || leaseEnd[grantHolder] == FENCED || leaseSession[grantHolder] != grantSession || reported(grantHolder))
#endif

inline grantTo(x) {
  grantEpoch++; grantHolder = x; grantSession = leaseSession[x]
}

active proctype World() {
  d_step {
    up[0] = 1; session[0] = 1; leaseSession[0] = 1; nextSession[0] = 2; act[0] = 1; readEpoch[0] = 1; right[0] = RIGHT(0); bySession[0] = 1; ownSet[0] = set;
    i = 1;
    do :: i < N -> up[i] = 1; session[i] = 1; leaseSession[i] = 1; nextSession[i] = 2; right[i] = RIGHT(i); bySession[i] = 1; i++ :: else -> break od;
    i = 0
  }
  do
  :: d_step { tick(); check() }

  /* ---- session: send, carry out, answer ---- */
  :: atomic { pick(); if :: (up[m] && session[m] != 0 && renewal[m] == 0) -> renewal[m] = 1; renewalAge[m] = 0 :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (renewal[m] == 1) -> if
       :: leaseSession[m] == session[m] && leaseEnd[m] == LIVE -> unchanged[m] = 0; renewal[m] = 2
       :: else -> renewal[m] = 3
       fi :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (renewal[m] >= 2) -> if
       :: renewal[m] == 2 ->
#ifdef COUNT_FROM_REPLY
          right[m] = RIGHT(m); bySession[m] = 1;
#else
          if
          :: RIGHT(m) > renewalAge[m] && RIGHT(m) - renewalAge[m] >= right[m] -> right[m] = RIGHT(m) - renewalAge[m]; bySession[m] = 1
          :: else
          fi;
#endif
       :: else ->                                /* a lost race takes everything down */
#ifdef NO_RECHECK_AFTER_AWAIT
          b = readEpoch[m]; forget(m); readEpoch[m] = b; b = 0;
#else
          forget(m);
#endif
          session[m] = 0
       fi;
       renewal[m] = 0; renewalAge[m] = 0 :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (renewal[m] != 0) -> renewal[m] = 0; renewalAge[m] = 0 :: else fi; m = 0; b = 0 }   /* lost, or its reply is */
  :: atomic { pick(); if :: (up[m] && session[m] == 0 && nextSession[m] <= MAXSESSION) -> session[m] = nextSession[m]; nextSession[m]++; leaseSession[m] = session[m]; leaseEnd[m] = LIVE; unchanged[m] = 0;
       right[m] = RIGHT(m); bySession[m] = 1; given[m] = 0 :: else fi; m = 0; b = 0 }

#ifdef RESTARTS
  :: atomic { pick(); if :: (up[m]) -> forget(m); renewal[m] = 0; renewalAge[m] = 0;
#ifdef RESUME_SESSION
       if :: session[m] != 0 && leaseSession[m] == session[m] && leaseEnd[m] == LIVE -> given[m] = 0   /* broken (A2): remembers nothing, goes on */
       :: else -> session[m] = 0 fi;
#else
       session[m] = 0;
#endif
#ifdef FORGET_PROMISE_ON_RESTART
       promised[m] = 0;
#endif
       :: else fi; m = 0; b = 0 }
#endif
#ifdef CRASHES
  :: atomic { pick(); if :: (up[m]) -> forget(m); renewal[m] = 0; renewalAge[m] = 0; session[m] = 0; up[m] = 0; promised[m] = 0; bootWait[m] = 0 :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (!up[m]) -> up[m] = 1;
#ifndef NO_BOOT_WAIT
       bootWait[m] = 3;
#endif
       :: else fi; m = 0; b = 0 }
#ifdef FORCE
  /* fencing: the cloud says `stopped`; the leader stores that fact in the Lease */
  :: atomic { pick(); if :: (!up[m] && leaseSession[m] != 0 && leaseEnd[m] != FENCED) -> leaseEnd[m] = FENCED :: else fi; m = 0; b = 0 }
#endif
#endif

#ifdef REPORTS
  :: atomic { pick(); if :: (up[m] && act[m] != 0) -> given[m] = act[m];
       if :: pendingReportEpoch[m] == 0 -> pendingReportEpoch[m] = act[m]; pendingReportSession[m] = session[m] :: else fi;
       takeDown(m) :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (pendingReportEpoch[m] != 0) -> reportEpoch[m] = pendingReportEpoch[m]; reportSession[m] = pendingReportSession[m];
       pendingReportEpoch[m] = 0; pendingReportSession[m] = 0 :: else fi; m = 0; b = 0 }
#endif

  /* ---- the leader ---- */
#ifndef NO_REVOKE
#ifdef NO_REVOKE_CAS
  :: atomic { pick(); if :: (leaseSession[m] != 0 && leaseEnd[m] == LIVE && unchanged[m] >= WAIT && !decided[m]) -> decided[m] = 1 :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (decided[m]) -> leaseEnd[m] = EXPIRED; decided[m] = 0 :: else fi; m = 0; b = 0 }
#else
  :: atomic { pick(); if :: (leaseSession[m] != 0 && leaseEnd[m] == LIVE && unchanged[m] >= WAIT) -> leaseEnd[m] = EXPIRED :: else fi; m = 0; b = 0 }
#endif
#endif
#ifdef MIRROR
#ifndef NO_SEAL
  /* the seal comes after the end of the right and before the grant (A5) */
  :: atomic { (rightIsOver && sealEpoch <= grantEpoch && grantEpoch < MAXEPOCH) -> sealEpoch = grantEpoch + 1 }
#endif
#endif
  :: atomic { pick(); if :: (grantEpoch < MAXEPOCH && leaseSession[m] != 0 && leaseEnd[m] == LIVE && !(m == grantHolder && leaseSession[m] == grantSession)
#ifndef GRANT_WITHOUT_END
       && rightIsOver
#endif
#ifdef MIRROR
       && (set & BIT(m))
#ifndef NO_SEAL
       && sealEpoch == grantEpoch + 1
#endif
#endif
#ifdef MEMBERS
       && (spec & BIT(m)) && (set & BIT(m))
#endif
       ) -> grantTo(m) :: else fi; m = 0; b = 0 }
#ifdef FORCE
  :: atomic { pick(); if :: (grantEpoch < MAXEPOCH && leaseSession[m] != 0 && leaseEnd[m] == LIVE && m != grantHolder && holderIsDown && !(set & BIT(m))) -> grantTo(m); sealEpoch = grantEpoch; set = BIT(m) :: else fi; m = 0; b = 0 }
#endif

  /* ---- activation: a consistent read, then, any time later, the act itself ---- */
  :: atomic { pick(); if :: (up[m] && right[m] > 0 && bySession[m] && grantHolder == m && grantSession == session[m] && grantEpoch > given[m] && readEpoch[m] != grantEpoch && act[m] == 0) -> readEpoch[m] = grantEpoch :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (up[m] && readEpoch[m] != 0 && act[m] == 0 && readEpoch[m] > given[m]
#ifndef NO_RECHECK_AFTER_AWAIT
       && right[m] > 0
#endif
#ifndef IGNORE_PROMISE
       && promised[m] == 0
#endif
       && bootWait[m] == 0
#ifdef MEMBERS
       && grantEpoch == readEpoch[m] && grantHolder == m       /* stores its own record of members, by compare-and-set, before it activates (A7) */
#endif
       ) ->
#ifdef MEMBERS
       set = spec;                                             /* a later compare-and-set of its own: an earlier one still under way fails, its answer says nothing any more (A4) */
       if :: change[m] == 1 -> change[m] = 3 :: else fi;
       changeForgotten[m] = 1;
#endif
       act[m] = readEpoch[m]; ownSet[m] = set;
       assert(act[m] >= newestActive);                       /* I2 */
       newestActive = act[m];
       check() :: else fi; m = 0; b = 0 }

#ifdef PROMISES
  /* ---- promises: ask all that must be asked; only all of them, for this very ask, prolong an unbroken right ---- */
  :: atomic { pick(); if :: (up[m] && act[m] != 0
#ifndef REVIVE_LAPSED_RIGHT
       && right[m] > 0
#endif
       && !asking[m]) -> asking[m] = 1; askAge[m] = 0; askGot[m] = 0; askNeed[m] = UNION(m) & (ALL ^ BIT(m)) :: else fi; m = 0; b = 0 }
  :: atomic { pick(); pickOther(); if :: (asking[m] && (askNeed[m] & BIT(b)) && !(askGot[m] & BIT(b)) && up[b] && act[b] == 0 && bootWait[b] == 0) -> promised[b] = PROMISE; askGot[m] = askGot[m] | BIT(b) :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (asking[m] &&
#ifdef MAJORITY_IS_PERMISSION
       (askGot[m] != 0 || askNeed[m] == 0)                       /* one of two peers and itself: two of three */
#else
       askGot[m] == askNeed[m]
#endif
       ) -> if
       :: RIGHT(m) > askAge[m] && RIGHT(m) - askAge[m] > right[m] -> right[m] = RIGHT(m) - askAge[m]; bySession[m] = 0
       :: else
       fi;
       asking[m] = 0; askAge[m] = 0; askGot[m] = 0; askNeed[m] = 0 :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (asking[m]) -> asking[m] = 0; askAge[m] = 0; askGot[m] = 0; askNeed[m] = 0 :: else fi; m = 0; b = 0 }
#endif
#ifdef REVIVE_LAPSED_RIGHT
  /* broken (A8): an old round that is answered late gives a right to one that has none */
  :: atomic { pick(); if :: (up[m] && session[m] != 0 && right[m] == 0 && act[m] == 0 && given[m] < newestActive && ownSet[m] != 0) -> right[m] = 1; act[m] = 1; assert(act[m] >= newestActive); check() :: else fi; m = 0; b = 0 }
#endif

#ifdef MIRROR
  /* ---- the primary changes the in-sync set, conditional on its own epoch (A5) and on the set it knows ---- */
  :: atomic { pick(); pickOther(); if :: (up[m] && act[m] != 0 && change[m] == 0 && (ownSet[m] & BIT(b))) -> change[m] = 1; changeSet[m] = ownSet[m] & (ALL ^ BIT(b)); changeEpoch[m] = act[m]; changeForgotten[m] = 0;
#ifdef SHRINK_BEFORE_RECORDED
       ownSet[m] = changeSet[m];
#endif
       :: else fi; m = 0; b = 0 }
  :: atomic { pick(); pickOther(); if :: (up[m] && act[m] != 0 && change[m] == 0 && !(ownSet[m] & BIT(b))
#ifndef GROW_UNDER_PROMISE
       && bySession[m]
#endif
       ) -> change[m] = 1; changeSet[m] = ownSet[m] | BIT(b); changeEpoch[m] = act[m]; changeForgotten[m] = 0;
#ifndef GROW_UNDER_PROMISE
       asking[m] = 0; askAge[m] = 0; askGot[m] = 0; askNeed[m] = 0;   /* voids every round asked before (A3) */
#endif
       :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (change[m] == 1) -> if
       :: sealEpoch == changeEpoch[m] -> set = changeSet[m]; change[m] = 2
       :: else -> change[m] = 3
       fi :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (change[m] >= 2) -> if :: change[m] == 2 && !changeForgotten[m] -> ownSet[m] = changeSet[m] :: else fi;
       change[m] = 0; changeSet[m] = 0; changeEpoch[m] = 0; changeForgotten[m] = 0 :: else fi; m = 0; b = 0 }
#ifdef READ_RESOLVES_CHANGE
  /* broken (A4): a read that still shows the old set is taken for the answer, while the request is under way */
  :: atomic { pick(); if :: (up[m] && act[m] != 0 && change[m] == 1 && !changeForgotten[m]) -> changeForgotten[m] = 1; ownSet[m] = set :: else fi; m = 0; b = 0 }
#endif
#endif

#ifdef MEMBERS
  /* ---- the user edits the list of members; the holder follows with its record ---- */
  :: atomic { pick(); if :: (spec & BIT(m)) && m != grantHolder -> spec = spec & (ALL ^ BIT(m)) :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: !(spec & BIT(m)) -> spec = spec | BIT(m) :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (up[m] && act[m] != 0 && change[m] == 0 && spec != ownSet[m] && ((spec & (ALL ^ ownSet[m])) == 0
#ifndef GROW_UNDER_PROMISE
       || bySession[m]
#else
       || 1
#endif
       )) -> change[m] = 1; changeSet[m] = spec; changeEpoch[m] = act[m]; changeForgotten[m] = 0;
       if :: (spec & (ALL ^ ownSet[m])) != 0 -> asking[m] = 0; askAge[m] = 0; askGot[m] = 0; askNeed[m] = 0 :: else fi;
#ifdef STOP_ASKING_BEFORE_RECORDED
       ownSet[m] = spec; changeSet[m] = spec;                    /* broken (A7, V7) */
#endif
       :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (change[m] == 1) -> if
#ifdef RECORD_WITHOUT_CAS
       :: set = changeSet[m]; change[m] = 2                      /* broken (A7, V7b): stored whatever happened since */
#else
       :: grantEpoch == changeEpoch[m] -> set = changeSet[m]; change[m] = 2
       :: grantEpoch != changeEpoch[m] -> change[m] = 3
#endif
       fi :: else fi; m = 0; b = 0 }
  :: atomic { pick(); if :: (change[m] >= 2) -> if :: change[m] == 2 && !changeForgotten[m] -> ownSet[m] = changeSet[m] :: else fi;
       change[m] = 0; changeSet[m] = 0; changeEpoch[m] = 0; changeForgotten[m] = 0 :: else fi; m = 0; b = 0 }
#endif
  od
}
