"""The index of a context: which blocks might hold what a question looks for, without looking at all of them.

The idea: three steps, each narrower than the one before. A query is hashed to the nearest of 4,096
centroids, each of which keeps a posting list of the tokens that answer it best; short codes of the listed
tokens nominate blocks; exact products of queries and keys decide (that last step is
`model.context.retrieve`'s). Codes nominate, they never decide.

Queries lie elsewhere than keys, so centroids are trained on queries, and every incoming key is scored by all
of them: routing by clusters of keys has to look at more than twice as many tokens. Posting lists are capped,
so the work of a question does not grow with the text. A flat scan of all codes is the middle path between the
lists and the exact scan.

Hashing to the nearest of learned centroids: Paulevé, Jégou and Amsaleg 2010, "Locality sensitive hashing: a
comparison of hash function types and querying mechanisms". Queries apart from keys: Liu et al. 2024,
"RetrievalAttention: accelerating long-context LLM inference via vector retrieval".

Shape suffixes: N blocks, P pairs of (layer, key/value head), T tokens of a block, K tokens, R rows (one
voting head and one token of the question each), S queries to train on, C centroids, L entries of a posting
list, D head size, B numbers of a code.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from model.context.codes import Codes
from model.context.products import greatest
from model.context.scoring import Baseline, total_votes
from model.geometry import BLOCK

CPU = torch.device("cpu")


@dataclass(frozen=True)
class IndexSizes:
    """How large an index is. They are not saved: a context is opened with the sizes that it was made with."""

    centroids: int = 4096
    postings: int = 1024
    """Entries of a posting list, of as many blocks."""
    looked: int = 32
    """Entries of a list that a question looks at, the best ones, for each doubling of the text's blocks."""
    training_tokens: int = 1 << 16
    """Tokens after which the index is trained; a shorter context is scanned exactly, which is as fast."""
    batch: int = 1 << 14
    """Tokens that are indexed at once after that; until then they are scanned exactly."""
    part: int = 1 << 20
    """Tokens whose codes lie in one array, of which only what is used takes memory."""
    sample: int = 256
    """Blocks of the sample that gives the baseline of scores."""


DEFAULT = IndexSizes()


