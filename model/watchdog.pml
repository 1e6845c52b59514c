/*
 * When may others trust that a frozen member is off? One holder with a watchdog, one observer; the guard may be frozen
 * between any two of its steps, also between "decide to pet" and "pet" (rule A9 of DESIGN 4.2).
 *
 *   send ... carried out ... reply -> decide to pet -> pet -> frozen; watchdog fires W after the pet
 *
 * All clocks run alike here (rho = 1); the factor rho in `rho*2W + M <= L` is arithmetic. What is checked: once the observer
 * has seen the Lease unchanged for L, nothing is active. Holds from L = 2W - 1 ticks.
 * Switches: W, L, R, S; broken rules PET_IN_LOOP, SEND_BEFORE_PET, OPEN_BEFORE_DOWN, NO_WATCHDOG.
 */
#ifndef W
#define W 3
#endif
#ifndef L
#define L 5
#endif
#ifndef R
#define R 2
#endif
#define CAP 60

byte elapsed; byte sendAge; byte unchanged; byte timer;
bit sent; bit done; bit wantsPet; bit isActive = 1; bit revoked; bit guardUp = 1; bit proven = 1;

active proctype World() {
  do
  :: d_step {                                              /* a tick; nobody else need run in it */
       if :: elapsed < CAP -> elapsed++ :: else fi;
       if :: sent && sendAge < CAP -> sendAge++ :: else fi;
       if :: unchanged < L -> unchanged++ :: else fi;
       if :: timer < W -> timer++ :: else fi;
#ifndef NO_WATCHDOG
       if :: timer == W -> isActive = 0; guardUp = 0; sent = 0; done = 0; wantsPet = 0 :: else fi;
#endif
       if :: unchanged == L -> revoked = 1 :: else fi;
       assert(!(revoked && isActive))
     }
  :: atomic { (guardUp && proven && !sent && isActive
#ifndef SEND_BEFORE_PET
       && !wantsPet                                        /* the next renewal is sent after the pet for this one: 2W rests on it */
#endif
       ) -> sent = 1; done = 0; sendAge = 0 }
  :: atomic { sent && !done && !revoked -> unchanged = 0; done = 1 }
  :: atomic { guardUp && sent && done -> elapsed = sendAge; sent = 0; done = 0; sendAge = 0; wantsPet = 1 }
  :: atomic { sent -> sent = 0; done = 0; sendAge = 0 }   /* lost */
  :: atomic { guardUp && wantsPet -> timer = 0; wantsPet = 0 }
#ifdef PET_IN_LOOP
  :: atomic { guardUp && isActive && elapsed < R -> wantsPet = 1 }
#endif
  :: atomic { guardUp && isActive && elapsed >= R -> isActive = 0 }
  /* the guard is killed and starts again; what it left is still there */
  :: atomic { guardUp && isActive -> sent = 0; done = 0; wantsPet = 0; proven = 0;
#ifdef OPEN_BEFORE_DOWN
       timer = 0
#else
       skip
#endif
     }
  :: atomic { guardUp && !proven -> isActive = 0; proven = 1 }
  od
}
