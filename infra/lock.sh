#!/usr/bin/env bash
# Write infra/lock/*.lock anew: every version that set-up installs, for every Python and platform, with its hashes.
# bash infra/lock.sh [--upgrade]; run it after a change of pyproject.toml or infra/lock/*.in. Needs a package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# builds of torch from elsewhere than the package index: 2.13.0+cpu for CPython 3.11 on Linux, x86-64
torch_hashes=(6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b)

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3.11}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.9

# without --upgrade the versions in the lock that is there stay where they still fit
compile() { # output, arguments ...
  local lock="infra/lock/$1.lock"
  shift
  "$work/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --no-emit-index-url --custom-compile-command "bash infra/lock.sh" --output-file "$lock" "$@"
}
omit() { sed -nE 's/^([a-z0-9.-]+)==.*/--no-emit-package \1/p' "$@" | sort -u; }

compile build infra/lock/build.in "$@"
compile models infra/lock/models.in --no-deps "$@"
compile servers infra/lock/servers.in "$@"
# all of it first, then in parts: each without what an earlier one holds
compile run pyproject.toml -c infra/lock/build.lock "$@"
sed -nE 's/^(torch==[^ ]+).*/\1/p' infra/lock/run.lock >"$work/torch.in"
grep -E '^(cuda|nvidia|triton)' infra/lock/run.lock >"$work/cuda"
compile torch "$work/torch.in" --no-deps "$@"
compile run pyproject.toml -c infra/lock/build.lock $(omit "$work/cuda" infra/lock/{build,torch}.lock) "$@"
compile cuda pyproject.toml -c infra/lock/run.lock $(omit infra/lock/{build,torch,run}.lock) "$@"
compile test pyproject.toml --extra test -c infra/lock/run.lock $(omit infra/lock/{build,torch,run,cuda}.lock) "$@"
for hash in "${torch_hashes[@]}"; do
  grep -q "$hash" infra/lock/torch.lock ||
    sed -i -E "s/^(torch==.*)$/\1\n    --hash=sha256:$hash \\\\/" infra/lock/torch.lock
done
