"""Sentence vectors: unit length, in order, whatever the batch, and near where texts mean the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedModel, RobertaConfig, RobertaModel

from model.embed.embedder import Embedder
from model.embed.projection import DIMS, projection
from model.embed.question import Bert, load_question_embedder

TEXTS = [
    "A cat sleeps on the sofa.",
    "The supplier shall indemnify the buyer against all claims of third parties.",
    "A kitten naps on the couch.",
    "Interest rates rose again.",
]


@pytest.fixture(scope="module")
def embedder(embedder_dir: Path) -> Embedder:
    return Embedder(embedder_dir)


def test_vectors_are_unit_float32_of_256_dimensions(embedder: Embedder) -> None:
    vectors = embedder.encode(TEXTS)
    assert vectors.shape == (4, DIMS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, DIMS)


def test_texts_that_mean_the_same_are_nearer_than_texts_that_do_not(embedder: Embedder) -> None:
    cosines = embedder.encode(TEXTS) @ embedder.encode(TEXTS).T
    assert cosines[0, 2] > 0.6 > 0.4 > max(cosines[0, 1], cosines[0, 3], cosines[1, 3])


def test_a_text_has_one_vector_whatever_stands_beside_it(embedder: Embedder) -> None:
    """Batches are sorted by length and padded; neither may show, nor may the order change."""
    many = [f"{text} {'again ' * (7 * number % 50)}" for number, text in enumerate(TEXTS * 12)]
    together = embedder.encode(many)
    for row in range(0, len(many), 7):
        assert embedder.encode([many[row]])[0] == pytest.approx(together[row], abs=1e-5)
    assert np.array_equal(together, embedder.encode(many))


def test_text_past_256_tokens_is_not_seen(embedder: Embedder) -> None:
    long, longer = "word " * 300, "word " * 300 + "zebra crossing"
    one, other = embedder.encode([long, longer])
    assert one == pytest.approx(other, abs=1e-6)


def test_an_empty_text_and_a_control_token_are_only_text(embedder: Embedder) -> None:
    vectors = embedder.encode(["", "[SEP]", "a [SEP] b", "\x00"])
    assert np.isfinite(vectors).all()
    assert (
        embedder.tokenizer.sep_token_id
        not in embedder.tokenizer("[SEP]", add_special_tokens=False, split_special_tokens=True)["input_ids"]
    )


def test_the_turn_to_256_dimensions_keeps_cosines(embedder: Embedder) -> None:
    """Against the encoder's own 384 dimensions, by its own recipe: mean over tokens, unit length."""
    batch = embedder.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = embedder.model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    full = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()
    turned = embedder.encode(TEXTS)
    assert turned @ turned.T == pytest.approx(full @ full.T, abs=0.1)


@pytest.mark.parametrize("width", [384, 256, 32])
def test_the_projection_is_orthonormal_and_fixed(width: int) -> None:
    matrix = projection(width)
    assert matrix.shape == (width, DIMS)
    small = matrix.T @ matrix if width >= DIMS else matrix @ matrix.T
    assert np.allclose(small, np.eye(min(width, DIMS)), atol=1e-5)
    assert np.array_equal(matrix, projection(width))


def test_a_folder_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        Embedder(tmp_path)


def test_a_question_has_the_same_vector_without_torch(embedder: Embedder, embedder_dir: Path) -> None:
    texts = [*TEXTS, "", "[SEP]", "a [SEP] b", "\x00", "Was kostet eine Öffnung? 東京", "word " * 300]
    assert Bert(embedder_dir).encode(texts) == pytest.approx(embedder.encode(texts), abs=1e-5)


SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.mark.parametrize(
    "encoder",
    [
        pytest.param(lambda: RobertaModel(RobertaConfig(vocab_size=30522, **SMALL)), id="roberta"),
        pytest.param(lambda: BertModel(BertConfig(**SMALL)).to(torch.bfloat16), id="bert in bf16"),
    ],
)
def test_an_encoder_of_another_kind_embeds_questions_too(
    encoder: Callable[[], PreTrainedModel], tmp_path: Path, embedder_dir: Path
) -> None:
    encoder().save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(embedder_dir / name, tmp_path / name)
    vectors = load_question_embedder(str(tmp_path))(TEXTS)
    assert np.array_equal(vectors, Embedder(tmp_path).encode(TEXTS))
