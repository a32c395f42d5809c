/* Publishing under two leases in a row: which way of writing admits stale packets, duplicates, holes? (contract sections 4.1, 4.2)
 *
 * EPOCHS producers, BATCHES batches each. Every batch is executed up to twice, at any moment from its lease on, in any order: lost, late, repeated. The
 * lease passes on at any moment. One way of writing per run:
 *   PLAIN    XADD with automatic ids                                     stale, duplicate, hole
 *   TOKEN    a function that checks the token, automatic ids             duplicate, hole
 *   IDS      explicit ids that lead with the epoch, no marker            stale, hole
 *   MARKED   explicit ids that lead with the epoch, a marker per epoch   hole
 *   CURSOR   token and cursor checked together with the append           none of them: this is `publish`
 * and one property, -DCHECK=stale | duplicate | hole. CURSOR looks at no id, so it does not matter how ids are built.
 */
#define EPOCHS 2
#define BATCHES 3
#define AT(e, q) ((e) * (BATCHES + 1) + (q))
byte lease = 0; byte next = 1;                      /* the record: epoch, cursor */
byte topEpoch = 0; byte top = 0;                    /* the stream's last id */
byte executed[AT(EPOCHS, BATCHES) + 1]; bool has[AT(EPOCHS, BATCHES) + 1]; byte reached[EPOCHS + 1];
bool stale = 0; bool duplicate = 0; bool hole = 0;
#define ABOVE(e, q) ((e) > topEpoch || ((e) == topEpoch && (q) > top))
#ifdef PLAIN
#define PASSES(e, q) true
#endif
#ifdef TOKEN
#define PASSES(e, q) ((e) == lease)
#endif
#if defined(IDS) || defined(MARKED)
#define PASSES(e, q) ABOVE(e, q)
#endif
#ifdef CURSOR
#define PASSES(e, q) ((e) == lease && (q) == next)
#endif
inline append(e, q) {
  if :: e < lease -> stale = 1 :: else fi;
  if :: has[AT(e, q)] -> duplicate = 1 :: else -> if :: q != reached[e] + 1 -> hole = 1 :: else fi fi;
  has[AT(e, q)] = 1;
  if :: q > reached[e] -> reached[e] = q :: else fi;
  if :: ABOVE(e, q) -> topEpoch = e; top = q :: else fi;
  next = q + 1 }
active proctype Redis() {
  byte e = 0; byte q = 0;
  do
  :: atomic { lease < EPOCHS -> lease++; next = 1;
#if defined(MARKED) || defined(CURSOR)
       topEpoch = lease; top = 0
#endif
     }
  :: atomic { lease > 0 -> select(e : 1 .. EPOCHS); select(q : 1 .. BATCHES);
       if :: e <= lease && executed[AT(e, q)] < 2 -> executed[AT(e, q)]++; if :: PASSES(e, q) -> append(e, q) :: else fi
          :: else
       fi;
       e = 0; q = 0 }
  od }
active proctype Monitor() { atomic { (CHECK) -> assert(false) } }
