"""An amendment finds the agreement that it means, and replaces only what it says it replaces.

Run: pytest tests/tasks/relate/test_amendments.py
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.ingest.parse.child import parse_file
from tasks.relate.amendments import agreement_of, amended, is_amendment
from tasks.relate.library import Document
from tasks.settings import ParseConfig
from tasks.text.outline import outline
from tests.tasks.relate.texts import amendment, lease

Opened = Callable[[str, str], Document]
SUPPLY = """SUPPLY AGREEMENT

This Supply Agreement is made on 2 May 2020 between Orrin Grain Ltd. and Valdur Mills GmbH.

1. Quantity
The Supplier delivers 400 tonnes of rye to the mill at Corvin in every calendar year of the agreement.

2. Price
2.1 The Buyer pays 210 euros for each tonne of rye that was delivered and accepted.
2.2 The Buyer pays within 30 days of the date of the invoice to the account of the Supplier.

3. Term
This agreement ends on 31 December 2025 unless the parties extend it in writing.
"""
CHANGES = """SECOND AMENDMENT TO SUPPLY AGREEMENT

This Second Amendment is made on 7 June 2022 between Orrin Grain Ltd. and Valdur Mills GmbH.

1. Section 2.2 of the Supply Agreement is amended to read as follows:
The Buyer pays within 45 days of the date of the invoice to the account of the Supplier.

2. The following is added to Section 1 of the Supply Agreement:
The Supplier delivers 20 tonnes of seed rye to the mill at Corvin in every calendar year of the agreement.

3. The notice address of the Buyer is changed to Quay 4, Corvin.
"""


@pytest.fixture
def opened(tmp_path: Path) -> "Opened":
    def of(name: str, text: str) -> Document:
        (tmp_path / name).write_text(text)
        (part,) = parse_file(tmp_path / name, ".txt", tmp_path / f"{name}.parquet", ParseConfig())
        row = {"uri": f"/docs/{name}", "parsed": f"{name}.parquet", **part}
        return Document(tmp_path, part["document"], [row], outline([(0, text)], name))

    return of


def test_an_amendment_means_the_agreement_of_its_parties_and_its_date(opened: Opened) -> None:
    leases = [opened(f"lease-{number}", lease(number)) for number in range(10)]
    for number in range(3):
        own = opened(f"amendment-{number}", amendment(number, "1,700 euros"))
        assert is_amendment(own)
        found = agreement_of(own, leases)
        assert found is not None
        assert found.name == f"/docs/lease-{number}"
    assert not any(map(is_amendment, leases))


def test_of_two_agreements_that_may_be_meant_none_is_amended(opened: Opened) -> None:
    twins = [opened(f"{name}.txt", SUPPLY + f"\n{name}\n") for name in ("one", "two")]
    assert agreement_of(opened("changes", CHANGES), twins) is None
    others = [opened(f"lease-{number}", lease(number)) for number in range(3)]
    assert agreement_of(opened("changes", CHANGES), others) is None


def test_only_what_is_replaced_is_superseded_and_not_what_is_added(opened: Opened) -> None:
    supply, changes = opened("supply", SUPPLY), opened("changes", CHANGES)
    assert agreement_of(changes, [supply]) == supply
    (one,) = amended(changes, supply)
    assert (
        one.new.text
        == "The Buyer pays within 45 days of the date of the invoice to the account of the Supplier."
    )
    assert "within 30 days" in one.old.text
    assert changes.text(one.new.start, one.new.end) == one.new.text
    assert supply.text(one.old.start, one.old.end) == one.old.text
