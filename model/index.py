"""The index of a context: which blocks might hold what a question looks for, without looking at all of them.

The idea: three steps, each narrower than the one before. 2,048 centroids route a query to a
few posting lists of tokens; sign codes of those tokens nominate blocks; exact products of queries and keys
decide (that last step is `model.recall`'s). Codes nominate, they never decide.

Posting lists stand in segments that double in size as a log-structured merge tree's do, and a query looks at
a fixed number of tokens in each, so the work grows with the logarithm of the length. A flat scan of all codes
is the middle path between the lists and the exact scan.

Sign codes: Charikar 2002, "Similarity estimation techniques from rounding algorithms", with random orthogonal
directions (Yu et al. 2014, "Circulant binary embedding", section 2) and queries kept at full precision.
Segments: O'Neil et al. 1996, "The log-structured merge-tree".

Shape suffixes: N blocks, P pairs of (layer, key/value head), T tokens of a block, K tokens, R rows (one
voting head and one token of the question each), C centroids, B bits of a code, W its bytes, D head size.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.vote import votes

BLOCK = 64
"""Tokens of a block: the unit of recall and of tiering."""
BITS = 256
CENTROIDS = 2048
FIRST = 1 << 16
"""Tokens of the smallest segment; a shorter context is scanned exactly, which is as fast."""
LOOK = 4096
"""Tokens looked at in every segment, for every pair."""
_ARRAYS = ("tokens", "codes", "norms", "centroids")
_SAMPLE = 192
_ROUNDS = 4
_SEED = 7


@dataclass
class _Segment:
    """Consecutive tokens' codes, sorted by centroid; one array per pair."""

    tokens: list[np.ndarray]
    codes: list[np.ndarray]
    norms: list[np.ndarray]
    centroids: list[np.ndarray]
    """Of every token, ascending: uint16."""

    def __len__(self) -> int:
        return len(self.tokens[0])


@dataclass(frozen=True)
class _Space:
    """Where codes and lists are measured from, learned from the first segment."""

    mean_PD: torch.Tensor
    centroids_PCD: torch.Tensor


@dataclass(frozen=True)
class Nominated:
    """Blocks that a search proposes."""

    blocks: torch.Tensor
    """Ids, the most promising first."""
    looked: int
    """Tokens whose codes were compared, over all pairs."""
    visited: int
    """Blocks that those tokens lie in."""


