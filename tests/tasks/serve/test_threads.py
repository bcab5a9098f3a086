"""What other threads ask of the engine never depends on what its own is at."""

from tasks.serve.embedded import Embedded
from tasks.serve.engine import Engine
from tests.tasks.serve.readers import NAME, answered, text_of


def test_a_heartbeat_while_only_some_layers_run_leaves_a_context_whole(engine: Engine) -> None:
    door = Embedded(engine)
    door.read(NAME, [text_of(60)])
    (hot,) = engine.contexts.hot.values()
    del hot.context.recompute
    with hot.context.reader.depth(1):  # as a context is read that is only asked
        taken = hot.bytes
    assert taken == hot.bytes
    text, done = answered(door, NAME, "How many pages did the 7th keeper write?")
    assert done.tokens > 1
    assert text
