"""Online clustering of what was said. Run: pytest tests/tasks/memory/sessions/test_clusters.py"""

import numpy as np
import pytest

from tasks.memory.sessions.clusters import Clusters, Eviction, Tuning


def around(random: np.random.Generator, middle: np.ndarray, noise: float) -> np.ndarray:
    vector = middle + noise * random.normal(size=middle.shape) / np.sqrt(len(middle))
    unit: np.ndarray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def directions(count: int) -> list[np.ndarray]:
    return list(np.eye(256, dtype=np.float32)[:count])


def test_what_says_the_same_shares_a_vector_and_its_mean() -> None:
    random, clusters = np.random.default_rng(0), Clusters(256, Tuning(near=0.8))
    said = [
        (topic, around(random, middle, 0.3)) for _ in range(20) for topic, middle in enumerate(directions(5))
    ]
    joined = [(topic, clusters.add(vector, 1)) for topic, vector in said]
    assert len(clusters) == 5
    assert len(set(joined)) == 5
    for topic, middle in enumerate(directions(5)):
        cosines = {ident: float(clusters.vector(ident) @ middle) for _, ident in joined}
        best = max(cosines, key=lambda ident: cosines[ident])
        assert (topic, best) in joined
        assert cosines[best] > 0.98  # nearer than any of its members, which are about 0.96


def test_a_member_that_leaves_takes_its_part_with_it() -> None:
    random, clusters = np.random.default_rng(1), Clusters(256, Tuning(near=0.5))
    stays, leaves = (around(random, directions(1)[0], 0.4) for _ in range(2))
    ident = clusters.add(stays, 1)
    assert clusters.add(leaves, 1) == ident
    clusters.remove(ident, leaves)
    assert clusters.vector(ident) @ stays == pytest.approx(1.0, abs=1e-5)
    clusters.remove(ident, stays)
    assert len(clusters) == 0
    assert clusters.gone == {ident}


@pytest.mark.parametrize(("eviction", "gone"), [("lru", 1), ("similarity", 12), ("both", 1)])
def test_who_is_evicted(eviction: Eviction, gone: int) -> None:
    """Cluster 0 was used again, 1 is the oldest, 12 is the one least like what is being said."""
    clusters = Clusters(256, Tuning(most=16, near=0.99, eviction=eviction))
    middles = directions(17)
    topic = middles[16]
    for clock, middle in enumerate(middles[:16]):
        mixed = middle - topic if clock == 12 else middle + topic
        clusters.add(mixed / np.linalg.norm(mixed), clock)
    clusters.touch([0], 20)
    assert clusters.evicted() is None
    clusters.add(topic, 21)
    assert clusters.evicted() == gone


def test_it_is_the_same_after_it_was_stored() -> None:
    random, clusters = np.random.default_rng(2), Clusters(256, Tuning(near=0.8))
    idents = {clusters.add(around(random, middle, 0.3), 1) for middle in directions(100) * 2}
    again = Clusters(256, clusters.tuning)
    again.restore([clusters.stored(ident) for ident in idents], clusters.next_id)
    question = around(random, directions(1)[0], 0.3)
    assert all((again.vector(one) == clusters.vector(one)).all() for one in idents)
    assert again.add(question, 2) == clusters.add(question, 2)
