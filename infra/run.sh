#!/usr/bin/env bash
# The main job on a bare machine: set up, read the sample corpus, recall from it.
# bash infra/run.sh [key=value ...]; the settings go to every command. VENV=folder uses another environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash infra/setup.sh
nightread="${VENV:-.venv}/bin/nightread"

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
code=0
"$nightread" read sample: "$@" | tee "$log" || code=$?
# 3: read to the end, but some documents went to quarantine
[ "$code" -eq 0 ] || [ "$code" -eq 3 ] || exit "$code"

for question in \
  "Under which conditions may the software be redistributed in binary form?" \
  "What happens to patent licenses when someone starts patent litigation?" \
  "Which package evaluates cron expressions?"; do
  printf '\n$ nightread recall "%s"\n' "$question"
  "$nightread" recall "$question" recall.k=3 "$@"
done

echo
grep '^report: ' "$log" || true
exit "$code"
