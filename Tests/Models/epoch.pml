/* Epochs when Redis loses things: can an epoch and sequence mean two packets, can a superseded worker write again? (contract sections 4, 13)
 *
 * GRANTS grants of one feed (acquire, begin, resume); whoever was ever granted may publish or resume at any later moment. Redis may fail over twice to a replica
 * that lags, record and streams together and under another run id; once the record alone is deleted. No worker's floor helps: the worst case. A grant stands for
 * an incarnation, so no two have the same token.
 *
 * stale  a packet is stored although the control stream shows a higher epoch, or a superseded worker resumes
 * reuse  an epoch and sequence that readers may have seen is given to another packet
 * One property a run, -DCHECK=stale | reuse. Holds as it is. Mutations, each must fail:
 *   NO_JUMP         the epoch is raised by one also under another run id (reuse)
 *   NO_WITNESS      nobody looks at the control stream's last id (stale, reuse)
 *   NO_TOKEN        publish checks the cursor only (stale)
 *   BARE_EPOCH      the token is the epoch alone; with NO_JUMP (reuse), with NO_WITNESS (stale)
 *   SAME_BASE       two jumps start from one record, since a second fault lost every grant behind the first (reuse). This one is real: the jump is drawn
 *                   at random from 100..999, which leaves a few in a thousand of this double fault
 */
#ifndef GRANTS
#define GRANTS 4
#endif
#define PACKETS 2
#define JUMP 4                   /* stands for 100: more than the grants one failover loses */
#define TOP 24
#define UNKNOWN 255
typedef Data { bool exists; byte grant; byte epoch; byte next; byte server; byte witness };
Data now; Data replica;
byte server = 0; byte grants = 0; byte epochOf[GRANTS + 1]; byte packet[(TOP + 1) * (PACKETS + 1)];
bool fresh = 0; bool deleted = 0; byte failovers = 0; bool stale = 0; bool reuse = 0;
#ifdef NO_WITNESS
#define WITNESS 0
#else
#define WITNESS now.witness
#endif
#ifdef NO_JUMP
#define STEP 1
#else
#define STEP (now.server != server -> JUMP : 1)
#endif
#define HIGHER(a, b) ((a) > (b) -> (a) : (b))
#ifdef NO_TOKEN
#define VALID(g) (now.exists && now.grant != 0)
#else
#ifdef BARE_EPOCH
#define VALID(g) (now.exists && now.grant != 0 && epochOf[g] == now.epoch)
#else
#define VALID(g) (now.exists && now.grant == g)
#endif
#endif
#define CELL(g, q) packet[epochOf[g] * (PACKETS + 1) + (q)]
inline grantFrom(base) {
  e = HIGHER(base, WITNESS) + STEP; assert(e <= TOP);
  grants++; epochOf[grants] = e;
  now.exists = 1; now.grant = grants; now.epoch = e; now.next = 1; now.server = server; now.witness = e;
  fresh = 1; e = 0 }
inline copy(to, from) {
  to.exists = from.exists; to.grant = from.grant; to.epoch = from.epoch; to.next = from.next; to.server = from.server; to.witness = from.witness }
active proctype Feed() {
  byte g = 0; byte q = 0; byte e = 0;
  now.exists = 1; now.next = 1; replica.exists = 1; replica.next = 1;
  do
  :: atomic { now.exists && grants < GRANTS -> grantFrom(now.epoch) }                                   /* acquire, begin */
  :: atomic { !now.exists ->                                                                            /* init */
       now.exists = 1; now.grant = 0; now.epoch = 0; now.next = 1; now.server = (now.witness == 0 -> server : UNKNOWN) }
  :: atomic { grants > 0 -> select(g : 1 .. GRANTS); select(q : 1 .. PACKETS);                          /* publish */
       if :: g <= grants && VALID(g) && now.next == q ->
            if :: epochOf[g] < now.witness -> stale = 1 :: else fi;
            if :: CELL(g, q) != 0 && CELL(g, q) != g -> reuse = 1 :: else fi;
            CELL(g, q) = g; now.next = q + 1
          :: else
       fi;
       g = 0; q = 0 }
  :: atomic { grants > 0 && grants < GRANTS -> select(g : 1 .. GRANTS);                                  /* resume */
       if :: g <= grants && !VALID(g) && !(now.exists && now.epoch >= epochOf[g]) && WITNESS <= epochOf[g] ->
            if :: now.witness > epochOf[g] -> stale = 1 :: else fi;
            if :: !now.exists -> now.server = UNKNOWN :: else fi;
            grantFrom(epochOf[g])
          :: else
       fi;
       g = 0 }
  :: atomic { now.exists && fresh -> copy(replica, now) }                                                /* the replica catches up */
  :: atomic { failovers < 2 && fresh && replica.grant != 0 ->
       failovers++; copy(now, replica); server++; fresh = 0;
#ifndef SAME_BASE
       replica.grant = 0                     /* the next failover keeps at least one grant made after this one */
#endif
     }
  :: atomic { !deleted && now.exists && grants > 0 -> deleted = 1; now.exists = 0; now.grant = 0; now.epoch = 0; now.next = 1;
#ifndef SAME_BASE
       replica.grant = 0; fresh = 0
#endif
     }
  od }
active proctype Monitor() { atomic { (CHECK) -> assert(false) } }
