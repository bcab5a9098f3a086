"""What a document is called, what it is, when it was made, and how it is divided, from its text alone.

Run: pytest tests/tasks/text/test_outline.py
"""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.outline import MOST_HEADINGS, Outline, outline

LEASE = """Exhibit 10.3

EXECUTION VERSION

                         GREENHOUSE LEASE AGREEMENT

This Greenhouse Lease Agreement (this "Agreement") is made and entered into as of the 5th day of March, 2021,
by and between Orrin Gardens, Inc., a Delaware corporation ("Landlord"), and Valdur Seeds GmbH, a German
company ("Tenant").

WHEREAS, the parties wish to let a greenhouse;

ARTICLE 1
DEFINITIONS

1.1 Greenhouse. The house of glass behind the mill.

ARTICLE 4 RENT AND DEPOSIT

4.1 Rent. The Tenant pays 200 crowns a month.

4.2 Deposit. The Tenant leaves a deposit of 400 crowns.
"""
MIT = """Copyright (c) 2019-2021 Ingrid Valdur

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files, to deal in the Software without restriction.
"""
METADATA = """Metadata-Version: 2.1
Name: orrin-pumps
Version: 1.4.0
Summary: Schedules for **pump** houses
Classifier: Programming Language :: Python

# Orrin Pumps
"""
README = """<p align="center"><img src="logo.png"></p>

[![Build](https://x.example/b.svg)](https://x.example/b)

# Orrin `pumps` for [everyone](https://x.example)

Keeps a pump house on time.

## Installation

pip install orrin-pumps

## Usage

### From the shell
"""
RST = """.. image:: https://x.example/badge.svg

==========
Tide clock
==========

Tells the tide.

Installation
------------

pip install tideclock
"""
CHANGELOG = """# Changelog

## 2.1.0 - 2024-03-05

- Pumps start at dusk.

## 2.0.1 - 2023-11-20

- A valve is closed.

## 2.0.0 - 2023-10-01
"""
MAIL = """From: Ann Lee <ann@x.example>
To: Ben Moor <ben@x.example>
Subject: Keys of the
 pump house
Date: Fri, 29 Nov 2024 10:00:00 +0000

Ben, the keys are under the stone. Ann
"""
CODE = '''#!/usr/bin/env python3
"""Close valves at dusk.

More of it.
"""

import time


class Valve:
    def close(self):
        return time.time()


def main():
    Valve().close()
'''
DIALOGUE = """[1:56 pm on 8 May, 2023] Ann: Did you open the valve?
[1:56 pm on 8 May, 2023] Ben: Not yet, the key is gone.
[1:56 pm on 8 May, 2023] Ann: It is under the stone.
[1:56 pm on 8 May, 2023] Ben: Found it. Thank you!
[7:55 pm on 9 June, 2023] Ann: And the pump?
"""
MINUTES = """MINUTES OF THE HARBOUR BOARD

Held on 3 February 2022

Present: A. Lee, B. Moor
Apologies: C. Orrin

1. Dredging

The board agreed to dredge. Moved by A. Lee, seconded by B. Moor.
"""
PAPER = """Tides in Closed Basins

Ann Lee, Ben Moor

Abstract

We propose a model of tides in closed basins, and show that it holds.

1. Introduction

Tides were studied by Orrin et al. 1969.

2. Results

3. References
"""
BOOK = """THE LAMP OF ORRIN

CHAPTER I

It was dark.

CHAPTER II

It was light.
"""
REPORT = """\tIntroduction

Harbours cost money. This report examines the costs of dredging federal harbours, and what agencies recommend.
Findings of three fiscal years are listed for Congress.

\tCosts

\t\tCosts of Sand

Sand is dear.
"""
CHINESE = """温室租赁合同

甲方：奥林园艺有限公司
乙方：瓦尔杜种子公司

第一章 总则

第一条 甲方出租温室。
"""