class Index:
    """Codes and posting lists of the calibrated pairs' keys, appended to as a document is read."""

    def __init__(self, pairs: int, dims: int) -> None:
        self.pairs, self.dims = pairs, dims
        self.tokens = 0
        self.segments: list[_Segment] = []
        self.waiting: list[torch.Tensor] = []
        """Keys (K, P, D) in bf16 that wait until a segment is full."""
        self.sample = _Sample(_SAMPLE)
        self.rotation_DB = _orthogonal(dims)
        self.space: _Space | None = None

    def add(self, keys_NPTD: torch.Tensor) -> None:
        """Take the next blocks in."""
        keys_NPTD = keys_NPTD.cpu()
        self.sample.add(keys_NPTD)
        keys_KPD = keys_NPTD.transpose(1, 2).flatten(0, 1).to(torch.bfloat16)
        self.waiting.append(keys_KPD)
        if sum(map(len, self.waiting)) >= FIRST:
            full = torch.cat(self.waiting)
            for start in range(0, len(full) - FIRST + 1, FIRST):
                self._seal(full[start : start + FIRST].float())
            rest = full[len(full) // FIRST * FIRST :]
            self.waiting = [rest] if len(rest) else []

    @property
    def ready(self) -> bool:
        """Whether there is a segment to look into."""
        return bool(self.segments)

    def state(self) -> dict[str, torch.Tensor]:
        """Tensors that `restore` takes back in another process."""
        held = {"sizes": torch.tensor([self.tokens, self.sample.seen, len(self.segments)])}
        for number, segment in enumerate(self.segments):
            for name in _ARRAYS:
                for pair, values in enumerate(getattr(segment, name)):
                    held[f"{number}.{name}.{pair}"] = torch.from_numpy(values)
        if self.space is not None:
            held |= {"mean": self.space.mean_PD, "centroids": self.space.centroids_PCD}
        if self.waiting:
            held["waiting"] = torch.cat(self.waiting)
        if self.sample.blocks:
            held["sample"] = torch.stack(self.sample.blocks)
        return held

    def restore(self, held: dict[str, torch.Tensor]) -> None:
        """Take back what `state` gave."""
        self.tokens, self.sample.seen, segments = held["sizes"].tolist()
        for number in range(segments):
            arrays = [
                [held[f"{number}.{name}.{pair}"].numpy() for pair in range(self.pairs)] for name in _ARRAYS
            ]
            self.segments.append(_Segment(*arrays))
        if "mean" in held:
            self.space = _Space(held["mean"], held["centroids"])
        self.waiting = [held["waiting"]] if "waiting" in held else []
        self.sample.blocks = list(held["sample"]) if "sample" in held else []

    def nominate(
        self, rows: list[torch.Tensor], heads: list[torch.Tensor], most: int, flat: bool
    ) -> Nominated:
        """Blocks to look at exactly.

        Args:
            rows: per pair, queries (R, D).
            heads: per pair, which voting head each row belongs to, (R,).
            most: number of blocks.
            flat: scan every code rather than the lists that the centroids route to.
        """
        sample_PKD = self.sample.keys_NPTD().transpose(0, 1).flatten(1, 2)
        given: list[tuple[np.ndarray, np.ndarray]] = []
        looked = 0
        for pair in range(self.pairs):
            tokens, scores_RK = self._look(pair, rows[pair], flat)
            looked += len(tokens)
            for vote_K in votes(scores_RK, rows[pair] @ sample_PKD[pair].T, heads[pair]):
                given.append((tokens // BLOCK, vote_K.numpy()))
        return _tally(given, most, looked)

    def _look(self, pair: int, rows_RD: torch.Tensor, flat: bool) -> tuple[np.ndarray, torch.Tensor]:
        """Tokens looked at and their estimated scores (R, K); a waiting token is scored by its key."""
        assert self.space is not None, "a search needs a segment"
        tokens, scores = [], []
        rotated_RB = rows_RD @ self.rotation_DB
        offset_R = rows_RD @ self.space.mean_PD[pair]
        order = _promising(rows_RD @ self.space.centroids_PCD[pair].T)
        for segment in self.segments:
            for part in [slice(None)] if flat else _lists(segment, pair, order):
                tokens.append(segment.tokens[pair][part])
                estimate_RK = rotated_RB @ _signs(segment.codes[pair][part]).T
                norms_K = torch.from_numpy(segment.norms[pair][part]).float()
                scores.append(estimate_RK * (norms_K * _GAIN) + offset_R[:, None])
        if self.waiting:
            waiting_KD = torch.cat([keys[:, pair] for keys in self.waiting]).float()
            tokens.append(np.arange(self.tokens, self.tokens + len(waiting_KD), dtype=np.int32))
            scores.append(rows_RD @ waiting_KD.T)
        return np.concatenate(tokens), torch.cat(scores, 1)

    def _seal(self, keys_KPD: torch.Tensor) -> None:
        """Turn the next `FIRST` tokens into a segment, and merge segments of one size."""
        if self.space is None:
            centroids = [_centroids(keys_KPD[:, pair]) for pair in range(self.pairs)]
            self.space = _Space(keys_KPD.mean(0), torch.stack(centroids))
        self.segments.append(self._segment(keys_KPD, self.space))
        self.tokens += len(keys_KPD)
        while len(self.segments) > 1 and len(self.segments[-2]) <= len(self.segments[-1]):
            last = self.segments.pop()
            self.segments.append(_merged(self.segments.pop(), last))

    def _segment(self, keys_KPD: torch.Tensor, space: _Space) -> _Segment:
        fresh = _Segment([], [], [], [])
        tokens = np.arange(self.tokens, self.tokens + len(keys_KPD), dtype=np.int32)
        for pair in range(self.pairs):
            keys_KD = keys_KPD[:, pair]
            nearest = _nearest(keys_KD, space.centroids_PCD[pair]).numpy().astype(np.uint16)
            centred_KD = keys_KD - space.mean_PD[pair]
            codes = np.packbits((centred_KD @ self.rotation_DB).numpy() > 0, axis=1)
            order = np.argsort(nearest, kind="stable")
            fresh.tokens.append(tokens[order])
            fresh.codes.append(codes[order])
            fresh.norms.append(centred_KD.norm(dim=1).numpy().astype(np.float16)[order])
            fresh.centroids.append(nearest[order])
        return fresh


class _Sample:
    """A uniform sample of blocks (Vitter 1985, algorithm R): what a score is usually like."""

    def __init__(self, most: int) -> None:
        self.most, self.seen = most, 0
        self.blocks: list[torch.Tensor] = []
        self.random = np.random.default_rng(_SEED)

    def add(self, keys_NPTD: torch.Tensor) -> None:
        for block in keys_NPTD.to(torch.bfloat16):
            self.seen += 1
            if len(self.blocks) < self.most:
                self.blocks.append(block.clone())
            elif (place := int(self.random.integers(self.seen))) < self.most:
                self.blocks[place] = block.clone()

    def keys_NPTD(self) -> torch.Tensor:
        return torch.stack(self.blocks).float()


_GAIN = (torch.pi / 2) ** 0.5 / BITS
"""E[sign(r k) r q] for a random direction r is sqrt(2/pi) (q k)/|k|: the inverse, per bit, before |k|."""


def _orthogonal(dims: int) -> torch.Tensor:
    """Random directions (D, B), orthogonal within every D of them, of length sqrt(D) as Gaussians have."""
    generator = torch.Generator().manual_seed(_SEED)
    turns = [
        torch.linalg.qr(torch.randn(dims, dims, generator=generator))[0] for _ in range(-(-BITS // dims))
    ]
    directions_DB: torch.Tensor = torch.cat(turns, 1)[:, :BITS] * dims**0.5
    return directions_DB


def _signs(codes_KW: np.ndarray) -> torch.Tensor:
    """Codes as -1 and 1, (K, B) fp32."""
    return torch.from_numpy(np.unpackbits(codes_KW, axis=1)).float() * 2 - 1


def _centroids(keys_KD: torch.Tensor) -> torch.Tensor:
    """k-means (Lloyd 1982) over a sample of keys, (C, D)."""
    generator = torch.Generator().manual_seed(_SEED)
    sample_KD = keys_KD[torch.randperm(len(keys_KD), generator=generator)[: 16 * CENTROIDS]]
    centroids_CD = sample_KD[:CENTROIDS].clone()
    for _ in range(_ROUNDS):
        nearest_K = _nearest(sample_KD, centroids_CD)
        counts_C = torch.bincount(nearest_K, minlength=CENTROIDS)
        sums_CD = torch.zeros_like(centroids_CD).index_add_(0, nearest_K, sample_KD)
        used_C = counts_C > 0
        centroids_CD[used_C] = sums_CD[used_C] / counts_C[used_C, None]
    return centroids_CD


def _nearest(keys_KD: torch.Tensor, centroids_CD: torch.Tensor) -> torch.Tensor:
    """Centroid nearest to every key, (K,)."""
    bias_C = -0.5 * (centroids_CD**2).sum(1)
    return torch.cat(
        [torch.addmm(bias_C, part, centroids_CD.T).argmax(1) for part in torch.split(keys_KD, 8192)]
    )


def _promising(promise_RC: torch.Tensor) -> np.ndarray:
    """Centroids (C,), those first that stand out most for any row."""
    z_RC = (promise_RC - promise_RC.mean(1, keepdim=True)) / promise_RC.std(1, keepdim=True)
    order_C: np.ndarray = z_RC.amax(0).argsort(descending=True).numpy()
    return order_C


def _lists(segment: _Segment, pair: int, order_C: np.ndarray) -> list[slice]:
    """Posting lists in order, until `LOOK` tokens are reached; none takes more than an eighth of them."""
    starts = np.searchsorted(segment.centroids[pair], np.arange(CENTROIDS + 1))
    sizes_C = np.minimum(starts[order_C + 1] - starts[order_C], LOOK // 8)
    last = int(np.searchsorted(np.cumsum(sizes_C), LOOK)) + 1
    chosen = zip(starts[order_C[:last]].tolist(), sizes_C[:last].tolist(), strict=True)
    return [slice(start, start + size) for start, size in chosen if size]


def _merged(first: _Segment, second: _Segment) -> _Segment:
    """Two neighbouring segments as one, pair by pair so that little is held twice."""
    merged = _Segment([], [], [], [])
    for pair in range(len(first.tokens)):
        centroids = np.concatenate([first.centroids[pair], second.centroids[pair]])
        order = np.argsort(centroids, kind="stable")
        merged.centroids.append(centroids[order])
        for name in ("tokens", "codes", "norms"):
            one, two = getattr(first, name), getattr(second, name)
            getattr(merged, name).append(np.concatenate([one[pair], two[pair]])[order])
            one[pair] = two[pair] = one[pair][:0]
    return merged


def _tally(given: list[tuple[np.ndarray, np.ndarray]], most: int, looked: int) -> Nominated:
    """Sum of each block's best token, over (blocks, votes) of every token that a head looked at."""
    blocks_N = np.unique(np.concatenate([block_K for block_K, _ in given]))
    total_N = np.zeros(len(blocks_N), np.float32)
    for block_K, vote_K in given:
        best_N = np.zeros_like(total_N)
        np.maximum.at(best_N, np.searchsorted(blocks_N, block_K), vote_K)
        total_N += best_N
    best = np.argsort(-total_N, kind="stable")[:most]
    return Nominated(torch.from_numpy(blocks_N[best].astype(np.int64)), looked, len(blocks_N))
