#!/usr/bin/env bash
# Set up and check everything: style, types, tests. bash infra/test.sh [fast|full|slow] [pytest arguments]
#   fast: no process, no real model; full (the default): all but the slow ones; slow: the longer proofs alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lane=()
case "${1:-}" in
  fast) lane=(-m "not heavy and not slow and not gpu") && shift ;;
  slow) lane=(-m slow) && shift ;;
  full) shift ;;
esac
bash infra/setup.sh test
venv="${VENV:-.venv}"

# servers the tests talk to live apart: what they depend on is nothing of ours
stamp=".venv-servers/.nightread-$(sha256sum infra/lock/servers.lock | cut -c1-16)"
if [ ! -e "$stamp" ]; then
  [ -x .venv-servers/bin/python ] || "$venv/bin/python" -m venv .venv-servers
  .venv-servers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r infra/lock/servers.lock
  touch "$stamp"
fi

# Redis and the browser are Debian's. Tests start servers of their own, so the service of Redis stays off; where one of
# them cannot be installed, the tests that need it say so and are skipped
missing=()
for program in redis-server chromium; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ "${#missing[@]}" -gt 0 ] && command -v apt-get >/dev/null; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  if "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -qq --yes --no-install-recommends "${missing[@]}"
  then
    case " ${missing[*]} " in
      *" redis-server "*) if [ -d /run/systemd/system ]; then "${as_root[@]}" systemctl disable --now redis-server; fi ;;
    esac
  else
    echo "infra/test.sh: no ${missing[*]} (apt-get install it as root): what needs one is skipped" >&2
  fi
fi >/dev/null

"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
"$venv/bin/mypy"
# two test processes of one thread each: half of the tests wait for processes that they started. Files in their order:
# xdist would begin those of few tests last, and they are the longest
OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" "$venv/bin/python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "${lane[@]}" "$@"
