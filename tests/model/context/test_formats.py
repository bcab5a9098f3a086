"""Formats keep what they promise, in the bytes they promise.

Run: pytest tests/model/context/test_formats.py
"""

import torch

from model.context.formats import WORD, Format
from tests.model.rows import SHAPE, some, stored


def test_formats_keep_what_they_promise() -> None:
    rows = some(50)
    assert torch.equal(stored(rows, "float32"), rows)
    assert torch.equal(stored(rows, "bfloat16"), rows.bfloat16().float())
    error = (stored(rows, "float8") - rows).abs() / rows.abs().amax(-1, keepdim=True)
    assert float(error.max()) <= 16 / 448, "half of the coarsest step"
    assert torch.equal(stored(torch.zeros(1, *SHAPE), "float8"), torch.zeros(1, *SHAPE))
    huge = torch.full((1, *SHAPE), 1e30)
    torch.testing.assert_close(stored(huge, "float8"), huge, rtol=1e-6, atol=0)
    odd = torch.randn(3, 5, 3)
    assert torch.equal(stored(odd, "bfloat16"), odd.bfloat16().float()), "rows are padded to words"


def test_every_float8_number_is_read_as_torch_reads_it() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    codes = codes[~codes.view(torch.float8_e4m3fn).float().isnan()]
    kept = Format("float8", (len(codes),))
    words = torch.zeros(1, kept.row_bytes // WORD, dtype=torch.int64)
    words.view(torch.float32)[0, 0] = 1
    words.view(torch.uint8)[0, 4 : 4 + len(codes)] = codes
    expected = codes.view(torch.float8_e4m3fn)[None]
    for dtype in (torch.float32, torch.bfloat16):
        assert torch.equal(kept.decode(words, torch.empty(1, len(codes), dtype=dtype)), expected.to(dtype))


def test_float8_takes_at_least_45_percent_fewer_bytes_than_bfloat16() -> None:
    shape = (30, 2, 3, 64, 64)
    assert Format("float8", shape).row_bytes <= 0.55 * Format("bfloat16", shape).row_bytes
