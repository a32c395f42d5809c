# Shared by the scripts: where the project is, what must be installed, how the program is built. Sourced, not run.

root=$(unset CDPATH; cd -- "$(dirname -- "$0")/.." && pwd -P)

say() { printf '\033[32m==>\033[0m %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '==> %s\n' "$*"; }

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
    if [ -t 1 ]; then
        swift build --package-path "$root" "$@" 2>&1 | tee "$log" | sed -u -n 's/^\(\[[0-9]*\/[0-9]*\]\).*/\1/p' | while read -r line; do printf '\r    %s ' "$line"; done
        printf '\r'
    else
        # One line in fifty is enough for a log.
        swift build --package-path "$root" "$@" 2>&1 | tee "$log" | sed -u -n '/^\[[0-9]*\/[0-9]*\]/p' | awk 'NR % 100 == 1 { print "    " $1; fflush() }'
    fi
    if ! grep -q '^Build.*complete!' "$log"; then
        grep -E 'error:' "$log" | head -n 20 >&2
        tail -n 5 "$log" >&2
        rm -f "$log"
        fail "the build failed"
    fi
    rm -f "$log"
}
