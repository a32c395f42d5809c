/* A drain against a crash: one feed, a worker that leaves, and everybody who may take the feed from it (contract sections 7 and 12).
 *
 * Life 0 of worker A holds the feed, has received PACKETS packets and drains: close the websocket, publish the rest, release(clean), in this order on one
 * connection. It may be killed at any moment; what it has sent may still be executed afterwards, or be lost. The supervisor reaps it and sends release(dead)
 * for it, late if it likes. Life 1 is A restarted under its name: the name lock proves life 0 dead. Life 2 is worker B, a watcher that claims a free lease.
 * Each of them opens a websocket when it holds the lease.
 *
 * two    two websockets are open at once
 * hole   the marker `down complete=yes` stands although a received packet is not stored
 * stolen a holder that lives and has not released loses its lease
 * Holds as it is. Mutations, each must fail:
 *   RELEASE_BEFORE_CLOSE   the lease is released while the websocket is open (two)
 *   OTHER_CONNECTION       release overtakes the publishes (hole)
 *   NO_TOKEN               release(clean) does not compare the token (stolen)
 *   DEAD_BY_NAME           release(dead) compares the worker's name, not its incarnation (stolen)
 *   HINT_AS_PROOF          release(dead) on a lost connection, without reaping (two, stolen)
 *   COMPLETE_ON_DEATH      release(dead) writes complete=yes (hole)
 *   NO_HOLDER              release(dead) does not compare the holder at all (stolen)
 */
#define PACKETS 2
#define NOBODY 3
byte holder = 0;                 /* the record: whose token */
bool open_[3]; bool alive[3];
byte sent = 0; byte stored = 0;  /* packets of life 0: on the wire, in the stream */
byte released = 0;               /* release(clean) of life 0: 0 not sent, 1 on the wire, 2 executed or lost */
bool wireCut = 0;                /* what life 0 sent and was not executed is lost */
byte deadCalls = 0;              /* release(dead) calls of the supervisor for life 0, on the wire */
bool let_go[3];                  /* it gave the lease up itself */
bool restarted = 0;
bool two = 0; bool hole = 0; bool stolen = 0;

inline look() { if :: open_[0] + open_[1] + open_[2] > 1 -> two = 1 :: else fi }
inline lose() { if :: holder != NOBODY && alive[holder] && !let_go[holder] -> stolen = 1 :: else fi }

proctype Drain() {               /* life 0 */
  do
  :: atomic { alive[0] && open_[0] ->
#ifdef RELEASE_BEFORE_CLOSE
       if :: released == 0 && sent == PACKETS -> released = 1; let_go[0] = 1 :: else -> open_[0] = 0 fi
#else
       open_[0] = 0
#endif
     }
  :: atomic { alive[0] && sent < PACKETS -> sent++ }
#ifdef RELEASE_BEFORE_CLOSE
  :: atomic { alive[0] && sent == PACKETS && released == 0 -> released = 1; let_go[0] = 1 }
#else
  :: atomic { alive[0] && !open_[0] && sent == PACKETS && released == 0 -> released = 1; let_go[0] = 1 }
#endif
  :: atomic { alive[0] -> alive[0] = 0; open_[0] = 0 }                        /* killed, at any moment; the kernel closes its sockets */
  :: !alive[0] -> break
  od }

proctype Redis() {
  do
  :: atomic { !wireCut && stored < sent && holder == 0 -> stored++ }          /* publish: token and cursor */
#ifdef OTHER_CONNECTION
  :: atomic { !wireCut && released == 1 ->
#else
  :: atomic { !wireCut && released == 1 && (stored == sent || holder != 0) -> /* behind the last publish, whatever that was answered */
#endif
       released = 2;
#ifdef NO_TOKEN
       if :: holder != NOBODY ->
            if :: holder != 0 -> lose() :: else fi;
#else
       if :: holder == 0 ->
#endif
            if :: stored < PACKETS -> hole = 1 :: else fi;
            holder = NOBODY
          :: else
       fi }
  :: atomic { !wireCut && !alive[0] -> wireCut = 1 }
  :: atomic { deadCalls > 0 -> deadCalls--;
#ifdef NO_HOLDER
       if :: holder != NOBODY ->
#else
#ifdef DEAD_BY_NAME
       if :: holder == 0 || holder == 1 ->
#else
       if :: holder == 0 ->
#endif
#endif
            lose();
#ifdef COMPLETE_ON_DEATH
            if :: stored < PACKETS -> hole = 1 :: else fi;
#endif
            holder = NOBODY
          :: else
       fi }
  od }

proctype Supervisor() {
  byte calls = 0;
  do
#ifdef HINT_AS_PROOF
  :: atomic { calls < 2 -> calls++; deadCalls++ }
#else
  :: atomic { !alive[0] && calls < 2 -> calls++; deadCalls++ }                /* reaped; a lost reply makes it call again */
#endif
  :: atomic { !alive[0] && !restarted -> restarted = 1; alive[1] = 1 }        /* the next life takes the name lock: a proof as well */
  :: calls == 2 && restarted -> break
  od }

proctype Taker(byte me) {
  do
  :: atomic { alive[me] && holder == NOBODY -> holder = me; open_[me] = 1; look() }                 /* acquire(free) */
  :: atomic { me == 1 && alive[1] && holder == 0 -> holder = 1; open_[1] = 1; look() }              /* acquire(dead): the lock names life 0 */
  :: atomic { alive[me] && open_[me] && holder != me -> open_[me] = 0 }                             /* FENCED: it closes, sooner or later */
  od }
active proctype Monitor() { atomic { (two || hole || stolen) -> assert(false) } }
init { atomic { alive[0] = 1; open_[0] = 1; alive[2] = 1; run Drain(); run Redis(); run Supervisor(); run Taker(1); run Taker(2) } }
