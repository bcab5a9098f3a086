"""Parse: bytes to text with a map back to the source, in another process; `formats` has a module each."""

from tasks.ingest.parse.base import TextSpan, parser_key
from tasks.ingest.parse.many import parse_all
from tasks.ingest.parse.sandbox import parse_source
from tasks.ingest.parse.store import place_of, read_spans, read_text

__all__ = ["TextSpan", "parse_all", "parse_source", "parser_key", "place_of", "read_spans", "read_text"]
