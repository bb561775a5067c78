#!/bin/sh
# Installs what mnemo needs on Debian 12 or later and its relatives. Needs root or sudo, and neither
# where everything is there already.
set -eu

build="g++ cmake ninja-build pkg-config libdeflate-dev libopenblas-dev libxtensor-dev libxsimd-dev
       libpng-dev zlib1g-dev"
examples="libcli11-dev dataset-fashion-mnist"
tests="doctest-dev python3 python3-numpy python3-matplotlib binutils patch
       libarchive-tools p7zip-full unzip"
development="git make clang clang-format clang-tidy llvm lld libclang-rt-14-dev ccache doxygen python3-torch"

usage() {
  cat <<END
usage: ./install-deps.sh [--dev] [--list] [--help]
Installs with apt-get what mnemo needs to be built and tested and what its examples need.
  --dev   also what CI and developers use: clang, formatter, linter, coverage, documentation
  --list  only prints the names of the packages
END
}

packages="$build $examples $tests"
list=no
for argument in "$@"; do
  case $argument in
    --dev) packages="$packages $development" ;;
    --list) list=yes ;;
    --help | -h) usage; exit 0 ;;
    *) echo "install-deps.sh: unknown option $argument" >&2; usage >&2; exit 2 ;;
  esac
done
if [ $list = yes ]; then
  printf '%s\n' $packages
  exit 0
fi

fail() {
  echo "install-deps.sh: $*" >&2
  exit 1
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  fail "this is no Debian system. Install the counterparts of these packages yourself: $packages"

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# What is missing of all packages, in $missing.
find_missing() {
  missing=
  for package in $packages; do
    is_installed "$package" || missing="$missing $package"
  done
}

# The cmake that will be called need not be the one that apt has installed.
check_cmake() {
  command -v cmake >/dev/null || fail "cmake is installed, but not on the path; it is in /usr/bin"
  version=$(cmake --version 2>/dev/null | sed -n 's/^cmake version //p')
  oldest=$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)
  [ "$oldest" = 3.25 ] ||
    fail "$(command -v cmake) is version ${version:-unknown}, mnemo needs 3.25 or later: Debian 12 has it, and so has PyPI (pip install cmake)"
}

find_missing
if [ -z "$missing" ]; then
  check_cmake
  echo "install-deps.sh: everything is there."
  exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    fail "to install$missing it needs root, and there is no sudo. Run it as root, for example: su -c '$0${*:+ $*}'"
  as_root=sudo
fi

# apt-get without questions; what it prints is shown only where it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" \
    </dev/null >"$log" 2>&1 || { cat "$log" >&2; return 1; }
}

# Those of the missing packages that apt's lists do not name, in $unknown.
find_unknown() {
  unknown=
  for package in $missing; do
    apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [0-9]' ||
      unknown="$unknown $package"
  done
}

update() {
  echo "install-deps.sh: apt-get update"
  apt update || fail "apt-get update failed. Is the network there?"
  updated=yes
}

updated=no
find_unknown
if [ -n "$unknown" ]; then
  update
  find_unknown
  [ -z "$unknown" ] || fail "apt finds no package$unknown. Is the network there, and is this Debian 12 or later?"
fi

echo "install-deps.sh: installing (this can take two minutes)$missing"
if ! apt install -y --no-install-recommends $missing; then
  [ $updated = no ] || fail "apt-get install failed; its messages are above."
  update # the lists may have named versions that are gone
  apt install -y --no-install-recommends $missing || fail "apt-get install failed; its messages are above."
fi

find_missing
[ -z "$missing" ] || fail "apt-get reported success, but these are not installed:$missing"
check_cmake
echo "install-deps.sh: done."
