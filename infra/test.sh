#!/usr/bin/env bash
# Set up and check everything: style, types, tests. bash infra/test.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash infra/setup.sh test
venv="${VENV:-.venv}"

# servers the tests talk to live apart: what they depend on is nothing of ours
servers=(ministack==1.5.33)
stamp=".venv-servers/.nightread-$(echo "${servers[*]}" | sha256sum | cut -c1-16)"
if [ ! -e "$stamp" ]; then
  [ -x .venv-servers/bin/python ] || "$venv/bin/python" -m venv .venv-servers
  .venv-servers/bin/python -m pip install --quiet --disable-pip-version-check "${servers[@]}"
  touch "$stamp"
fi

"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
"$venv/bin/mypy"
"$venv/bin/python" -m pytest "$@"
