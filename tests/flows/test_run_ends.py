"""How a run ended, in the ledger's words."""

import signal
from pathlib import Path

import pytest
from prefect.exceptions import TerminationSignal

from flows.config import ReadConfig
from flows.read import CANCELLED, begin

ENDS = {
    "interrupted": KeyboardInterrupt(),
    "cancelled": TerminationSignal(signal=signal.SIGTERM),
    "failed": ValueError("no such thing"),
}


@pytest.mark.parametrize("status", ENDS)
def test_a_run_that_did_not_finish_says_why(tmp_path: Path, status: str) -> None:
    run = begin([], ReadConfig(home=str(tmp_path)))
    with pytest.raises(type(ENDS[status])), run.recorded(CANCELLED):
        raise ENDS[status]
    (row,) = run.ledger.runs()
    assert row["status"] == status
    assert type(ENDS[status]).__name__ in row["counts"]["error"]
    run.ledger.close()
