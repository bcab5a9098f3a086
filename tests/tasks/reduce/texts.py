"""Texts of every kind of document, written for tests, and a document as a run would have read it."""

from tasks.infer.journal import WindowNote
from tasks.reduce.reading import Reading, reading

LEASE = """LEASE AGREEMENT

This Lease Agreement is made on 5 March 2024 between Mill House Ltd ("Landlord") and Anna Berg
("Tenant").

WHEREAS, the Landlord owns the old mill at 4 River Lane and the Tenant wishes to open a bakery there;

1. Premises. The Landlord agrees to lease the ground floor of the mill to the Tenant for use as a bakery.

2. Term. The initial term of this Lease shall continue for five years from 1 April 2024.

3. Rent. The Tenant shall pay a monthly rent of $1,450 on the first day of every month.

4. Repairs. The Tenant keeps the ovens, the doors and the windows in good repair at all times of the
year.

5. Visits. The Landlord may visit the premises once in every quarter after a notice of two days.

6. Termination. Either party may terminate this Lease by a written notice of six months.

7. Liability. The Landlord is not liable for flour, bread or machines that are damaged by the river.

8. Governing law. This Lease is governed by the laws of Norway.

9. Entire agreement. This Lease is the entire agreement of the parties, and headings are for
convenience only.

IN WITNESS WHEREOF, the parties have executed this Lease as of the date first written above.

By: ______________ Name: ______________ Title: ______________
"""

README = """# tinywheel

[![Build Status](https://ci.example.org/badge.svg)](https://ci.example.org)
![Coverage](https://x.example.org/c.svg)

<p align="center"><img src="logo.png" width="300"></p>

<!-- The team wrote this page in one long night and would like to be left alone about it. -->

tinywheel is a small library that **balances** bicycle wheels from the recorded sound of their
spokes. It listens to
a spoke, finds its pitch and tells how far the nipple must be turned.

## Installation

```bash
pip install tinywheel
```

## Usage

The function `true_wheel` takes the recordings of all spokes and returns the turns of every nipple
in degrees. A wheel
of thirty-two spokes is solved in less than a second on an old laptop. Results are the same on every
machine, since
nothing in the solver is random.

    wheel = load("front.wav")
    print(true_wheel(wheel))

## Limits

Carbon rims bend in ways that the model behind the solver does not describe. Spokes that touch each
other sound alike
and cannot be told apart by the library.

## Citation

If you use tinywheel in your research, please cite it by using the following BibTeX entry:

```bibtex
@software{tinywheel, title = {tinywheel}, year = {2023}}
```
"""

MINUTES = """Minutes of the board of the Orlo rowing club, 12 May 2023

Present: Ida Holm, Per Lind, Sara Moe

Meeting called to order at 19:00 in the boat house.

1. The minutes of April were read aloud by the chair.
2. The board approved a budget of $4,200 for two new oars and a trailer.
3. Per Lind told a long story about the weather on the lake last autumn.
4. It was resolved that members under sixteen row without a fee from June on.
5. Action: Sara Moe will order the trailer by 1 June.

Meeting adjourned at 20:15.
"""

DIALOGUE = """[2023-05-08 10:00] Ann: Hi Bob! How are you doing today?
[2023-05-08 10:01] Bob: Great, thanks! And you?
[2023-05-08 10:02] Ann: I finally started my new job at the lighthouse museum last week.
[2023-05-08 10:03] Bob: Wow, that is so cool, congratulations!
[2023-05-08 10:04] Ann: The museum shows lamps, and I guide visitors up the lighthouse stairs every
morning.
[2023-05-08 10:05] Bob: Nice!
[2023-05-08 10:06] Bob: We are going to sail to the lighthouse in August with my brother and his boat.
[2023-05-08 10:07] Ann: Awesome, sounds great!
[2023-05-08 10:08] Bob: My brother bought the boat in Bergen, and we painted it green over the winter.
[2023-05-08 10:09] Ann: That is so cool!
[2023-06-02 18:30] Ann: My sister plays the cello, and she got a place in the orchestra of Bergen yesterday.
[2023-06-02 18:31] Bob: Wow, amazing!
[2023-06-02 18:32] Bob: I decided to leave the bank in autumn, because I want to build wooden boats.
[2023-06-02 18:33] Ann: Thanks for telling me, that is great.
"""

CODE = '''"""Prices of parcels: what a shop must pay the carrier for each of them.

The price grows with weight up to a limit beyond which a parcel goes by ship.
"""

import math


def price(grams: int) -> float:
    """What a parcel of this weight costs in kroner, tax included."""
    if grams > 20_000:
        raise ValueError(f"{grams} g is too heavy")
    return 40 + 0.01 * math.ceil(grams)


class Carrier:
    """A company that carries parcels between two harbours of one country."""

    def __init__(self, name: str) -> None:
        self.name = name
'''

CHANGELOG = """# Changelog

## 2.0.0 - 2024-02-01

- Removed support for wheels that have fewer than sixteen spokes
- The solver now reads recordings that are compressed

## 1.1.0 - 2023-06-11

- Pitches are found twice as quickly as they were before

## 1.0.0 - 2023-01-02

- First release of the library with a solver for steel spokes
"""

GERMAN = """Bericht über die Brücke von Tarn

Dieser Bericht beschreibt den Zustand der alten Brücke von Tarn und die Kosten ihrer Erneuerung. Die
Brücke wurde
1911 aus Stahl gebaut und trägt heute zweimal so viele Wagen wie vor dreißig Jahren.

Der nördliche Pfeiler der Brücke ist um sechs Zentimeter gesunken. Die Stadt ließ deshalb im März
die Hälfte der
Fahrbahn sperren. Fachleute der Hochschule haben den Stahl untersucht und an vierzig Stellen Rost
gefunden.

Eine neue Brücke kostet nach der Schätzung des Amtes achtzehn Millionen Euro. Eine Erneuerung des
Pfeilers kostet
nur vier Millionen Euro, hält aber nicht länger als zwanzig Jahre. Der Rat der Stadt will im Herbst
entscheiden.
"""

CHINESE = (
    "桥梁报告\n\n本报告说明塔恩大桥的现状和修理费用。"
    "大桥建于一九一一年，由钢铁制成。北面的桥墩下沉了六厘米。"
    "市政府在三月关闭了一半的车道。专家在钢梁上发现了四十处锈迹。"
    "新建一座大桥需要一千八百万欧元。修理桥墩只需要四百万欧元。\n"
)
TEXTS = {
    "lease.txt": LEASE,
    "tinywheel.md": README,
    "minutes.txt": MINUTES,
    "chat.txt": DIALOGUE,
    "prices.py": CODE,
    "CHANGELOG.md": CHANGELOG,
    "bericht.txt": GERMAN,
    "report-zh.txt": CHINESE,
}


def read_as(text: str, name: str = "", window: int = 2000) -> Reading:
    """A document as a run would have read it, its windows `window` characters long."""
    stride = window // 2
    starts = range(0, max(1, len(text) - stride), stride)
    notes = [WindowNote(start, min(start + window, len(text))) for start in starts]
    pieces = [(at, text[at : at + 700]) for at in range(0, len(text), 700)]
    return reading("d" * 64, lambda: iter(pieces), notes, name)
