/* Takeover of a lease by observation: can two websockets of a feed be open at once? (contract section 5, rules r1 to r8)
 *
 * One feed, workers 0 and 1, one record, requests that are delayed, lost, or executed after their sender gave them up. Worker 0 begins as the producer. Time is
 * relative: ages and remaining times count in ticks and saturate, so it runs for ever in a finite space. Of the renewal counter only "the same as when I looked"
 * is kept, which is all that anybody compares.
 *
 * T observation, H self-fence after the send of what was confirmed, K slack for closing; H + K < T.
 * Mutations, each must fail:
 *   FROM_REPLY      r1  the deadline counts from the reply            FROM_SEND       r2  the observation counts from the poll's send
 *   EPOCH_ONLY      r3  a takeover compares no renewals               LATE_GRANT      r4  a grant older than H is used
 *   WALL_CLOCK      r5  the record expires by a clock that may step   KEEP_SIGHT      r6  (with RESTART) an observation outlives its connection
 *   STOP            r7  worker 0 may be stopped, without dead-man     T = H + K       r8
 * Features, each must hold:
 *   STOP DEADMAN    the kernel kills a stopped worker at its deadline + K
 *   RESTART         Redis ends and comes back, perhaps without the last renewals; a refused connect extends the deadline
 *   RESTART RESUME  it may come back without the record; the producer writes it again
 */
#ifndef T
#define T 4
#endif
#ifndef H
#define H 2
#endif
#ifndef K
#define K 1
#endif
#define GONE 2
mtype = { nothing, renew, poll, take };
byte holder = 0; bool serving = 1;
bool isOpen[2]; byte left[2];                       /* ticks to the deadline + K */
bool own[2];                                        /* the worker's token is the record's */
bool sight[2]; byte sightAge[2]; bool unchanged[2]; /* an observation, its age, and whether it still shows the record */
mtype ask[2]; bool done[2]; byte askAge[2];         /* the request under way: executed?, ticks since its send */
bool yes[2]; bool right[2];                         /* its answer; whether it shows the record's token */
bool wanted[2];                                     /* take: the pair it compares is still the record's */
bool sawSame[2]; bool seenSame[2];                  /* poll: did it confirm an older look; has nothing changed since it was answered */
bool stray[2]; bool strayRight[2];                  /* a renewal its sender gave up, still on its way */
bool beat[2]; bool looked[2];                       /* one request of a kind each tick is enough */
bool stopped = 0;
#ifdef WALL_CLOCK
byte expiry = T; bool stepped = 0;
#endif
#define AWAKE(w) (w == 1 || !stopped)
#ifdef RESUME
#define RESUMES(w) (right[w] && holder == GONE)
#else
#define RESUMES(w) false
#endif

inline touched() { unchanged[0] = 0; unchanged[1] = 0; wanted[0] = 0; wanted[1] = 0; seenSame[0] = 0; seenSame[1] = 0 }
inline blind(w) { sight[w] = 0; sightAge[w] = 0; unchanged[w] = 0 }
inline idle(w) { ask[w] = nothing; done[w] = 0; askAge[w] = 0; yes[w] = 0; right[w] = 0; wanted[w] = 0; sawSame[w] = 0; seenSame[w] = 0 }
inline shut(w) { isOpen[w] = 0; left[w] = 0 }
inline giveUp(w) { if :: ask[w] == renew && !done[w] -> stray[w] = 1; strayRight[w] = right[w] :: else fi; idle(w) }
inline grant(w) {
  holder = w; touched(); right[0] = 0; right[1] = 0; strayRight[0] = 0; strayRight[1] = 0;
  own[0] = 0; own[1] = 0; own[w] = 1; yes[w] = 1 }
inline execute(w) {
  if
  :: ask[w] == renew ->
     if :: right[w] && holder == w -> touched(); yes[w] = 1
        :: RESUMES(w) -> holder = w; touched(); yes[w] = 1
        :: !(right[w] && holder == w) && !RESUMES(w)
     fi
#ifdef WALL_CLOCK
     ; if :: yes[w] -> expiry = T :: else fi
#endif
  :: ask[w] == poll -> sawSame[w] = unchanged[w]; seenSame[w] = 1
  :: ask[w] == take ->
#ifdef WALL_CLOCK
     if :: expiry == 0 -> grant(w); expiry = T :: else fi
#else
#ifdef EPOCH_ONLY
     grant(w)
#else
     if :: wanted[w] -> grant(w) :: else fi
#endif
#endif
  fi;
  done[w] = 1 }
inline hear(w) {
  if
  :: ask[w] == renew && isOpen[w] && yes[w] ->
#ifdef FROM_REPLY
     left[w] = H + K
#else
     if :: askAge[w] < H && H - askAge[w] + K > left[w] -> left[w] = H - askAge[w] + K :: else fi
#endif
  :: ask[w] == renew && isOpen[w] && !yes[w] -> shut(w)
  :: ask[w] == poll && !isOpen[w] ->
     if :: sight[w] && sawSame[w]
        :: else -> sight[w] = 1; unchanged[w] = seenSame[w];
#ifdef FROM_SEND
           sightAge[w] = askAge[w]
#else
           sightAge[w] = 0
#endif
     fi
  :: ask[w] == take && yes[w] ->
#ifdef LATE_GRANT
     isOpen[w] = 1; left[w] = H + K
#else
     if :: askAge[w] < H -> isOpen[w] = 1; left[w] = H - askAge[w] + K :: else fi
#endif
  :: (ask[w] == renew && !isOpen[w]) || (ask[w] == poll && isOpen[w]) || (ask[w] == take && !yes[w])
  fi;
  idle(w) }
