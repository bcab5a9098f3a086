"""Thirty short documents, and what becomes of them over three nights: made of templates."""

from pathlib import Path

TOWNS = (
    "Arnholt",
    "Belmare",
    "Corvin",
    "Dunmore",
    "Esker",
    "Falmere",
    "Gantry",
    "Holmside",
    "Ilvermoor",
    "Jarrow",
)
OWNERS = ("Anders Holm", "Berta Quist", "Carla Voss", "Dario Lund", "Edith Marlow")
TENANTS = ("Otto Reuss", "Paula Stern", "Quentin Hale", "Rosa Amado", "Stefan Brink")
USES = ("a bakery", "a boatyard", "a print shop", "a dairy", "a dye works")


def lease(number: int, rent: str = "", notice: str = "") -> str:
    """A contract with numbered sections."""
    town, owner, tenant = TOWNS[number], OWNERS[number % 5], TENANTS[(number + number // 5) % 5]
    rent, notice = rent or f"{900 + 55 * number} euros", notice or f"{3 + number} months"
    return f"""LEASE AGREEMENT

This Lease Agreement is made on {number + 3} March 2021 between {owner} (the "Landlord") and {tenant}
(the "Tenant").

1. Premises
The Landlord lets the mill house at {town}, with its yard, to the Tenant for use as {USES[number % 5]}.

2. Rent
The Tenant shall pay a monthly rent of {rent} to the Landlord on the first working day of every month.

3. Term
This lease begins on 1 April 2021 and may be ended by either party with a notice of {notice} in writing.

4. Repairs
The Tenant keeps the windows and the water wheel in repair, and the Landlord keeps the roof and the walls.
"""


def amendment(number: int, rent: str) -> str:
    """An amendment of the lease of that number."""
    owner, tenant = OWNERS[number % 5], TENANTS[(number + number // 5) % 5]
    return f"""FIRST AMENDMENT TO LEASE AGREEMENT

This First Amendment is made on 12 May 2023 between {owner} (the "Landlord") and {tenant} (the "Tenant"), and
amends the Lease Agreement between them dated {number + 3} March 2021.

Section 2 of the Lease Agreement is replaced by the following:

The Tenant shall pay a monthly rent of {rent} to the Landlord on the first working day of every month.

All other terms of the Lease Agreement remain as they are.
"""


def report(number: int, tonnes: int = 0) -> str:
    """A report of a harbour."""
    town = TOWNS[number]
    goods = ("timber", "salted herring", "slate", "barley", "glass sand")[number % 5]
    return f"""The harbour of {town} in 2022

The harbour of {town} shipped {tonnes or 4000 + 310 * number} tonnes of {goods} in 2022.
Its northern pier was lengthened by {12 + number} metres, and a second crane was bought at Stelling.
{OWNERS[number % 5]} succeeded {TENANTS[number % 5]} as master of the harbour of {town} in the spring.
A storm on {number + 1} November 2022 sank the dredger at {town}, which was raised after {number + 2} weeks.
The council of {town} has put aside {70 + number} thousand euros for a new lighthouse lamp.
"""


def note(number: int, price: int = 0) -> str:
    """A note on a collection."""
    town, subject = TOWNS[number], ("clocks", "sea charts", "looms", "organ pipes", "bee skeps")[number % 5]
    return f"""Visit to the museum of {town}

The museum of {town} keeps {40 + 7 * number} {subject}, most of them given by {TENANTS[number % 5]}.
A ticket to the museum of {town} costs {price or 6 + number} euros, and children enter free of charge.
Its oldest piece was made in {1690 + 11 * number} by a master from Falkenau and still works.
The curator {OWNERS[(number + 2) % 5]} plans a catalogue of every piece, but no publisher is found yet.
"""


def copied(text: str, office: str, last: str) -> str:
    """A text under another letterhead, with a sentence of its own at the end."""
    return f"{office}\nQuay 4, third floor\n\n{text}\n{last}\n"


def first_night(folder: Path) -> None:
    """Ten leases, ten reports, ten notes."""
    folder.mkdir()
    for number in range(10):
        (folder / f"lease-{number}.txt").write_text(lease(number))
        (folder / f"report-{number}.txt").write_text(report(number))
        (folder / f"note-{number}.txt").write_text(note(number))


def second_night(folder: Path) -> None:
    """Five of them say another number, three leases are amended."""
    (folder / "lease-8.txt").write_text(lease(8, notice="20 months"))
    (folder / "report-1.txt").write_text(report(1, 9999))
    (folder / "report-2.txt").write_text(report(2, 8888))
    (folder / "note-3.txt").write_text(note(3, 77))
    (folder / "note-4.txt").write_text(note(4, 88))
    for number, rent in ((0, "1,700 euros"), (1, "1,800 euros"), (2, "1,900 euros")):
        (folder / f"amendment-{number}.txt").write_text(amendment(number, rent))


def third_night(folder: Path) -> None:
    """Four come again under other letterheads, one is gone."""
    for number, kind in ((5, report), (6, report), (7, note), (8, note)):
        office = ("Harbour Office of the Coast", "City Archive")[number % 2]
        last = f"Copied for the files of the {office} by {OWNERS[number % 5]} on 4 June 2024."
        (folder / f"copy-{number}.txt").write_text(copied(kind(number), office, last))
    (folder / "note-9.txt").unlink()
