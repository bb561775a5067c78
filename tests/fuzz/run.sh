#!/bin/bash
# Runs every fuzz target from its committed corpus:
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
for target in "${targets[@]}"; do
  name=$(basename "$target" _fuzz)
  mkdir -p "$found/$name"
  echo "== $name"
  "$target" -max_total_time=$((($2 + ${#targets[@]} - 1) / ${#targets[@]})) -rss_limit_mb=512 -timeout=10 \
    -artifact_prefix="$name-" -verbosity=0 -print_final_stats=1 "$found/$name" "$seeds/$name"
done
