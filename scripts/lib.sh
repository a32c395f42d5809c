# shellcheck shell=sh
# Shared by the scripts: where the project is, what must be installed, how the program is built. Sourced, not run.

root=$(unset CDPATH; cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd -P)

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then arrow=$(printf '\033[32m==>\033[0m'); else arrow='==>'; fi
say() { printf '%s %s\n' "$arrow" "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# help OPTIONS-OF..: what the script says of itself, and the options of its command where that is built; nothing is installed or built for it.
help() {
    sed -n '2,/^set /{s/^# //p;}' "$0"
    if [ -x "$root/.build/release/colony" ]; then
        echo
        "$root/.build/release/colony" "$@" --help
    else
        echo "The options of 'colony $*' are listed here once it is built."
    fi
    exit 0
}

# Installs Debian packages that are missing; quiet when nothing is.
# Each argument is "package:test", where the test is a command of PATH or a file.
need_packages() {
    missing=
    for pair in "$@"; do
        package=${pair%%:*}; probe=${pair#*:}
        case $probe in
            /*) [ -e "$probe" ] || missing="$missing $package" ;;
            *) command -v "$probe" >/dev/null 2>&1 || missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "these are missing and there is no apt-get to install them:$missing. Install them by your system's means (Redis 7.0 or later, headers of hiredis, OpenSSL, zlib), then run this again."
    fi
    elevate=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || fail "these Debian packages are missing, and neither root nor sudo is at hand:$missing. Run: apt-get install$missing"
        elevate=sudo
    fi
    say "installing$missing"
    $elevate env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null || fail "apt-get update failed; is the network there?"
    # The package's own service must not take port 6379: the system starts its own private servers.
    # shellcheck disable=SC2086 # a list of packages
    $elevate env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null \
        || fail "apt-get could not install$missing; run it by hand to see why"
}

need_swift() {
    if ! command -v swift >/dev/null 2>&1; then
        for place in /opt/swift/usr/bin "$HOME/.local/share/swiftly/bin" /usr/share/swift/usr/bin; do
            [ -x "$place/swift" ] && PATH=$place:$PATH && export PATH && break
        done
    fi
    command -v swift >/dev/null 2>&1 || fail "Swift is not installed. Install Swift 6.2 or later from https://swift.org/install and put it on PATH."
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    case $version in
        6.[2-9]*|6.[1-9][0-9]*|[7-9].*) ;;
        *) fail "Swift $version is too old; 6.2 or later is needed" ;;
    esac
}

need_everything() {
    need_packages redis-server:redis-server libhiredis-dev:/usr/include/hiredis/hiredis.h libssl-dev:/usr/include/openssl/ssl.h \
        zlib1g-dev:/usr/include/zlib.h pkg-config:pkg-config openssl:openssl
    need_swift
}

# build NAME ARGUMENTS..: swift build with its progress shown as it comes, and the last lines again when it fails.
build() {
    what=$1; shift
    say "building $what (the first time takes some minutes)"
    log=$(mktemp)
    # Steps as they come, in a log one in a hundred; and that another build of this folder is waited for.
    every=100; [ ! -t 1 ] || every=1
    swift build --package-path "$root" "$@" 2>&1 | tee "$log" | awk -v every="$every" '
        /^\[[0-9]+\/[0-9]+\]/ { if (every > 1) { if (steps++ % every == 0) print "    " $1 } else printf "\r    %s ", $1; fflush() }
        /Another instance of SwiftPM/ { print "    " $0; fflush() }
        END { if (every == 1) printf "\r" }'
    if ! grep -q '^Build.*complete!' "$log"; then
        grep -E 'error:' "$log" | head -n 20 >&2
        tail -n 5 "$log" >&2
        rm -f "$log"
        fail "the build failed"
    fi
    rm -f "$log"
}
