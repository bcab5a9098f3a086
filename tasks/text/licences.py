"""Well-known licences by their own words, for those whose text has no title line."""

import re

from tasks.text.headings import ABBREVIATED
from tasks.text.markup import readable

_KNOWN = (
    ("Apache License 2.0", r"apache license,? version 2\.0, january 2004"),
    ("GNU Affero General Public License 3", r"gnu affero general public license version 3"),
    ("GNU Lesser General Public License 3", r"gnu lesser general public license version 3"),
    ("GNU Lesser General Public License 2.1", r"gnu lesser general public license version 2\.1"),
    ("GNU General Public License 3", r"gnu general public license version 3"),
    ("GNU General Public License 2", r"gnu general public license version 2"),
    ("Mozilla Public License 2.0", r"mozilla public license,? version 2\.0"),
    ("Eclipse Public License", r"eclipse public license"),
    ("Unicode License", r"unicode license v3|unicode, inc\. license"),
    ("Boost Software License 1.0", r"boost software license - version 1\.0"),
    ("Python Software Foundation License",
     r"python software foundation license version 2|psf license agreement"),
    ("Creative Commons Zero 1.0", r"creative commons.{0,40}cc0 1\.0|cc0 1\.0 universal"),
    ("Creative Commons Attribution 4.0", r"creative commons attribution 4\.0 international"),
    ("The Unlicense", r"this is free and unencumbered software released into the public domain"),
    ("zlib License", r"this software is provided 'as-is', without any express or implied warranty"),
    ("Historical Permission Notice (HPND)",
     r"permission to use, copy, modify,? and distribute this software and its documentation"),
    ("ISC License", r"permission to use, copy, modify,? and(?:/or)? distribute this software"),
    ("BSD 3-Clause License", r"redistribution and use in source and binary forms.{0,1600}neither the names?"),
    ("BSD 2-Clause License", r"redistribution and use in source and binary forms"),
    ("MIT License", r"permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("GNU Free Documentation License", r"gnu free documentation license"),
    ("GNU Library General Public License 2", r"gnu library general public license"),
    ("GNU General Public License 1", r"gnu general public license version 1"),
    ("Mozilla Public License 1.1", r"mozilla public license version 1\.1"),
    ("Artistic License", r"(?:the )?\W?artistic license"),
    ("SIL Open Font License 1.1", r"sil open font license"),
)  # fmt: skip
_AT_THE_TOP = frozenset({"GNU Free Documentation License", "Artistic License", "Eclipse Public License"})
"""Their names are all that tells them, and others mention them."""
_LICENCES = tuple((name, re.compile(words)) for name, words in _KNOWN)
_HOLDER = re.compile(
    r"copyright[^\S\n]*+(?:(?:\(c\)|©|&copy;)[^\S\n]*+)?(?:\d{4}(?:\s?(?:[-–,]|to)\s?(?:\d{2,4}|present))*,?[^\S\n]*+)?"
    r"(?:\(c\)[^\S\n]*+)?(?:by\s)?(?P<holder>[^\W\d][^\n<>(]{2,60})",
    re.IGNORECASE,
)
_NOT_HOLDER = re.compile(
    r"notice|license|owner|holder|law|and\b|the name|statement|\[|disclaimer|interest|in\b|treaty",
    re.IGNORECASE,
)
_WITHIN = 4000


def licence_name(head: str) -> str:
    """Name of the licence that a text begins with, "" if it is none of the well-known ones."""
    plain = " ".join(re.sub(r"(?m)^[ \t]*(?:#|//|\*|;)+", " ", head[: 2 * _WITHIN]).lower().split())[:_WITHIN]
    first = [
        (match.start(), rank, name)
        for rank, (name, words) in enumerate(_LICENCES)
        if (match := words.search(plain, 0, 200 if name in _AT_THE_TOP else len(plain)))
    ]
    return min(first, default=(0, 0, ""), key=lambda one: one[:2])[2]


def licence_title(head: str) -> str:
    """Such as "MIT License (Ann Lee)": its name and who holds the copyright, "" for an unknown licence."""
    name = licence_name(head)
    if not name or name.startswith(("GNU", "Apache", "Mozilla", "Creative", "The Unlicense", "Artistic")):
        return name
    for match in _HOLDER.finditer(readable(head[:_WITHIN])):
        holder = " ".join(match["holder"].split()).strip(" .,;:*")
        holder = re.sub(r",?\s*all rights reserved.*", "", holder, flags=re.IGNORECASE)
        holder = re.sub(r"[,(]?\s*(?:https?://|www\.).*", "", holder).strip(" .,;:")
        if holder and not _NOT_HOLDER.match(holder):
            return f"{name} ({holder}{'.' * bool(ABBREVIATED.search(holder + '.'))})"
    return name
