# Sourced by the other scripts: finds the repository, Swift and the C libraries that the build links against.
# Quiet when all is there; installs what is missing with apt where it may.

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

# name of the package, header that it brings
require_library() {
    local directory
    for directory in /usr/include /usr/local/include "/usr/include/$(uname -m)-linux-gnu"; do
        [ -e "$directory/$2" ] && return 0
    done
    missing+=("$1")
}

install_libraries() {
    local missing=() elevate=()
    require_library libsqlite3-dev sqlite3.h
    require_library liblz4-dev lz4.h
    require_library zlib1g-dev zlib.h
    [ ${#missing[@]} -eq 0 ] && return 0
    command -v apt-get > /dev/null \
        || fail "missing: ${missing[*]} (Debian's names); install them with your package manager and run this again"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo > /dev/null \
            || fail "missing: ${missing[*]}; as root: apt-get install ${missing[*]}"
        elevate=(sudo)
    fi
    printf 'installing %s\n' "${missing[*]}" >&2
    "${elevate[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq < /dev/null >&2 || true
    "${elevate[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" < /dev/null >&2 \
        || fail "could not install ${missing[*]}; as root: apt-get install ${missing[*]}"
}

command -v swift > /dev/null || fail "no swift in PATH; Swift 6.3 or later is needed: https://www.swift.org/install/linux"
install_libraries
cd "$repository" || exit 1

# A crash otherwise leaves a backtracer behind that holds the output open.
export SWIFT_BACKTRACE="${SWIFT_BACKTRACE:-enable=no}"
