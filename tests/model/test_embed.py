"""Sentence vectors: unit length, in order, whatever the batch, and near where texts mean the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, PreTrainedModel, RobertaConfig, RobertaModel

from model import weights
from model.embed.embedder import Embedder
from model.embed.projection import DIMS, projection
from model.embed.question import Bert, load_question_embedder, readable

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


POOLED = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "last": "pooling_mode_lasttoken",
}


def encoder_folder(folder: Path, embedder_dir: Path, pooling: str = "mean", prompts: Any = None) -> Path:
    """A small BERT laid out as sentence encoders are, with a dense layer behind the pooling."""
    torch.manual_seed(0)
    BertModel(BertConfig(**SMALL)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(embedder_dir / name, folder / name)
    modules = [{"type": f"st.models.{kind}", "path": path} for kind, path in (("Pooling", "1_Pooling"),)]
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({POOLED[pooling]: True}))
    (folder / "modules.json").write_text(json.dumps(modules))
    if prompts:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    return folder


@pytest.mark.parametrize("pooling", list(POOLED))
def test_states_are_pooled_as_the_folder_says(pooling: str, tmp_path: Path, embedder_dir: Path) -> None:
    made = Embedder(encoder_folder(tmp_path, embedder_dir, pooling))
    batch = made.tokenizer(TEXTS[:1], return_tensors="pt")
    with torch.inference_mode():
        hidden = made.model(**batch).last_hidden_state[0]
    pooled = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0), "last": hidden[-1]}[pooling]
    wanted = torch.nn.functional.normalize(pooled @ made.projection, dim=-1).numpy()
    assert made.encode(TEXTS)[0] == pytest.approx(wanted, abs=1e-5)
    assert load_question_embedder(str(tmp_path))(TEXTS)[0] == pytest.approx(wanted, abs=1e-5)


def test_other_weights_in_the_same_folder_are_another_model(tmp_path: Path, embedder_dir: Path) -> None:
    folder = encoder_folder(tmp_path, embedder_dir)
    before, mark = load_question_embedder(str(folder))(["Text"]), weights.fingerprint(folder)
    torch.manual_seed(1)
    BertModel(BertConfig(**SMALL)).save_pretrained(folder)
    assert weights.fingerprint(folder) != mark
    assert not np.allclose(load_question_embedder(str(folder))(["Text"]), before, atol=0.01)


def test_a_dense_layer_stands_behind_the_pooling(tmp_path: Path, embedder_dir: Path) -> None:
    folder = encoder_folder(tmp_path, embedder_dir)
    plain = Embedder(folder).encode(TEXTS)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(
        json.dumps([*modules, {"type": "st.models.Dense", "path": "2_Dense"}])
    )
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text(
        json.dumps({"activation_function": "torch.nn.modules.linear.Identity"})
    )
    weight = torch.linalg.qr(torch.randn(32, 32))[0].contiguous()  # turns, and so keeps cosines
    save_file(
        {"linear.weight": weight, "linear.bias": torch.zeros(32)}, folder / "2_Dense" / "model.safetensors"
    )
    turned = Embedder(folder).encode(TEXTS)
    assert turned @ turned.T == pytest.approx(plain @ plain.T, abs=1e-4)
    assert not np.allclose(turned, plain, atol=0.1)


@pytest.mark.parametrize("name", ["multilingual-e5-small", "mine"])
def test_questions_and_texts_have_the_prompts_of_their_encoder(
    name: str, tmp_path: Path, embedder_dir: Path
) -> None:
    prompts = {"query": "query: ", "passage": "passage: "} if name == "mine" else None
    (tmp_path / name).mkdir()
    folder = encoder_folder(tmp_path / name, embedder_dir, prompts=prompts)
    plain = Embedder(encoder_folder(tmp_path, embedder_dir))
    assert np.allclose(Embedder(folder).encode(["Text"]), plain.encode(["passage: Text"]), atol=1e-6)
    asked = load_question_embedder(str(folder))(["Text"])
    assert asked == pytest.approx(plain.encode(["query: Text"]), abs=1e-5)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Where is the sextant?", True),
        ("Où est le sextant ?", True),
        ("六分仪由谁保管？", False),
        ("เครื่องวัดมุมอยู่ที่ไหน", False),
        ("육분의는 어디에 있습니까?", False),
        ("Где хранится секстант?", False),
        ("أين توجد السدسية؟", False),
    ],
)
def test_an_embedder_of_english_says_what_it_cannot_read(text: str, read: bool) -> None:
    assert readable("")(text) is read
