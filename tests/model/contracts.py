"""A contract of any length, made up clause by clause, and what may be asked about it.

The idea: clauses are alike, as in contracts: every delivery, fee and site has its own numbers and names, so
what is asked for stands among many of its kind.
"""

from dataclasses import dataclass
from random import Random

_GOODS = (
    *("pump housings", "roof trusses", "valve seats", "cable drums", "filter cloths", "bearing shells"),
    *("glazed tiles", "gear wheels", "seed drills", "mooring lines", "brake discs", "oak planks"),
)
_CITIES = (
    *("Aveiro", "Bergen", "Cadiz", "Dundee", "Esbjerg", "Fiume", "Gdynia", "Haarlem", "Izmir", "Jena"),
    *("Kotka", "Liepaja", "Malmo", "Namur", "Ostrava", "Parnu", "Rijeka", "Split", "Turku", "Varna"),
)
_ROLES = ("site manager", "quality officer", "stock keeper", "safety adviser", "freight clerk", "auditor")
_CLAUSES = (
    "The Supplier delivers {n} pallets of {goods} to the depot in {city} until the {day} of each month. "
    "A delivery that is incomplete is completed within {m} working days.",
    "For the depot in {city} the Customer pays a storage fee of {n} euros for each week begun. "
    "The fee is reviewed every {m} months and is not raised by more than {day} percent.",
    "The {role} in {city} inspects all {goods} on arrival and reports defects in writing within {m} days. "
    "What is not reported within that time is taken as accepted.",
    "Tools that the Customer lends for making {goods} stay its property. The Supplier keeps them in {city}, "
    "insures them for {n} thousand euros and returns them within {m} days when asked.",
    "Where {goods} are late by more than {m} days, the price of that delivery falls by {day} percent. "
    "The {role} in {city} decides whether a later delivery is still taken.",
    "The Supplier trains {m} people named by the Customer in the use of {goods}. Training is held in {city} "
    "and lasts {day} days; travel is paid by whoever sent the people.",
    "Drawings of {goods} are kept for {m} years in the archive in {city}. The {role} grants access to them, "
    "and {n} euros are owed for every copy that leaves the archive.",
    "Packaging of {goods} is taken back in {city} free of charge if it is returned clean within {n} days. "
    "The {role} keeps a list of what has been returned.",
)
_HEADINGS = ("Delivery", "Storage", "Inspection", "Tools", "Delay", "Training", "Records", "Packaging")


@dataclass(frozen=True)
class Fact:
    """A clause that stands once in the contract, a question that it answers, and a word of the answer."""

    clause: str
    question: str
    answer: str


FACTS = (
    Fact(
        "This agreement is governed by the law of Portugal.",
        "Which country's law governs this agreement?",
        "Portugal",
    ),
    Fact(
        "Either party may terminate this agreement in writing with a notice period of ninety days.",
        "What is the notice period for terminating this agreement?",
        "ninety days",
    ),
    Fact(
        "Disputes between the parties are settled by arbitration in Tallinn.",
        "In which city are disputes settled by arbitration?",
        "Tallinn",
    ),
    Fact(
        "The liability of the Supplier is limited to 475,000 euros in each calendar year.",
        "To what amount is the liability of the Supplier limited in each calendar year?",
        "475,000",
    ),
)


def contract(chars: int, seed: int = 7) -> str:
    """A contract of about so many characters; `FACTS` stand in it at even distances."""
    random, parts, size = (
        Random(seed),
        ["SUPPLY AGREEMENT between Norlund Works (Supplier) and Casteel (Customer)"],
        0,
    )
    due = [(chars * (place + 1) // (len(FACTS) + 1), fact) for place, fact in enumerate(FACTS)]
    article = 0
    while size < chars:
        article += 1
        parts.append(f"\n\nArticle {article}. {_HEADINGS[article % len(_HEADINGS)]}\n")
        for number in range(1, random.randrange(4, 7)):
            if due and size >= due[0][0]:
                clause = due.pop(0)[1].clause
            else:
                clause = random.choice(_CLAUSES).format(
                    n=random.randrange(20, 900),
                    m=random.randrange(2, 30),
                    day=random.randrange(1, 28),
                    goods=random.choice(_GOODS),
                    city=random.choice(_CITIES),
                    role=random.choice(_ROLES),
                )
            parts.append(f"\n{article}.{number} {clause}")
        size = sum(map(len, parts))
    return "".join(parts)
