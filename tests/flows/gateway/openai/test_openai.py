"""OpenAI's own client, as it is, asks a gateway that listens."""

from typing import Any

import openai
import pytest

from flows.gateway.openai.chat import MEMORY, NOT_FOUND, READER, Grown, annotations
from tests.flows.gateway.homes import LEASE, SECRET, Homes

QUESTION = "Who closed the slipway?"
ANSWER = "The slipway was closed by Captain Moreau."


def said(question: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]


def client_of(url: str, token: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0)


def completed(client: openai.OpenAI, **asked: Any) -> Any:
    """What the client returns: beside its types, what is told here alone."""
    create: Any = client.chat.completions.create
    return create(**asked)


def test_an_answer_has_citations_that_say_which_words_stand_where(served: str, made: Homes) -> None:
    with client_of(served, made.reads) as client:
        answer = completed(client, model=MEMORY, messages=said(QUESTION))
        (choice,) = answer.choices
        assert (choice.message.content, choice.finish_reason) == (ANSWER, "stop")
        (cited,) = choice.message.annotations
        place, file = cited.url_citation, cited.file_citation
        assert choice.message.content[place.start_index : place.end_index] == file["quote"] == ANSWER
        assert (file["filename"], file["place"]) == ("/docs/ship.txt", "line 1")
        assert place.url == f"{served}/document/ship?start=0&end={len(ANSWER)}"
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 10)
        assert answer.nightread["found"]


def test_what_was_not_read_is_said_to_be_not_found(served: str, made: Homes) -> None:
    with client_of(served, made.reads) as client:
        question = said("How old is the emperor?")
        answer = completed(client, model=MEMORY, messages=question)
    assert (answer.choices[0].message.content, answer.choices[0].message.annotations) == (NOT_FOUND, [])
    assert answer.nightread["nearest"]


def test_a_stream_says_the_same_piece_by_piece(served: str, made: Homes) -> None:
    asked = {"model": MEMORY, "messages": said("What is the notice period of the lease of the mill?")}
    with client_of(served, made.reads) as client:
        whole = completed(client, **asked)
        options = {"stream": True, "stream_options": {"include_usage": True}}
        parts = list(completed(client, **asked, **options))
    choices = [part.choices[0] for part in parts if part.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    assert text == whole.choices[0].message.content
    assert LEASE[1] in text
    cited = [one for choice in choices for one in getattr(choice.delta, "annotations", None) or []]
    assert [one["file_citation"]["quote"] for one in cited] == [
        one.file_citation["quote"] for one in whole.choices[0].message.annotations
    ]
    assert choices[-1].finish_reason == "stop"
    assert parts[-1].usage == whole.usage


def test_a_conversation_is_a_session_of_its_key(own: Homes) -> None:
    from flows.gateway.run import running
    from tests.flows.gateway.homes import configured

    with (
        running(configured(own.home, "serve.port=0")) as url,
        client_of(url, own.writes) as client,
        client_of(url, own.reads) as reader,
    ):
        key = {"memory_key": "talk"}
        answer = completed(client, model=MEMORY, messages=said(QUESTION), extra_body=key)
        assert answer.nightread["session"] == "talk"
        with pytest.raises(openai.PermissionDeniedError):
            completed(reader, model=MEMORY, messages=said(QUESTION), extra_body=key)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"model": "gpt"}, openai.NotFoundError, f"give one of {MEMORY}, {READER}"),
        ({"messages": []}, openai.BadRequestError, "messages: "),
        ({"messages": said("")}, openai.BadRequestError, "question: "),
        ({"messages": said("x" * 3000)}, openai.BadRequestError, "question: "),
        ({"messages": [{"role": "assistant", "content": "?"}]}, openai.BadRequestError, "the last one"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            openai.BadRequestError,
            "type",
        ),
        ({"n": 2}, openai.BadRequestError, "n: input should be 1"),
        ({"tools": [{"type": "function"}]}, openai.BadRequestError, "tools: "),
        ({"model": READER}, openai.InternalServerError, "no reader is here"),
    ],
)
def test_what_cannot_be_answered_has_openais_form_of_errors(
    served: str, made: Homes, changed: dict[str, object], error: type[openai.APIStatusError], message: str
) -> None:
    asked = {"model": MEMORY, "messages": said(QUESTION), **changed}
    with client_of(served, made.reads) as client, pytest.raises(error) as refused:
        completed(client, **asked)
    body = refused.value.body
    assert isinstance(body, dict)
    assert set(body) == {"type", "message", "param", "code", "request_id"}
    assert message in body["message"]
    with client_of(served, "nr_wrong") as client, pytest.raises(openai.AuthenticationError):
        completed(client, **asked)


def test_the_memory_is_a_vector_store(served: str, made: Homes) -> None:
    with client_of(served, made.reads) as client, client_of(served, made.lab) as other:
        assert [one.id for one in client.models.list()] == [MEMORY]
        (store,) = client.vector_stores.list().data
        assert (store.id, store.file_counts.total) == ("memory", 2)
        assert client.vector_stores.retrieve("memory").name == "memory"
        only: Any = {"type": "eq", "key": "document", "value": "lease.txt"}
        found = client.vector_stores.search(
            "memory", query="rent of the mill", max_num_results=2, filters=only
        )
        assert found.data[0].content[0].text.strip() == LEASE[0]
        assert {one.filename for one in found} == {"/docs/lease.txt"}
        assert (
            SECRET in other.vector_stores.search("memory", query=["vault", "turns"]).data[0].content[0].text
        )
        with pytest.raises(openai.NotFoundError, match="the memory of whoever asks"):
            client.vector_stores.search("vs_1", query="x")
        with pytest.raises(openai.BadRequestError, match="filters"):
            client.vector_stores.search(
                "memory", query="x", filters={"type": "gt", "key": "date", "value": 1}
            )


def test_words_that_stand_twice_are_cited_where_they_stand() -> None:
    place = {"document": "d", "uri": "/d.txt", "place": "line 1", "text": "Rye.", "start": 0, "end": 4}
    claims = [{"text": "Rye.", "citations": [place]}, {"text": "Rye.", "citations": [place]}]
    found = annotations("Rye. Rye.", claims, "http://gateway")
    assert [one["url_citation"]["start_index"] for one in found] == [0, 5]
    older = [{"text": "Oats.", "citations": [place]}]
    assert annotations("Rye.", older, "") == []


def test_only_what_is_added_is_said() -> None:
    grown = Grown()
    assert [grown.to(text) for text in ("a", "a b", "x", "a b c")] == ["a", " b", "", " c"]