def held_bytes(tokens: int, pairs: int, dims: int, sizes: IndexSizes = DEFAULT) -> int:
    """Calibrated heads' keys in bf16 of a text, their codes, and posting lists where it has an index."""
    lists = sizes.centroids * (sizes.postings * 8 + dims // 2 * 4) if tokens >= sizes.training_tokens else 0
    codes = tokens * (dims // 2) if lists else 0
    return pairs * (tokens * dims * 2 + codes + lists)


_STEP = 1 / 20
"""Between two numbers of a code, in standard deviations of what it holds: 127 of them reach to 6.35."""
_AT_ONCE = 256
"""Centroids that score a batch at once."""
_ROUNDS, _EACH = 4, 16
"""Of k-means, and queries for every direction."""
_COMPARED = 4096
"""Queries whose nearest centroids are sought at once."""
_SEED = 7


@dataclass(frozen=True)
class Space:
    """How a pair's queries and keys are measured: q k = (q into_q) . code + q mean, as far as B numbers can.

    Keys are whitened, so a query's length is the deviation of its scores, and turned so that the first
    numbers are those that queries use most.
    """

    mean_D: torch.Tensor
    into_q_DB: torch.Tensor
    into_k_DB: torch.Tensor
    directions_CB: torch.Tensor
    """Centroids of queries, of length 1."""

    @classmethod
    def train(cls, keys_KD: torch.Tensor, queries_SD: torch.Tensor, centroids: int) -> "Space":
        size = keys_KD.shape[1]
        generator = torch.Generator().manual_seed(_SEED)
        queries_SD = queries_SD[torch.randperm(len(queries_SD), generator=generator)[: _EACH * centroids]]
        covariance_DD = torch.cov(keys_KD.T)
        ridge_DD = torch.eye(size, device=keys_KD.device) * (covariance_DD.trace() / size * 1e-4 + 1e-12)
        root_DD = torch.linalg.cholesky(covariance_DD + ridge_DD)
        whitened_SD = queries_SD @ root_DD
        turn_DB = torch.linalg.eigh(whitened_SD.T @ whitened_SD)[1].flip(1)[:, : size // 2]
        into_q_DB, into_k_DB = root_DD @ turn_DB, torch.linalg.inv(root_DD).T @ turn_DB
        return cls(keys_KD.mean(0), into_q_DB, into_k_DB, _centroids(queries_SD @ into_q_DB, centroids))

    def short(self, keys_KD: torch.Tensor) -> torch.Tensor:
        """Keys as B numbers, (K, B)."""
        return (keys_KD - self.mean_D) @ self.into_k_DB

    def nearest(self, q_RB: torch.Tensor) -> torch.Tensor:
        """The centroid that each row hashes to, (R,)."""
        return (q_RB @ self.directions_CB.T).argmax(1)


@dataclass(frozen=True)
class _PostingLists:
    """Per centroid, the best token of each of its best blocks so far, the best first."""

    tokens_CL: torch.Tensor
    scores_CL: torch.Tensor

    @classmethod
    def empty(cls, centroids: int, sizes: IndexSizes, device: torch.device) -> "_PostingLists":
        shape = (centroids, sizes.postings)
        tokens_CL = torch.zeros(shape, dtype=torch.int32, device=device)
        return cls(tokens_CL, torch.full(shape, -torch.inf, device=device))

    def offer(self, directions_CB: torch.Tensor, keys_KB: torch.Tensor, first: int) -> None:
        """Let the next tokens, numbered from `first`, replace entries with lower scores."""
        starts_N = first + torch.arange(0, len(keys_KB), BLOCK, dtype=torch.int32, device=keys_KB.device)
        for start in range(0, len(directions_CB), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            scores_CK = directions_CB[part] @ keys_KB.T
            fresh = scores_CK.reshape(len(scores_CK), -1, BLOCK).max(2)
            scores = torch.cat([self.scores_CL[part], fresh.values], 1)
            tokens = torch.cat([self.tokens_CL[part], starts_N + fresh.indices.int()], 1)
            best = scores.topk(self.tokens_CL.shape[1], 1)
            self.scores_CL[part] = best.values
            self.tokens_CL[part] = tokens.gather(1, best.indices)

    def of(self, directions: torch.Tensor, most: int) -> torch.Tensor:
        """The first tokens of these centroids' lists, ascending, each once."""
        tokens = self.tokens_CL[np.unique(directions.cpu().numpy()), :most].cpu().numpy()
        tokens = np.sort(tokens, axis=None)  # much faster than np.unique
        return torch.from_numpy(tokens[np.diff(tokens, prepend=-1) > 0]).long()


@dataclass(frozen=True)
class Nominated:
    """Blocks that a search proposes."""

    blocks: torch.Tensor
    """Ids, the most promising first."""
    looked: int
    """Tokens whose codes or keys were compared, over all pairs."""
    visited: int
    """Blocks that those tokens lie in."""


class Index:
    """Codes and lists of the calibrated pairs' keys, appended to as a document is read.

    Args:
        device: where keys come in; posting lists are kept there, codes in host memory or in files.
        sizes: `DEFAULT` if None.
        folder: where the files of codes lie; None keeps them in memory.
    """

    def __init__(
        self,
        pairs: int,
        dims: int,
        device: torch.device = CPU,
        sizes: IndexSizes | None = None,
        folder: Path | None = None,
    ) -> None:
        self.pairs, self.dims, self.device, self.sizes = pairs, dims, device, sizes or DEFAULT
        self.tokens = 0
        """Those that are indexed."""
        self.waiting: list[torch.Tensor] = []
        """Keys (K, P, D) in bf16 of the tokens behind them."""
        self.sample = _Sample(pairs, dims, device, self.sizes.sample)
        self.observed: list[list[torch.Tensor]] = [[] for _ in range(pairs)]
        """Queries (S, D) in bf16, until it is trained."""
        self.spaces: list[Space] = []
        self.lists: list[_PostingLists] = []
        assert self.sizes.part % self.sizes.batch == 0, "a batch lies in one part"
        self.codes = Codes(pairs, dims // 2, self.sizes.part, folder)

    def add(self, keys_NPTD: torch.Tensor) -> None:
        """Add the next blocks; the first one, the sinks, is like no other and not sampled."""
        keys_NPTD = keys_NPTD.to(torch.bfloat16)
        self.sample.add(keys_NPTD if self.tokens or self.waiting else keys_NPTD[1:])
        self.waiting.append(keys_NPTD.transpose(1, 2).flatten(0, 1))
        if self.trained:
            self._index_waiting()

    def observe(self, pair: int, queries_SD: torch.Tensor) -> None:
        """Collect a pair's queries while the text is read, to train on."""
        self.observed[pair].append(queries_SD.to(torch.bfloat16))

    @property
    def due(self) -> bool:
        """Whether it is time to `train`."""
        return not self.trained and sum(map(len, self.waiting)) >= self.sizes.training_tokens

    @property
    def trained(self) -> bool:
        """Whether there is something to search."""
        return bool(self.spaces)

    def train(self, queries: Sequence[torch.Tensor]) -> None:
        """Train on each pair's observed queries (S, D), and index what has waited."""
        keys_KPD = torch.cat(self.waiting)[: self.sizes.training_tokens].float()
        pairs = zip(keys_KPD.unbind(1), queries, strict=True)
        count = self.sizes.centroids
        self.begin([Space.train(keys_KD, queries_SD.float(), count) for keys_KD, queries_SD in pairs])

    def begin(self, spaces: list[Space]) -> None:
        """Begin with what each pair's queries and keys are measured by, and index what has waited."""
        self.spaces, sizes = spaces, self.sizes
        self.lists = [_PostingLists.empty(len(space.directions_CB), sizes, self.device) for space in spaces]
        self.observed = [[] for _ in spaces]
        self._index_waiting()

    def state(self) -> dict[str, torch.Tensor]:
        """Tensors that `restore` takes back in another process, if `codes` were saved then too."""
        held = {
            "sizes": torch.tensor([self.tokens, self.sample.seen]),
            "crc": torch.tensor(self.codes.crc, dtype=torch.int64),
        }
        for pair, (space, lists) in enumerate(zip(self.spaces, self.lists, strict=True)):
            for part in (space, lists):
                held |= {f"{name}.{pair}": value for name, value in vars(part).items()}
        if self.waiting:
            held["waiting"] = torch.cat(self.waiting)
        held |= {
            f"heard.{pair}": torch.cat(observed) for pair, observed in enumerate(self.observed) if observed
        }
        return held | {"sample": self.sample.keys_NPTD}

    def restore(self, held: dict[str, torch.Tensor]) -> None:
        """Take back what `state` gave.

        Raises:
            TornContext: if the codes in the index's folder are not those that belong to it.
        """
        self.tokens, self.sample.seen = held["sizes"].tolist()
        self.codes.restore(self.tokens, held["crc"].tolist())
        held = {name: x.to(self.device) for name, x in held.items()}
        for pair in range(self.pairs if self.tokens else 0):
            part = {name.removesuffix(f".{pair}"): x for name, x in held.items() if name.endswith(f".{pair}")}
            self.spaces.append(Space(**{name: part[name] for name in Space.__dataclass_fields__}))
            self.lists.append(
                _PostingLists(**{name: part[name] for name in _PostingLists.__dataclass_fields__})
            )
        names = [f"heard.{pair}" for pair in range(self.pairs)]
        self.observed = [[held[name]] if name in held else [] for name in names]
        self.waiting = [held["waiting"]] if "waiting" in held else []
        self.sample.keys_NPTD = held["sample"]

    def nominate(
        self,
        rows: Sequence[torch.Tensor],
        baseline: Sequence[Baseline],
        most: int,
        flat: bool,
    ) -> Nominated:
        """Blocks to look at exactly.

        Args:
            rows: per pair, queries (R, D).
            baseline: per pair, mean and deviation of the scores of the whole text's blocks.
            most: number of blocks.
            flat: scan every code rather than the posting lists that the rows hash to.
        """
        assert self.trained, "a search needs a trained index"
        vote_N, looked = torch.zeros((self.tokens + self._waiting_tokens()) // BLOCK), 0
        seen_N = torch.zeros(len(vote_N), dtype=torch.bool)
        for pair, rows_RD in enumerate(rows):
            blocks_N, best_RN, at = self._look(pair, rows_RD, flat)
            vote_N[blocks_N] += total_votes(best_RN, *baseline[pair])
            seen_N[blocks_N] = True
            looked += at
        best = vote_N.topk(min(most, int(seen_N.sum()))).indices
        return Nominated(best[seen_N[best]], looked, int(seen_N.sum()))

    def _look(self, pair: int, rows_RD: torch.Tensor, flat: bool) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Blocks (N,), each row's score of them (R, N), and how many tokens that took.

        Scores are estimates, but exact for tokens that wait.
        """
        space, rows_RD = self.spaces[pair], rows_RD.to(self.device)
        q_RB = rows_RD @ space.into_q_DB
        blocks_N, coded_RN, looked = self._scanned(pair, q_RB) if flat else self._listed(pair, q_RB)
        best_RN = coded_RN.mul_(_STEP).add_((rows_RD @ space.mean_D)[:, None].cpu())
        if not self.waiting:
            return blocks_N, best_RN, looked
        waiting_KD = torch.cat([keys_KPD[:, pair] for keys_KPD in self.waiting])
        waiting_RN = greatest(rows_RD, waiting_KD.reshape(-1, BLOCK, self.dims)).cpu()
        waiting_N = torch.arange(self.tokens // BLOCK, (self.tokens + self._waiting_tokens()) // BLOCK)
        best_RN = torch.cat([best_RN, waiting_RN], 1)
        return torch.cat([blocks_N, waiting_N]), best_RN, looked + self._waiting_tokens()

    def _scanned(self, pair: int, q_RB: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Every indexed block."""
        best = [
            greatest(q_RB.cpu(), codes_KB.float().reshape(-1, BLOCK, self.dims // 2))
            for codes_KB in self.codes.scan(pair, self.tokens)
        ]
        return torch.arange(self.tokens // BLOCK), torch.cat(best, 1), self.tokens

    def _listed(self, pair: int, q_RB: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Blocks of the tokens in the posting lists that the rows hash to."""
        most = round(self.sizes.looked * math.log2(max(2, self.tokens // BLOCK)))
        tokens_K = self.lists[pair].of(self.spaces[pair].nearest(q_RB), most)
        codes_KB = self.codes.of(pair, tokens_K)
        blocks_N, place_K = torch.unique_consecutive(tokens_K // BLOCK, return_inverse=True)
        scores_KR = codes_KB.float() @ q_RB.cpu().T
        best_NR = torch.full((len(blocks_N), len(q_RB)), -torch.inf)
        best_NR.scatter_reduce_(0, place_K[:, None].expand_as(scores_KR), scores_KR, "amax")
        return blocks_N, best_NR.T, len(tokens_K)

    def _waiting_tokens(self) -> int:
        """Tokens that wait to be indexed."""
        return sum(map(len, self.waiting))

    def _index_waiting(self) -> None:
        """Index tokens that have waited, in whole batches."""
        while self._waiting_tokens() >= (batch := self.sizes.batch):
            keys_KPD = torch.cat(self.waiting)
            self._take(keys_KPD[:batch].float())
            rest = keys_KPD[batch:]
            self.waiting = [rest] if len(rest) else []

    def _take(self, keys_KPD: torch.Tensor) -> None:
        short = [space.short(keys_KPD[:, pair]) for pair, space in enumerate(self.spaces)]
        codes = [(short_KB / _STEP).round_().clamp_(-127, 127).to(torch.int8) for short_KB in short]
        self.codes.put(torch.stack(codes).cpu(), self.tokens)
        for space, lists, short_KB in zip(self.spaces, self.lists, short, strict=True):
            lists.offer(space.directions_CB, short_KB, self.tokens)
        self.tokens += len(keys_KPD)


class _Sample:
    """A uniform sample of blocks (Vitter 1985, algorithm R): the baseline of scores."""

    def __init__(self, pairs: int, dims: int, device: torch.device, size: int) -> None:
        self.seen, self.size = 0, size
        self.keys_NPTD = torch.zeros(0, pairs, BLOCK, dims, dtype=torch.bfloat16, device=device)

    def add(self, keys_NPTD: torch.Tensor) -> None:
        fresh = keys_NPTD[: max(0, self.size - self.seen)]
        self.keys_NPTD = torch.cat([self.keys_NPTD, fresh])
        self.seen += len(fresh)
        for block_PTD in keys_NPTD[len(fresh) :]:
            self.seen += 1
            random = np.random.default_rng((_SEED, self.seen))  # a sample that was saved goes on the same
            if (place := int(random.integers(self.seen))) < self.size:
                self.keys_NPTD[place] = block_PTD


def _centroids(q_SB: torch.Tensor, count: int) -> torch.Tensor:
    """Spherical k-means (Dhillon and Modha 2001) of queries, (C, B)."""
    q_SB = torch.nn.functional.normalize(q_SB, dim=1)
    directions_CB = q_SB[torch.arange(count) % len(q_SB)]  # they come in no order
    for _ in range(_ROUNDS):
        nearest_S = torch.cat([(part @ directions_CB.T).argmax(1) for part in torch.split(q_SB, _COMPARED)])
        sums_CB = torch.zeros_like(directions_CB).index_add_(0, nearest_S, q_SB)
        used_C = torch.bincount(nearest_S, minlength=count) > 0
        directions_CB[used_C] = torch.nn.functional.normalize(sums_CB[used_C], dim=1)
    return directions_CB
