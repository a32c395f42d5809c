#!/bin/sh
# Fuzzes everything that reads bytes from outside: frames, inflate, upgrade responses, bodies, proxies, JSON fields, dialects, Redis' replies.
# Usage: Tests/Fuzz/run.sh [SECONDS_PER_TARGET [TARGET...]]     Builds with libFuzzer and AddressSanitizer into .build/fuzz; ends with 1 if a target fails.
# An input that fails is kept in .build/fuzz/failures; run it again with .build/fuzz/Fuzz TARGET FILE.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
seconds=${1:-60}
[ $# -eq 0 ] || shift
scratch=${COLONY_FUZZ_FOLDER:-$root/.build/fuzz}
COLONY_FUZZ=1 swift build -c release --scratch-path "$scratch" --target Fuzz -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing
# The package manager would link a program with a main of its own; this one has libFuzzer's.
objects=$(COLONY_FUZZ=1 swift build -c release --scratch-path "$scratch" --show-bin-path)
fuzz=$scratch/Fuzz
rm -f "$scratch/libfuzzed.a" "$fuzz"
find "$objects" -path '*.build/*' ! -path '*/Fuzz.build/*' -name '*.o' -print0 | xargs -0 ar qcs "$scratch/libfuzzed.a"
swiftc -sanitize=fuzzer,address -emit-executable "$objects"/Fuzz.build/*.o -Xlinker --whole-archive "$scratch/libfuzzed.a" \
    -Xlinker --no-whole-archive -o "$fuzz" -lz -lhiredis -lstdc++
[ $# -gt 0 ] || set -- frames compressed-frames inflate upgrade body http-proxy socks-proxy text fields dialects replies certificate
"$fuzz" seeds "$scratch/seeds"
mkdir -p "$scratch/failures"
status=0
for target in "$@"; do
    mkdir -p "$scratch/corpus/$target"
    echo "==> $target for $seconds s"
    # An input of 64 KiB reaches every limit that is set for the targets, or is made to by the seeds.
    if ! ASAN_OPTIONS=detect_leaks=1 "$fuzz" "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=65536 \
        -print_final_stats=1 -verbosity=0 -artifact_prefix="$scratch/failures/$target-" "$scratch/corpus/$target" "$scratch/seeds/$target"; then
        status=1
    fi
done
exit $status
