"""The fast lane is honest: what starts a process or loads a real model is marked, or fails."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from tests import lanes

lanes.install()
REFUSED = pytest.fail.Exception


def test_a_light_test_may_start_no_process() -> None:
    with lanes.guard("a::test"), pytest.raises(REFUSED, match=r"a::test is in the fast lane .*mark.heavy"):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_a_light_test_may_start_no_process_through_multiprocessing() -> None:
    context = multiprocessing.get_context("spawn")
    with lanes.guard("a::test"), pytest.raises(REFUSED, match="in the fast lane"):
        context.Process(target=print).start()


def test_a_light_test_may_open_no_real_model(tokenizer_dir: Path) -> None:
    with lanes.guard("a::test"), pytest.raises(REFUSED, match=r"opens .*config\.json"):
        (lanes.MODELS / "smollm2-135m-instruct" / "config.json").read_text()
    assert (tokenizer_dir / "config.json").read_text()


def test_what_asks_for_a_model_through_other_fixtures_is_heavy(request: pytest.FixtureRequest) -> None:
    marked = {item.name: lanes.is_heavy(item) for item in request.session.items}
    assert not marked[request.node.name]
    asking = [item for item in request.session.items if "model_dir" in getattr(item, "fixturenames", ())]
    assert all(marked[item.name] for item in asking)