proctype Worker(byte w) {
  do
  :: atomic { AWAKE(w) && ask[w] == nothing && isOpen[w] && left[w] > K && !beat[w] -> beat[w] = 1; ask[w] = renew; right[w] = own[w] }
  :: atomic { AWAKE(w) && ask[w] == nothing && !isOpen[w] && !looked[w] -> looked[w] = 1; ask[w] = poll }
#ifdef WALL_CLOCK
  :: atomic { AWAKE(w) && ask[w] == nothing && !isOpen[w] && !beat[w] -> beat[w] = 1; ask[w] = take }
#else
  :: atomic { AWAKE(w) && ask[w] == nothing && !isOpen[w] && sight[w] && sightAge[w] >= T -> ask[w] = take; wanted[w] = unchanged[w]; blind(w) }
#endif
  :: atomic { AWAKE(w) && done[w] -> hear(w) }
  :: atomic { AWAKE(w) && ask[w] != nothing && askAge[w] > 0 -> giveUp(w);   /* no answer: another connection, and a new observation */
#if defined(RESTART) && !defined(KEEP_SIGHT)
       blind(w)
#endif
     }
#ifdef RESTART
  :: atomic { AWAKE(w) && !serving && ask[w] == nothing && isOpen[w] && left[w] > K && left[w] < H + K -> left[w] = H + K }  /* refused */
#endif
  :: atomic { AWAKE(w) && isOpen[w] && left[w] <= K -> shut(w); blind(w) }                                   /* self-fence */
  :: atomic { isOpen[w] -> shut(w); blind(w); giveUp(w); if :: w == 0 -> stopped = 0 :: else fi }            /* death and restart */
  od }
proctype Redis() {
  do
  :: atomic { serving && ask[0] != nothing && !done[0] -> execute(0) }
  :: atomic { serving && ask[1] != nothing && !done[1] -> execute(1) }
  :: atomic { serving && stray[0] -> if :: strayRight[0] && holder == 0 -> touched() :: else fi; stray[0] = 0; strayRight[0] = 0 }
  :: atomic { serving && stray[1] -> if :: strayRight[1] && holder == 1 -> touched() :: else fi; stray[1] = 0; strayRight[1] = 0 }
  :: atomic { stray[0] -> stray[0] = 0; strayRight[0] = 0 }
  :: atomic { stray[1] -> stray[1] = 0; strayRight[1] = 0 }
#ifdef RESTART
  :: atomic { serving -> serving = 0; stray[0] = 0; stray[1] = 0; strayRight[0] = 0; strayRight[1] = 0; idle(0); idle(1);
#ifdef KEEP_SIGHT
       unchanged[0] = sight[0]; unchanged[1] = sight[1]          /* renewals lost: the counter shows again what was seen */
#else
       blind(0); blind(1)
#endif
#ifdef RESUME
       ; if :: holder = GONE :: true fi
#endif
     }
  :: atomic { !serving -> serving = 1 }
#endif
#ifdef WALL_CLOCK
  :: atomic { !stepped -> stepped = 1; expiry = 0 }
#endif
  od }
#ifdef DEADMAN
#define OVERDUE0 (isOpen[0] && left[0] == 0)
#else
#define OVERDUE0 (isOpen[0] && left[0] == 0 && !stopped)
#endif
proctype Clock() {
  do
  :: atomic { !OVERDUE0 && !(isOpen[1] && left[1] == 0) ->       /* closing is done in time; a stopped worker does nothing in time */
       if :: left[0] > 0 -> left[0]-- :: else fi; if :: left[1] > 0 -> left[1]-- :: else fi;
       if :: ask[0] != nothing && askAge[0] < H -> askAge[0]++ :: else fi; if :: ask[1] != nothing && askAge[1] < H -> askAge[1]++ :: else fi;
       if :: sight[0] && sightAge[0] < T -> sightAge[0]++ :: else fi; if :: sight[1] && sightAge[1] < T -> sightAge[1]++ :: else fi;
       beat[0] = 0; beat[1] = 0; looked[0] = 0; looked[1] = 0
#ifdef WALL_CLOCK
       ; if :: expiry > 0 -> expiry-- :: else fi
#endif
     }
#ifdef STOP
  :: atomic { !stopped -> stopped = 1 }
  :: atomic { stopped -> stopped = 0 }
#endif
  od }
active proctype Monitor() { atomic { (isOpen[0] && isOpen[1]) -> assert(false) } }
init {
  atomic {
    ask[0] = nothing; ask[1] = nothing;
    isOpen[0] = 1; own[0] = 1; left[0] = H + K; run Worker(0); run Worker(1); run Redis(); run Clock() } }
