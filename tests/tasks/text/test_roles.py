"""A sentence that says something is told from headings, code, boilerplate and what leans on its surroundings.

Run: pytest tests/tasks/text/test_roles.py
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.roles import Role, role


@pytest.mark.parametrize(
    ("sentence", "kind", "expected"),
    [
        ("The pump house at Orrin was rebuilt in 1962 after the flood.", "text", Role.STATEMENT),
        ("This report examines the costs of dredging.", "report", Role.STATEMENT),
        ("This Agreement is made between Orrin Ltd. and Valdur GmbH.", "contract", Role.STATEMENT),
        ("जहाज़ तारा जुलाई में मुंबई बंदरगाह से निकला।", "text", Role.STATEMENT),
        ("船长在七月离开了港口。", "text", Role.STATEMENT),
        ("غادرت السفينة الميناء في يوليو.", "text", Role.STATEMENT),
        ("the rent rises in June.", "mail", Role.STATEMENT),
        ("From: Ann <a@b.c>\nTo: Ben <b@b.c>\nSubject: Rent", "mail", Role.NAVIGATION),
        ("Date: 2026-01-04; Pump: Pump 3; Remark: Fuse.", "table", Role.STATEMENT),
        ("Ann: I bought a lamp yesterday", "dialogue", Role.STATEMENT),
        ("- Valves close at dusk", "changelog", Role.STATEMENT),
        ("It places great emphasis on polite communication.", "readme", Role.DEPENDENT),
        ("However, the valve was open.", "text", Role.DEPENDENT),
        ("See below.", "text", Role.DEPENDENT),
        ("它在七月离开了港口。", "text", Role.DEPENDENT),
        ("Jedoch war das Ventil offen.", "text", Role.DEPENDENT),
        ("and the rest of what was cut.", "text", Role.FRAGMENT),
        ("The valve that was left open by the", "text", Role.FRAGMENT),
        ("9. Accepting Warranty or Additional Liability", "licence", Role.HEADING),
        ("DEFINITIONS", "contract", Role.HEADING),
        ("4. Term and Termination.", "text", Role.HEADING),
        ("4. The valve closes.", "text", Role.STATEMENT),
        ("(iv)", "contract", Role.MARKER),
        ("3.2.", "text", Role.MARKER),
        ("valve.close(until=dusk, now=True)", "readme", Role.CODE),
        ("$ pip install orrin-pumps", "readme", Role.CODE),
        ("| Pump | 12 | 14 |", "readme", Role.TABLE),
        ("1962   14,200   3.5", "report", Role.TABLE),
        ("Please cite it by using the following BibTeX entry.", "readme", Role.CITATION),
        ("If you use these pumps in your research, mention us.", "readme", Role.CITATION),
        ("[![Build](https://x.example/b.svg)](https://x.example)", "readme", Role.NAVIGATION),
        ("For more information, visit the harbour office.", "report", Role.NAVIGATION),
        ("It would not be possible without our amazing sponsors.", "readme", Role.COURTESY),
        ("If you like these pumps, please tell others of the yard.", "readme", Role.COURTESY),
        ("Please consider a small donation to the harbour.", "readme", Role.COURTESY),
        ("The harbour was rebuilt with a donation of 400 crowns in 1962.", "report", Role.STATEMENT),
        ("All notable changes to the pumps are documented here.", "changelog", Role.COURTESY),
        ("The format is based on [Keep a Changelog](https://x.example),", "changelog", Role.COURTESY),
        ("Thank you for your message.", "mail", Role.COURTESY),
        ("I hope this mail finds you well.", "mail", Role.COURTESY),
        ("Vielen Dank für Ihre Nachricht.", "mail", Role.COURTESY),
        ("Ann: Thank you for your message", "dialogue", Role.STATEMENT),
        ("https://x.example/docs", "readme", Role.NAVIGATION),
        ("**Source Code:** https://x.example/code", "readme", Role.NAVIGATION),
        ("By: ______________ Name: Ann Lee Title: Director", "contract", Role.SIGNATURE),
        ("IN WITNESS WHEREOF, the parties have executed this Agreement.", "contract", Role.SIGNATURE),
        ('THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.', "readme", Role.LEGAL),
        ("All rights reserved.", "report", Role.LEGAL),
        ("This Agreement may be executed in counterparts.", "contract", Role.LEGAL),
        ("If any provision is invalid or unenforceable, the others stay.", "contract", Role.LEGAL),
    ],
)
def test_a_sentence_has_the_role_that_a_reader_gives_it(sentence: str, kind: str, expected: Role) -> None:
    assert role(sentence, kind) is expected


@given(st.text(max_size=200), st.sampled_from(["text", "contract", "dialogue", "readme"]))
def test_any_text_has_a_role(sentence: str, kind: str) -> None:
    assert role(sentence, kind) in Role


@pytest.mark.parametrize(
    "unit", ["a ", "_", "see ", "by: ", "<a ", "[", "notices ", "| ", "if you use ", "(a) "]
)
def test_no_sentence_makes_it_slow(unit: str) -> None:
    began = time.process_time()
    role(unit * (20_000 // len(unit)), "contract")
    assert time.process_time() - began < 60  # quadratic time would take many minutes
