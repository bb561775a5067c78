#!/bin/bash
# Runs every fuzz target from its committed corpus, one on each processor:
#   tests/fuzz/run.sh BUILD SECONDS [CORPUS]
# BUILD is a build folder of the preset `fuzz`; the targets share SECONDS. A single input may take 10
# seconds, since on a busy machine the clock goes on while nothing runs. What is new and worth
# keeping goes to CORPUS/TARGET if that is given; inputs that fail stay in the current folder.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '3s/^# *//p' "$0" >&2; exit 2; }
seeds=$(cd "$(dirname "$0")" && pwd)/corpus
targets=("$1"/tests/fuzz/*_fuzz)
found=${3:-$(mktemp -d)}
[ $# -ge 3 ] || trap 'rm -rf "$found"' EXIT
fuzz() {
  local target=$1 seconds=$2 name output status=0
  name=$(basename "$target" _fuzz)
  mkdir -p "$found/$name"
  output=$("$target" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=10 -verbosity=0 \
    -artifact_prefix="$name-" -print_final_stats=1 "$found/$name" "$seeds/$name" 2>&1) || status=$?
  printf '== %s\n%s\n' "$name" "$output"
  return "$status"
}
export -f fuzz
export found seeds
each=$((($2 + ${#targets[@]} - 1) / ${#targets[@]}))
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz "$@"' run {} "$each"
