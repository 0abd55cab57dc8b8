# shellcheck shell=bash
# What the scripts in this folder share. They source this file.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=${0##*/}

# shellcheck disable=SC2034  # used by the scripts that source this file
build_packages=(build-essential cmake ninja-build pkg-config libssl-dev libisal-dev libcjson-dev libsystemd-dev
    libturbojpeg0-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libvncserver-dev libgcrypt20-dev
    libmicrohttpd-dev)

say() { printf '%s: %s\n' "$me" "$*"; }
die() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}

# quietly LOG COMMAND...: shows the end of the output only if it fails
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 40 "$log" >&2
    return 1
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# install_missing PACKAGE...: asks apt only for what is not there
install_missing() {
    local package missing=() log
    command -v dpkg-query >/dev/null || die "this is not Debian; install what stands for these packages there: $*"
    for package; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || command -v sudo >/dev/null || die "packages are missing, and you are neither root nor is there sudo: ${missing[*]}"
    say "installing ${#missing[@]} packages, this can take some minutes: ${missing[*]}"
    log=$(mktemp)
    quietly "$log" as_root apt-get -q -o DPkg::Lock::Timeout=300 update || die "apt-get update failed"
    quietly "$log" as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=300 install "${missing[@]}" || die "apt-get install failed: ${missing[*]}"
    rm -f "$log"
}

# build PRESET [TARGET...]: only what has changed; without a target all of it
build() {
    local folder=$root/build/$1 log fresh=() targets=()
    (($# < 2)) || targets=(--target "${@:2}")
    log=$(mktemp)
    # a build folder that came from elsewhere is of no use here
    if [[ -f $folder/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
        fresh=(--fresh)
    fi
    say "building $1"
    (cd "$root" && quietly "$log" cmake --preset "$1" "${fresh[@]}") || die "cmake cannot set up build/$1"
    if [[ -t 1 ]]; then
        cmake --build "$folder" "${targets[@]}" || die "build/$1 does not build"
    else
        quietly "$log" cmake --build "$folder" "${targets[@]}" || die "build/$1 does not build"
    fi
    rm -f "$log"
}