@pytest.mark.parametrize(
    ("text", "name", "title", "kind", "date"),
    [
        (LEASE, "",
         "Greenhouse Lease Agreement between Orrin Gardens, Inc. and Valdur Seeds GmbH", "contract",
         "2021-03-05"),
        (MIT, "", "MIT License (Ingrid Valdur)", "licence", ""),
        (METADATA, "", "orrin-pumps 1.4.0: Schedules for pump houses", "readme", ""),
        (README, "", "Orrin pumps for everyone", "readme", ""),
        (RST, "", "Tide clock", "readme", ""),
        (CHANGELOG, "", "Changelog", "changelog", "2024-03-05"),
        (MAIL, "", "Keys of the pump house (from Ann Lee)", "mail", "2024-11-29"),
        (CODE, "orrin/valves.py", "orrin/valves.py: Close valves at dusk", "code", ""),
        (CODE, "", "Close valves at dusk", "code", ""),
        (DIALOGUE, "", "Conversation between Ann and Ben", "dialogue", "2023-05-08"),
        (MINUTES, "", "Minutes of the Harbour Board", "minutes", "2022-02-03"),
        (PAPER, "", "Tides in Closed Basins", "paper", ""),
        (BOOK, "", "The Lamp of Orrin", "book", ""),
        (REPORT, "", "Report on the costs of dredging federal harbours", "report", ""),
        ("a,b,c\n1,2,3\n4,5,6\n", "", "Table of a, b, c", "table", ""),
        ("The Valley of Pumps\nby Ann Lee\n\nChapter 1\n\nIt was dark.\n\nChapter 2\n\nIt was light.\n", "",
         "The Valley of Pumps by Ann Lee", "book", ""),
        ("user: how do I open it?\nassistant: Turn it left.\nuser: and close it?\nassistant: To the right.\n",
         "", "Conversation between user and assistant", "dialogue", ""),
        ("किराया अनुबंध\n\nयह अनुबंध 5 मार्च 2021 को हुआ।\n\nकिरायेदार 200 क्राउन देगा।\n", "",
         "किराया अनुबंध", "contract", "2021-03-05"),
        ("Subject: Budget\n\nHi Ben,\n\nthe budget is done.\n", "", "Budget", "mail", ""),
        (CHINESE, "", "温室租赁合同 （奥林园艺有限公司、瓦尔杜种子公司）", "contract", ""),
        ("orrin (2.1-1) unstable; urgency=low\n\n  * Dusk.\n\n -- Ann Lee  Tue, 05 Mar 2024\n", "",
         "orrin: Changelog", "changelog", "2024-03-05"),
        ("Sehr geehrte Frau Valdur,\n\ndie Pumpe ist wieder in Ordnung.\n", "",
         "Letter to Frau Valdur", "text", ""),
        ("VALDUR GMBH, Plaintiff,\nv.\nORRIN INC., Defendant.\n\nThe court holds for Valdur.\n", "",
         "Valdur GmbH v. Orrin Inc", "text", ""),
        ("\\documentclass{article}\n\\title{Tides in \\emph{Basins}}\n\\section{Tides}\nThey rise.\n", "",
         "Tides", "paper", ""),
        (MIT.replace("Ingrid Valdur", ""), "pumps-licence.txt", "MIT License (pumps)", "licence", ""),
        (CHANGELOG, "orrin/CHANGELOG.md", "Changelog (orrin)", "changelog", "2024-03-05"),
        (MIT.replace("Copyright (c) 2019-2021 Ingrid Valdur", ""), "orrin_pumps-1.4.0.dist-info/LICENSE",
         "MIT License (orrin_pumps 1.4.0)", "licence", ""),
        ("货轮三月离开青岛港。" + "船长写下了风向。" * 9 + "\n轮机长发现二号油泵漏油，并在当晚完成更换。\n",
         "",
         "货轮三月离开青岛港", "text", ""),
        ("This is a port of the PumpHouse class.\n\n## Installation\n\nBuild it.\n\n"
         "## Usage\n\npumphouse opens it.\n\n## License\n\npumphouse is free.\n", "pumphouse.md",
         "pumphouse: This is a port of the PumpHouse class", "readme", ""),
        ("", "", "", "text", ""),
        ("* * *\n", "docs/tides.txt", "tides.txt", "text", ""),
        ("---\ntitle: The quay at Orrin\ndate: 2024-03-05T10:00Z\n---\n\nThe quay is long.\n",
         "",
         "The quay at Orrin", "text", "2024-03-05"),
        ("---\npublished: 5 March 2024\n---\n# Orrin pumps for all\n\n## Usage\n\n```\nrun\n```\n",
         "",
         "Orrin pumps for all", "readme", "2024-03-05"),
        ("码头修理说明\n\n发布日期：二〇二四年三月五日\n\n码头在春天修好了。\n", "",
         "码头修理说明", "text", "2024-03-05"),
        ("# Rents\n\nRents of Quay 7.\nSide; Tenant; Rent.\nSide: North; Tenant: Orrin; Rent: 1,450.\n",
         "rents.xlsx",
         "rents.xlsx: Rents of Quay 7", "table", ""),
        ("# Boats\n\nOwner; Boat.\nOwner: Ann; Boat: Tern.\n", "boats.ods",
         "boats.ods: Owner, Boat", "table", ""),
        ("# Pumps of the quay\n\n## Costs\n\n- Impeller\n\n## Next steps\n\n- Valves\n", "pumps.pptx",
         "Pumps of the quay", "slides", ""),
        ("# The Lamp at Skerry Point\nby Maud Ferrier\n\n## The storm\n\nShe climbed.\n", "lamp.epub",
         "The Lamp at Skerry Point", "book", ""),
        ("码头修理说明\n\n一九八七年三月\n\n码头在春天修好了。\n", "", "码头修理说明", "text", "1987-03"),
    ],
)  # fmt: skip
def test_a_document_is_called_what_a_person_would_call_it(
    text: str, name: str, title: str, kind: str, date: str
) -> None:
    found = outline([(0, text)], name)
    assert (found.title, found.kind, found.date) == (title, kind, date)


