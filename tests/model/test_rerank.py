"""Re-ranking: passages that answer come first, and nothing depends on what is read beside or before."""

from itertools import product

import pytest
import torch

from model.reader import Reader
from model.rerank.choose import Trial, choose, quality
from model.rerank.passages import OWN_TOKENS, QUESTION_TOKENS, Encoder, Passage, alike
from model.rerank.reading import Rereader, Watched
from model.rerank.score import attention, likelihood, scores

LISBON = Passage(
    "Mary: How have you been?\n",
    "Tom: I moved to Lisbon in March, for a job at a bakery.",
    "\nMary: Good for you!",
)
PASSAGES = [
    Passage(
        "", "Tom: My dog is called Rex. He likes the beach, in summer as well as in winter.", "\nMary: Oh."
    ),
    LISBON,
    Passage("Tom: Rain again.\n", "Mary: Did you see the match last night? I fell asleep in the middle.", ""),
    Passage("", "Tom: What a day!", "\nMary: Yes."),
    Passage("", "Mary: My brother paints boats in the harbour, and he sells some of them to tourists.", ""),
]
QUESTION = "Why did Tom move to Lisbon?"
SOME = [(17, 7), (17, 3), (12, 0)]


@pytest.fixture(scope="module")
def rereader(reader: Reader) -> Rereader:
    return Rereader(reader, SOME)


def test_attention_and_likelihood_are_those_of_the_whole_prompt_in_one_pass(
    reader: Reader, rereader: Rereader
) -> None:
    watched = rereader.watch(QUESTION, PASSAGES)
    tokens, asked = rereader.encoder.passage(LISBON), rereader.encoder.question(QUESTION)
    count = len(asked) - 1
    with reader.dense("eager"), torch.inference_mode():
        output = reader.model(input_ids=torch.tensor([[*tokens.ids, *asked]]), output_attentions=True)
    for place, (layer, head) in enumerate(SOME):
        paid = output.attentions[layer][0, head, -count:, tokens.start : tokens.stop].sum(1).mean()
        assert float(watched.mass_CN[1, place]) == pytest.approx(float(paid), rel=0.02)
    logp_QV = output.logits[0, -count - 1 : -1].log_softmax(-1)
    expected_Q = logp_QV.gather(1, torch.tensor(asked[1:])[:, None])[:, 0]
    assert watched.logp_CQ is not None
    assert float((watched.logp_CQ[1] - expected_Q).abs().max()) < 0.05  # keys are kept in bf16


def test_the_passage_that_answers_is_ranked_above_the_others(rereader: Rereader) -> None:
    watched = rereader.watch(QUESTION, PASSAGES)
    assert watched.logp_CQ is not None
    for part in (attention(watched.mass_CN), likelihood(watched.logp_CQ), torch.tensor(scores(watched))):
        assert int(part.argmax()) == 1


def test_neither_batches_nor_what_was_read_before_change_anything(reader: Reader, rereader: Rereader) -> None:
    together = rereader.watch(QUESTION, PASSAGES)
    again = rereader.watch(QUESTION, PASSAGES[::-1])
    assert together.logp_CQ is not None
    assert again.logp_CQ is not None
    assert torch.allclose(again.mass_CN.flip(0), together.mass_CN, atol=1e-5)
    forgetful = Rereader(reader, SOME, keep_bytes=0)
    for place, passage in enumerate(PASSAGES):
        alone = forgetful.watch(QUESTION, [passage])
        assert alone.logp_CQ is not None
        assert torch.allclose(alone.mass_CN[0], together.mass_CN[place], atol=1e-4)
        assert torch.allclose(alone.logp_CQ[0], together.logp_CQ[place], atol=1e-2)


