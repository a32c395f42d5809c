#!/bin/sh
# Runs every model and every mutation, prints one line each, and fails if one of them does not do what is expected.
# Needs spin and a C compiler; about two minutes of one core. `./run.sh pace drain` runs only those.
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 2
only=$*
unexpected=0

# check holds|fails MODEL [defines]
check() {
    want=$1 model=$2
    shift 2
    case " $only " in "  " | *" $model "*) ;; *) return ;; esac
    rm -f pan*
    spin -a "$@" "$here/$model.pml" > spin.out 2>&1 || { cat spin.out; exit 2; }
    cc -O2 -DSAFETY -DNOCLAIM -DMEMLIM=4000 -o pan pan.c 2> cc.out || { cat cc.out; exit 2; }
    # -E: a state in which nothing can happen any more is no error here; the monitor's assertion is.
    ./pan -E -m5000000 -w22 > pan.out 2>&1
    if grep -q 'assertion violated' pan.out; then
        got=fails
    elif grep -q 'errors: 0' pan.out && ! grep -Eq 'search depth too small|out of memory' pan.out; then
        got=holds
    else
        got=unknown
    fi
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.out)
    mark=ok
    [ "$got" = "$want" ] || { mark=UNEXPECTED unexpected=1; }
    echo "$mark $model $* $got ($states states)"
}

for times in "-DT=4 -DH=2 -DK=1" "-DT=6 -DH=4 -DK=1"; do
    # $times holds several words on purpose.
    check holds takeover $times
    for mutation in FROM_REPLY FROM_SEND EPOCH_ONLY LATE_GRANT WALL_CLOCK STOP; do check fails takeover $times -D$mutation; done
    check holds takeover $times -DSTOP -DDEADMAN
    check holds takeover $times -DRESTART
    check fails takeover $times -DRESTART -DKEEP_SIGHT
    check holds takeover $times -DRESTART -DRESUME
    check holds takeover $times -DRESTART -DRESUME -DSTOP -DDEADMAN
done
check fails takeover -DT=3 -DH=2 -DK=1
check fails takeover -DT=6 -DH=5 -DK=1
check holds takeover -DT=3 -DH=2 -DK=0

while read -r scheme stale duplicate hole; do
    check "$stale" publish "-D$scheme" -DCHECK=stale
    check "$duplicate" publish "-D$scheme" -DCHECK=duplicate
    check "$hole" publish "-D$scheme" -DCHECK=hole
done << 'TABLE'
PLAIN fails fails fails
TOKEN holds fails fails
IDS fails holds fails
MARKED holds holds fails
CURSOR holds holds holds
TABLE

check holds epoch -DCHECK=stale
check holds epoch -DCHECK=reuse
check holds epoch -DGRANTS=5 -DCHECK=reuse
check fails epoch -DCHECK=reuse -DNO_JUMP
check fails epoch -DCHECK=stale -DNO_WITNESS
check fails epoch -DCHECK=reuse -DNO_WITNESS
check fails epoch -DCHECK=stale -DNO_TOKEN
check fails epoch -DCHECK=reuse -DNO_JUMP -DBARE_EPOCH
check fails epoch -DCHECK=stale -DNO_WITNESS -DBARE_EPOCH
check fails epoch -DCHECK=reuse -DSAME_BASE

check holds pace
check holds pace -DFEEDS=2 -DPACE=5
for mutation in PER_FEED CRASH_FREE CRASH_TWICE DIAL_COUNTS RETRY_COUNTS SILENT_GATE REPEAT_COUNTS EARLY_GATE; do check fails pace -D$mutation; done

check holds drain
for mutation in RELEASE_BEFORE_CLOSE OTHER_CONNECTION NO_TOKEN DEAD_BY_NAME HINT_AS_PROOF COMPLETE_ON_DEATH NO_HOLDER; do
    check fails drain -D$mutation
done
exit $unexpected