def section(text: str, words: str) -> str:
    return outline([(0, text)]).section_at(text.index(words))


@pytest.mark.parametrize(
    ("text", "words", "path"),
    [
        (LEASE, "EXECUTION", ""),
        (LEASE, "The house of glass", "ARTICLE 1 DEFINITIONS > 1.1 Greenhouse"),
        (LEASE, "400 crowns", "ARTICLE 4 RENT AND DEPOSIT > 4.2 Deposit"),
        (README, "pip install", "Installation"),
        (README, "### From", "Usage > From the shell"),
        (RST, "pip install", "Installation"),
        (CODE, "time.time", "class Valve > def close"),
        (CODE, "Valve().close", "def main"),
        (REPORT, "Sand is", "Costs > Costs of Sand"),
        (CHINESE, "甲方出租", "第一章 总则 > 第一条 甲方出租温室"),
    ],
)
def test_a_place_has_the_path_of_its_section(text: str, words: str, path: str) -> None:
    assert section(text, words) == path


PIECES = st.sampled_from([LEASE, README, "\n", "# A\n", "x" * 900, "1. Term. It is.\n"])


@given(st.lists(PIECES, max_size=8).map("".join), st.lists(st.integers(0, 3000), max_size=8))
def test_the_outline_does_not_depend_on_where_the_stream_is_cut(text: str, cuts: list[int]) -> None:
    edges = pairwise([0, *sorted(min(edge, len(text)) for edge in cuts), len(text)])
    assert outline((start, text[start:end]) for start, end in edges) == outline([(0, text)])


@given(st.text(max_size=400))
def test_any_text_has_an_outline_of_one_line(text: str) -> None:
    found = outline([(0, text)])
    assert len(found.title) <= 122
    assert "\n" not in found.title
    assert isinstance(found, Outline)


@pytest.mark.parametrize(
    "unit", ["x", " ", "\n", "# a\n", "A. ", "1. ", "<a ", "[", "*a ", "Ann: b\n", "ARTICLE 1\n", "\t"]
)
def test_an_outline_costs_time_and_memory_in_proportion_to_the_text_or_less(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    began = time.process_time()
    found = outline((start, text[start : start + 65_536]) for start in range(0, len(text), 65_536))
    assert time.process_time() - began < 60  # quadratic time would take many minutes
    assert len(found.headings) <= MOST_HEADINGS
