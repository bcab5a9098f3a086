"""A reader as the settings describe it: model, voting heads, budgets and directory, made into an engine.

The idea: the gateway's own reader and one behind gRPC are made here alike.
"""

from pathlib import Path

from model.context.voting import voting_of
from model.context.wording import Wording
from tasks.infer.models import Models
from tasks.serve.directory.base import Directory
from tasks.serve.engine import Engine, Limits
from tasks.settings import InferConfig, ServeConfig


def engine(
    home: Path, infer: InferConfig, stride: int, serve: ServeConfig, directory: Directory, node: str
) -> Engine:
    """An engine that has begun to work; a model that was never calibrated is calibrated first.

    Args:
        stride: tokens of a chunk, half a window.
        node: the address by which others reach it.
    """
    models = Models(home, infer, stride)
    reader = models.reader
    heads = voting_of(reader, Wording(reader.tokenizer))
    limits = Limits(serve.queue, serve.batch, serve.contexts, serve.contexts_mb << 20)
    return Engine(reader, heads, models.folder, home, directory, node, limits)