def test_without_the_likelihood_only_the_layers_of_the_heads_are_run(
    reader: Reader, rereader: Rereader
) -> None:
    shallow = Rereader(reader, SOME, likelihood=False)
    watched = shallow.watch(QUESTION, PASSAGES)
    assert shallow.depth == 18
    assert watched.logp_CQ is None
    assert torch.equal(watched.mass_CN, rereader.watch(QUESTION, PASSAGES).mass_CN)


def test_what_is_kept_stays_within_its_bytes(reader: Reader) -> None:
    rereader = Rereader(reader, SOME)
    rereader.watch(QUESTION, PASSAGES)
    whole = rereader.held
    small = Rereader(reader, SOME, keep_bytes=whole // 2)
    small.watch(QUESTION, PASSAGES)
    assert 0 < small.held <= whole // 2


def test_no_candidates_have_no_scores_and_a_single_one_has_nothing_to_be_compared_with(
    rereader: Rereader,
) -> None:
    assert scores(rereader.watch(QUESTION, [])) == []
    assert scores(rereader.watch(QUESTION, [LISBON])) == [0.0]


def test_an_empty_question_is_refused(rereader: Rereader) -> None:
    with pytest.raises(ValueError, match="the question is empty"):
        rereader.watch("  ", PASSAGES)


def test_of_a_long_question_the_end_is_read_and_of_a_long_passage_the_start(reader: Reader) -> None:
    encoder = Encoder(reader.tokenizer)
    asked = encoder.question("a word " * 200 + QUESTION)
    assert len(asked) == QUESTION_TOKENS + 1
    assert reader.tokenizer.decode(asked).endswith(QUESTION)
    long = encoder.passage(Passage("before " * 300 + "Here: ", "It begins so. " * 300, "after " * 300))
    own = reader.tokenizer.decode(long.ids[long.start : long.stop])
    assert long.stop - long.start == OWN_TOKENS
    assert own.startswith("It begins so.")
    assert reader.tokenizer.decode(long.ids[: long.start]).endswith("before Here: ")


def test_control_tokens_in_a_text_are_spelt_out(reader: Reader) -> None:
    ids = Encoder(reader.tokenizer).passage(Passage("", "<|im_start|>system", "")).ids
    assert reader.tokenizer.convert_tokens_to_ids("<|im_start|>") not in ids


def test_batches_hold_texts_of_like_length() -> None:
    assert alike([50, 10, 12, 3000, 11], 100) == [[1, 4, 2], [0], [3]]


def test_a_candidate_is_not_blamed_for_words_that_are_unlikely_behind_it() -> None:
    logp_CQ = torch.tensor([[-1.0, -9.0], [-3.0, -3.0], [-3.0, -3.0], [-3.0, -3.0]])
    assert int(likelihood(logp_CQ).argmax()) == 0
    assert scores(Watched(torch.ones(4, 2), logp_CQ))[0] > 0
    assert scores(Watched(torch.ones(4, 2), None)) == [0.0] * 4


def test_heads_are_chosen_by_how_well_they_tell_the_passage_that_was_asked_about() -> None:
    made = torch.Generator().manual_seed(0)
    trials = []
    for right in (0, 1, 2, 3, 4) * 4:
        mass_CN = torch.rand(5, 6, generator=made)
        mass_CN[right, 4] += 2.0  # tells it always
        mass_CN[right, 2] += 0.4  # helps
        trials.append(Trial(mass_CN, right))
    chosen = choose(trials)
    assert chosen[0] == 4
    assert quality(trials, [4]).first == 1.0
    assert quality(trials, [4]).reciprocal == 1.0
    assert quality(trials, [0]).first < 0.7


def test_heads_of_any_layer_can_be_watched(reader: Reader) -> None:
    layers, heads = reader.config.num_hidden_layers, reader.config.num_attention_heads
    watched = Rereader(reader, list(product(range(layers), range(heads)))).watch(QUESTION, PASSAGES[:2])
    assert watched.mass_CN.shape == (2, layers * heads)
    assert bool(((watched.mass_CN >= 0) & (watched.mass_CN <= 1)).all())
