/* One pace for several feeds: the disconnect map of a budget group (contract section 8).
 *
 * FEEDS feeds share one map. Each is live, waiting (cooling or due) or connecting; its holder may change at any moment, each call may be repeated
 * because its reply was lost. Time counts in ticks and saturates, so it runs for ever in a finite space.
 *
 * S6  two admissions of the group are at least PACE ticks apart
 * S7  between two openings of a feed there is exactly one admission
 * Holds as it is. Mutations, each must fail:
 *   PER_FEED        each feed has a map of its own (S6)
 *   CRASH_FREE      a crash of a live holder asks for nothing (S7)
 *   CRASH_TWICE     a change of holder while cooling or due asks again (S7)
 *   DIAL_COUNTS     a change of holder while connecting asks (S7)
 *   RETRY_COUNTS    a failed attempt asks (S7)
 *   SILENT_GATE     the gate ends the cooling without noting the admission (S6)
 *   REPEAT_COUNTS   a repeated disconnect asks again (S7)
 *   EARLY_GATE      the gate does not look at the pace (S6)
 */
#ifndef FEEDS
#define FEEDS 3
#endif
#ifndef PACE
#define PACE 3
#endif
#define DELAY 2             /* the longest delay before a connect */
mtype = { live, cooling, due, connecting };
mtype state[FEEDS];
byte left[FEEDS];           /* ticks until a due connect may start */
byte admitted[FEEDS];       /* admissions since the feed was opened last; saturates at 2 */
bool opened[FEEDS];         /* a first opening needs no admission */
bool asked[FEEDS];          /* the last disconnect may be sent once more */
byte age[FEEDS];            /* the map: ticks since the last admission; saturates at PACE. One for all, unless PER_FEED */
byte gap = PACE;            /* the truth: ticks since the last admission of the group */
bool tooSoon = 0; bool wrongCount = 0;
#ifdef PER_FEED
#define MAP(f) age[f]
#else
#define MAP(f) age[0]
#endif
inline admit(f) {
  if :: gap < PACE -> tooSoon = 1 :: else fi;
  gap = 0; MAP(f) = 0;
  if :: admitted[f] < 2 -> admitted[f]++ :: else fi;
  state[f] = due; select(delay : 0 .. DELAY); left[f] = delay; delay = 0 }
inline request(f) {
  if :: MAP(f) >= PACE -> admit(f)
     :: else -> state[f] = cooling
  fi }
proctype Feed(byte f) {
  byte delay = 0;
  do
  :: atomic { state[f] == live -> request(f); asked[f] = 1 }                      /* the websocket ended: disconnect */
  :: atomic { asked[f] && state[f] != live ->                                     /* its reply was lost: once more */
#ifdef REPEAT_COUNTS
       request(f);
#endif
       asked[f] = 0 }
  :: atomic { state[f] == live ->                                                 /* the holder died, another acquires */
#ifdef CRASH_FREE
       state[f] = due; left[f] = 0
#else
       request(f)
#endif
     }
  :: atomic { state[f] == cooling || state[f] == due ->                           /* inherited untouched */
#ifdef CRASH_TWICE
       request(f)
#else
       asked[f] = 0
#endif
     }
  :: atomic { state[f] == cooling ->                                              /* gate: perhaps the admission */
#ifdef EARLY_GATE
       admit(f)
#else
       if :: MAP(f) >= PACE ->
#ifdef SILENT_GATE
            if :: gap < PACE -> tooSoon = 1 :: else fi; gap = 0; state[f] = due; left[f] = 0; admitted[f] = 1
#else
            admit(f)
#endif
          :: else
       fi
#endif
     }
  :: atomic { state[f] == due && left[f] == 0 -> state[f] = connecting; asked[f] = 0 }   /* gate: go */
  :: atomic { state[f] == connecting -> select(delay : 0 .. DELAY);               /* the attempt failed, or its holder died in it */
#ifdef RETRY_COUNTS
       delay = 0; request(f)
#else
       state[f] = due; left[f] = delay; delay = 0
#endif
     }
#ifdef DIAL_COUNTS
  :: atomic { state[f] == connecting -> request(f) }
#endif
  :: atomic { state[f] == connecting ->                                           /* begin */
       if :: opened[f] && admitted[f] != 1 -> wrongCount = 1 :: else fi;
       opened[f] = 1; admitted[f] = 0; state[f] = live }
  od }
proctype Clock() {
  byte f = 0;
  do
  :: atomic {
       if :: gap < PACE -> gap++ :: else fi;
       f = 0;
       do
       :: f < FEEDS ->
            if :: age[f] < PACE -> age[f]++ :: else fi;
            if :: left[f] > 0 -> left[f]-- :: else fi;
            f++
       :: else -> break
       od;
       f = 0 }
  od }
active proctype Monitor() { atomic { (tooSoon || wrongCount) -> assert(false) } }
init {
  byte f = 0;
  atomic {
    do :: f < FEEDS -> state[f] = due; age[f] = PACE; run Feed(f); f++ :: else -> break od;
    run Clock() } }
