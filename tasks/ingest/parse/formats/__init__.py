"""The formats that are read, each a module of its own with a `parse` (see `tasks.ingest.parse.base`).

The idea: a module is imported when a source of its kind comes, so that a library of one format costs the
others nothing.
"""

import importlib
from functools import cache

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Format

FORMATS = {
    "bz2": "archives.compressed",
    "csv": "tables.csv",
    "docx": "docx",
    "eml": "mail.eml",
    "epub": "epub",
    "gz": "archives.compressed",
    "html": "html",
    "ipynb": "ipynb",
    "jsonl": "jsonl",
    "mbox": "mail.mbox",
    "odp": "odf",
    "ods": "tables.ods",
    "odt": "odf",
    "parquet": "tables.parquet",
    "pdf": "pdf",
    "pptx": "pptx",
    "rtf": "rtf",
    "tar": "archives.tar",
    "text": "text",
    "xlsx": "tables.xlsx",
    "xz": "archives.compressed",
    "zip": "archives.zip",
    "zstd": "archives.compressed",
}
"""Kinds that `tasks.ingest.parse.detect` tells, and the modules here that read them."""


@cache
def format_of(kind: str) -> Format:
    """The module that reads a kind.

    Raises:
        BadDocument: unsupported.
    """
    if kind not in FORMATS:
        raise BadDocument("unsupported", f"{kind}: no parser for this kind of file")
    module: Format = importlib.import_module(f"{__name__}.{FORMATS[kind]}")
    return module
