"""Two sentences conflict or agree only where they speak of the same thing: silence rather than nonsense.

Run: pytest tests/tasks/relate/test_compare.py
"""

import pytest

from tasks.relate.compare import verdict

CONFLICTS = [
    (
        "A ticket to the museum of Esker costs 10 euros for grown visitors.",
        "A ticket to the museum of Esker costs 12 euros for grown visitors.",
    ),
    (
        "The lighthouse at Corvin was opened on 4 May 1931 by the mayor.",
        "The lighthouse at Corvin was opened on 9 June 1932 by the mayor.",
    ),
    (
        "The pier of Dunmore is thirty metres long and has two cranes of iron.",
        "The pier of Dunmore is 45 metres long and has two cranes of iron.",
    ),
    (
        "The director of the museum of Esker is Berta Quist.",
        "The director of the museum of Esker is Otto Reuss.",
    ),
    (
        "Lorries may cross the bridge at Corvin during the winter months.",
        "Lorries may not cross the bridge at Corvin during the winter months.",
    ),
]
AGREE = [
    (
        "A ticket to the museum of Esker costs 10 euros for grown visitors.",
        "For grown visitors a ticket to the museum of Esker costs ten euros.",
    ),
    (
        "The pier of Dunmore is thirty (30) metres long and has an iron crane.",
        "The pier of Dunmore has an iron crane and is 30 metres long.",
    ),
]
OTHER_THINGS = [
    # each is of a lease of its own
    (
        "The tenant shall pay a monthly rent of 900 euros on the first day of every month.",
        "The tenant shall pay a monthly rent of 950 euros on the first day of every month.",
    ),
    (
        "This Agreement is governed by the laws of the State of New York.",
        "This Agreement is governed by the laws of the State of Delaware.",
    ),
    # another place
    (
        "The museum of Esker keeps 40 clocks, most of them given by Otto Reuss.",
        "The museum of Corvin keeps 47 clocks, most of them given by Otto Reuss.",
    ),
    # another year
    (
        "The harbour of Dunmore shipped 500 tonnes of slate in 2021.",
        "The harbour of Dunmore shipped 640 tonnes of slate in 2022.",
    ),
    # who speaks is not known
    (
        "We sold three boats at Esker and bought a new crane.",
        "We sold four boats at Esker and bought a new crane.",
    ),
    # two events
    (
        "Anders Holm bought three boats at Esker in the spring.",
        "Berta Quist bought three boats at Esker in the spring.",
    ),
    (
        "The council of Esker met on 4 May 2021 in the town hall.",
        "The council of Esker met on 9 May 2021 in the town hall.",
    ),
    # another month, though it is not said
    (
        "The ferry of Esker carried 400 passengers last month.",
        "The ferry of Esker carried 500 passengers last month.",
    ),
    # titles and headings
    ("12 Governing Law; Dispute Resolution.", "9. Governing Law and Dispute Resolution."),
    ("Securities Exchange Act of 1934, as amended.", "The Securities Exchange Act of 1934, as amended."),
]


@pytest.mark.parametrize(("one", "other"), CONFLICTS)
def test_another_value_of_the_same_thing_is_a_conflict(one: str, other: str) -> None:
    assert verdict(one, other, kin=False) == verdict(other, one, kin=False) == "contradicts"


@pytest.mark.parametrize(("one", "other"), AGREE)
def test_the_same_value_in_other_words_agrees(one: str, other: str) -> None:
    assert verdict(one, other, kin=False) == verdict(other, one, kin=False) == "confirms"


@pytest.mark.parametrize(("one", "other"), OTHER_THINGS)
def test_sentences_of_other_things_are_left_alone(one: str, other: str) -> None:
    assert verdict(one, other, kin=False) == verdict(other, one, kin=False) == ""


def test_what_two_copies_say_of_the_rent_is_said_of_one_rent() -> None:
    one, other = OTHER_THINGS[0]
    assert verdict(one, other, kin=True) == "contradicts"
