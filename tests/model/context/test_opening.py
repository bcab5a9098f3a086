"""An answer completes the sentence that a question began. Run: pytest tests/model/context/test_opening.py"""

import pytest
import torch

from model.context.opening import completing
from model.reader import Reader, greedy
from tests.model.facts import ids_of


@pytest.mark.parametrize(
    ("question", "kept"),
    [("Its number is", False), ("Of all these,", False), ("What is its number?", True), ("Answer:", True)],
)
def test_a_line_is_broken_only_where_no_sentence_is_open(reader: Reader, question: str, kept: bool) -> None:
    breaks, ends, goes_on = ids_of(reader, "\n")[0], min(reader.stops), ids_of(reader, " 48213")[0]
    logits_1V = torch.zeros(1, reader.model.config.vocab_size)
    logits_1V[0, [breaks, ends, goes_on]] = torch.tensor([3.0, 2.0, 1.0])
    pick = completing(greedy, reader.tokenizer, ids_of(reader, question), reader.stops)
    assert pick(logits_1V) == (breaks if kept else goes_on)
    assert pick(logits_1V) == breaks, "only the first token is held back"
    assert float(logits_1V.max()) == 3.0, "what others see of the logits is as the model gave it"
