"""What nodes tell, as text that Redis keeps."""

import json
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import astuple

from tasks.serve.directory.base import Claim, Holding, Load


def load_text(load: Load) -> str:
    return json.dumps(astuple(load))


def load_of(text: str) -> Load:
    return Load(*json.loads(text))


def holdings_text(holdings: Sequence[Holding]) -> str:
    """Topics in single precision: 256 numbers are 1,368 characters."""
    return json.dumps([_row(one) for one in holdings])


def holdings_of(text: str) -> list[Holding]:
    return [_holding(*row) for row in json.loads(text)]


def _row(one: Holding) -> list[object]:
    topic = b64encode(array("f", one.topic).tobytes()).decode()
    name = (one.claim.tenant, one.claim.key, one.claim.fence)
    return [*name, one.tier, one.tokens, one.bytes, one.idle_s, topic, one.busy]


def _holding(
    tenant: str,
    key: str,
    fence: int,
    tier: str,
    tokens: int,
    held: int,
    idle_s: float,
    topic: str,
    busy: bool,
) -> Holding:
    claim, numbers = Claim(tenant, key, fence), array("f", b64decode(topic))
    return Holding(claim, tier, tokens, held, idle_s, tuple(numbers), busy)
