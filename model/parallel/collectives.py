"""Ranks: the processes of one DeepSpeed job, and what every one of them sends.

The idea: four collectives are all that parallel reading needs, and each counts its bytes as it goes, so that
what was moved can be printed beside the formula. This is the only file that knows DeepSpeed.

    with parallel.join(rank, world, port=29500, timeout_s=60) as ranks:
        total = ranks.sum(part)
        print(ranks.sent)

Every rank calls the same collectives in the same order. A rank that dies fails the others' next collective at
once, one that hangs fails it after `timeout_s`, both with RuntimeError.

Shape suffixes: P ranks, B batch, H heads, Q queries, D head size.
"""

import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any

import torch

from model.parallel.layout import gather_bytes, reduce_bytes

CPU = torch.device("cpu")


def join(
    rank: int,
    world: int,
    port: int,
    address: str = "127.0.0.1",
    timeout_s: float = 600,
    device: torch.device = CPU,
) -> "Ranks":
    """Meet the other ranks and be one of them; once in a process at a time.

    Args:
        rank: this process, 0 to world - 1; rank 0 listens.
        world: number of processes.
        port: a free port at `address`, where rank 0 runs.
        timeout_s: how long to wait for the others, here and in every collective.
        device: where tensors lie: gloo carries them from a CPU, NCCL from CUDA.

    Raises:
        ValueError: if there is no such rank.
        RuntimeError: if the others do not come in time.
    """
    if not 0 <= rank < world:
        raise ValueError(f"rank={rank} of world={world}: ranks are numbered 0 to world - 1")
    comm = _deepspeed(device)
    comm.init_distributed(
        dist_backend="nccl" if device.type == "cuda" else "gloo",
        auto_mpi_discovery=False,
        init_method=f"tcp://{address}:{port}",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=timeout_s),
        verbose=False,
    )
    return Ranks(comm, rank, world, device)


class Ranks:
    """This process among all; see `join`. A context manager: the group is left at its end."""

    def __init__(self, comm: Any, rank: int, world: int, device: torch.device) -> None:
        self.comm, self.rank, self.world, self.device = comm, rank, world, device
        self.sent: Counter[str] = Counter()
        """Bytes that this rank has sent to others, by collective."""

    def __enter__(self) -> "Ranks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the group; nothing can be sent any more."""
        self.comm.destroy_process_group()

    def exchange(self, x: torch.Tensor, give: Sequence[int], take: Sequence[int]) -> torch.Tensor:
        """All-to-All: `give[p]` rows of `x` go to rank p, `take[p]` rows of the result come from it."""
        assert sum(give) == len(x), "every row goes to one rank"
        out = x.new_empty(sum(take), *x.shape[1:])
        self.comm.all_to_all_single(out, x.contiguous(), list(take), list(give))
        self.sent["all_to_all"] += (sum(give) - give[self.rank]) * x[:1].nbytes
        return out

    def gather(self, x: torch.Tensor) -> torch.Tensor:
        """Everyone's `x`, of one shape, on every rank: (P, *x.shape)."""
        out = x.new_empty(self.world, *x.shape)
        self.comm.all_gather(list(out), x.contiguous())
        self.sent["all_gather"] += gather_bytes(self.world, x.nbytes)
        return out

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        """Sum over ranks, on every rank."""
        return self._reduce(x, self.comm.ReduceOp.SUM)

    def max(self, x: torch.Tensor) -> torch.Tensor:
        """Greatest over ranks, on every rank."""
        return self._reduce(x, self.comm.ReduceOp.MAX)

    def any(self, yes: bool) -> bool:
        """Whether any rank says yes, on every rank."""
        return bool(self.max(torch.tensor([int(yes)], device=self.device)).item())

    def agree(self, number: int) -> bool:
        """Whether all ranks have the same number, on every rank."""
        both = self.max(torch.tensor([number, -number], device=self.device))
        return int(both[0]) == -int(both[1])

    def barrier(self) -> None:
        """Wait for all."""
        self.comm.barrier()

    def _reduce(self, x: torch.Tensor, op: Any) -> torch.Tensor:
        out = x.clone(memory_format=torch.contiguous_format)
        self.comm.all_reduce(out, op)
        self.sent["all_reduce"] += reduce_bytes(self.world, x.nbytes)
        return out


def deepspeed_engine(module: torch.nn.Module, ranks: Ranks, learning_rate: float, zero: int) -> Any:
    """A DeepSpeed engine that trains `module` by AdamW, in its precision, with states divided among ranks.

    Args:
        zero: stage of ZeRO, 0 to 3.
    """
    # DeepSpeed takes these from the launcher's environment alone
    os.environ.update(RANK=str(ranks.rank), WORLD_SIZE=str(ranks.world), LOCAL_RANK=_local(ranks))
    import deepspeed

    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=0.0)
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_clipping": 1.0,
        "zero_optimization": {"stage": zero},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,  # it would be compiled
        "steps_per_print": sys.maxsize,
    }
    engine, *_ = deepspeed.initialize(
        model=module, optimizer=optimizer, config=config, dist_init_required=False
    )
    return engine


def whole_weights(model: torch.nn.Module, zero: int) -> dict[str, torch.Tensor]:
    """Every weight of a model that an engine of that stage trains, on every rank."""
    import deepspeed

    with deepspeed.zero.GatheredParameters(list(model.parameters()), enabled=zero == 3):
        return {name: x.detach().cpu().clone() for name, x in model.state_dict().items()}


def _local(ranks: Ranks) -> str:
    """The device's number among those of this process."""
    return str(ranks.device.index or 0) if ranks.device.type == "cuda" else str(ranks.rank)


def _deepspeed(device: torch.device) -> Any:
    """DeepSpeed's collectives, without its messages and the kernel that it compiles for one of them."""
    os.environ["DS_ACCELERATOR"] = device.type  # it would look for one, and say on stdout what it found
    import deepspeed.comm
    import deepspeed.ops

    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    # used by inference_all_reduce alone; it takes 36 s to compile, and a killed compiler leaves a lock behind
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed.comm
