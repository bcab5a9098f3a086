"""What kernels of a GPU compute is the plain rule, whichever is chosen there.

Run: pytest -m gpu tests/model/attention/test_on_gpu.py
"""

from pathlib import Path

import pytest
import torch

from model.attention import flex
from model.attention.attend import Reach, attend, attend_near
from model.attention.choice import Shape, quickest, timed
from model.attention.kernels import KERNELS, attend_reference
from model.geometry import SINKS

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore")]  # compilers warn of their own parts

NAMES = [name for name in KERNELS if name != "tiles"]


@pytest.fixture(scope="module")
def device() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return torch.device("cuda", 0)


def numbers(
    shape: tuple[int, int, int], dims: int, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries of nine heads, keys and values of three, for (rows, past, queries)."""
    rows, past, queries = shape
    torch.manual_seed(past)
    sizes = (9, queries), (3, past + queries), (3, past + queries)
    q, k, v = (torch.randn(rows, *size, dims).to(device, dtype) for size in sizes)
    return q, k, v


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize(
    "shape", [(1, 0, 256), (2, 64, 256), (1, SINKS + 512, 512), (3, 100, 77), (2, 300, 1)], ids=str
)
def test_every_kernel_equals_the_plain_rule(
    shape: tuple[int, int, int], kernel: str, dtype: torch.dtype, device: torch.device
) -> None:
    q, k, v = numbers(shape, 64, dtype, device)
    with torch.inference_mode():
        out = attend(q, k, v, 0.125, kernel=kernel)
    right = attend_reference(q.float().cpu(), k.float().cpu(), v.float().cpu(), 0.125)
    assert out.dtype == dtype
    assert (out.float().cpu() - right).norm() < (0.005 if dtype == torch.bfloat16 else 0.002) * right.norm()


def test_branches_and_narrow_windows_equal_those_of_a_cpu(device: torch.device) -> None:
    q, k, v = numbers((1, 200, 90), 64, torch.float32, device)
    for reach in (Reach(), Reach(window=50), Reach(chunk=64)):
        found = attend_near(q, k, v, 0.125, reach, [40, 30, 20])
        expected = attend_near(q.cpu(), k.cpu(), v.cpu(), 0.125, reach, [40, 30, 20])
        torch.testing.assert_close(found.cpu(), expected, atol=2e-3, rtol=1e-2)


def test_all_candidates_are_timed_and_the_quickest_is_chosen(device: torch.device, tmp_path: Path) -> None:
    shape = Shape(torch.bfloat16, 9, 3, 64, 1, device)
    choice = quickest(shape, tmp_path / "kept.json", timed)
    print(choice)
    assert {"fused", "masked"} <= set(choice.seconds) <= set(shape.candidates)
    assert choice.kernel == min(choice.seconds, key=choice.seconds.__getitem__)


def test_a_whole_chunk_is_compiled_and_a_short_one_is_left_to_another_kernel(device: torch.device) -> None:
    if not flex.compiles(device):
        pytest.skip("no Triton or no C compiler here")
    assert flex.attend(*numbers((1, SINKS + 512, 512), 64, torch.bfloat16, device), 0.125) is not None
    assert flex.attend(*numbers((1, 500, 20), 64, torch.bfloat16, device), 0.125) is None
