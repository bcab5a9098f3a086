"""Arbitrary requests for an OpenAPI description: what it asks for, nearly that, and nothing like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

NAMES = (
    *("ship", "lease", "vault", "lease-0", "vault-0", "r1", "memory", "diary", "nightread-memory"),
    *("/docs/ship.txt", "/docs/*", "**", "ship.txt", "tenants/lab", "../tenants/lab", "nightread-reader"),
    *("' OR 1=1 --", "'; DROP TABLE records; --", "x') OR level IN ('passage", '"', "\\", "%", "_"),
    *("<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "a\x00b", "\ud7ff", "\u202e", "\n", "~"),
    *("../../etc/passwd", "..%2f..%2ftokens.json", "file:///etc/passwd", "s3://bucket", "[", "(", "**/" * 40),
    *("2026-01-01", "9999-12-31T23:59:59", "0", "-1", "1e309", "NaN", "true", "\uffff", "x" * 3000),
)
"""Things that are there, and things that harm where somebody is careless."""
WORDS = st.sampled_from(NAMES) | st.text(max_size=40)
NUMBERS = st.sampled_from([0, 1, -1, 2, 49, 50, 100, 101, 2**31, 2**63, -(2**63), 10**30]) | st.integers()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Content-Type", "X-Forwarded-For", "Range", "If-None-Match", "Mcp-Session-Id", "Cookie"]
    ),
    st.sampled_from(["text/event-stream", "application/json", "*/*", "text/plain", "bytes=0-", "a=b", ""]),
    max_size=3,
)


@dataclass(frozen=True)
class Sent:
    """A request."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


def requests(described: Mapping[str, Any]) -> st.SearchStrategy[Sent]:
    """Of any operation that is described, and of some that are not."""
    operations = [
        (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    strange = st.builds(Sent, st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), _paths(), body=JSON)
    meant = st.sampled_from(operations).flatmap(lambda one: _of(described, *one))
    return st.one_of(meant, meant, meant, strange)


def _paths() -> st.SearchStrategy[str]:
    return st.lists(WORDS, max_size=4).map(lambda parts: "/" + "/".join(quote(one, safe="") for one in parts))


def _of(described: Mapping[str, Any], path: str, method: str, operation: Any) -> st.SearchStrategy[Sent]:
    given = operation.get("parameters", [])
    named = {one["name"]: WORDS.filter(bool) for one in given if one["in"] == "path"}
    query = {one["name"]: _like(one["schema"], described) | WORDS for one in given if one["in"] == "query"}
    content = operation.get("requestBody", {}).get("content", {})
    schema = next((its["schema"] for its in content.values()), None)
    body = st.none() if schema is None else st.one_of(_like(schema, described), JSON)

    def filled(names: dict[str, str]) -> str:
        return path.format(**{name: quote(value, safe="") for name, value in names.items()})

    return st.builds(
        Sent,
        st.just(method.upper()),
        st.fixed_dictionaries(named).map(filled),
        st.fixed_dictionaries({}, optional=query),
        HEADERS,
        body,
    )


def _like(schema: Mapping[str, Any], described: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema, or nearly so: bounds are for the gateway to keep."""
    if "$ref" in schema:
        return _like(_named(described, schema["$ref"].split("/")[1:]), described)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([_like(one, described) for one in options])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    match schema.get("type"):
        case "string":
            return WORDS
        case "integer" | "number":
            return NUMBERS
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(_like(schema.get("items", {}), described), max_size=3)
        case "object":
            values = {name: _like(its, described) for name, its in schema.get("properties", {}).items()}
            needed = {name: values.pop(name) for name in schema.get("required", []) if name in values}
            return st.fixed_dictionaries(needed, optional=values)
    return JSON


def _named(described: Any, names: Sequence[str]) -> Any:
    for name in names:
        described = described[name]
    return described
