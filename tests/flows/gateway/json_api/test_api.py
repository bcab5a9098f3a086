"""The JSON API asks what the commands ask, of the caller's memory and of no other."""

import json

import pytest

from flows.cli import main
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import LEASE, SECRET, Homes

Capture = pytest.CaptureFixture[str]


def test_a_question_is_recalled_as_the_command_recalls_it(
    made: Homes, client: Client, capsys: Capture
) -> None:
    question = "What rent does the tenant of the mill pay?"
    found = client(made, made.reads).post("/v1/recall", json={"question": question, "k": 2}).json()
    assert main(["recall", "-k", "2", "--json", question, f"home={made.home}"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [hit["id"] for hit in found["hits"]] == [hit["id"] for hit in told["hits"]]
    assert found["hits"][0]["quotes"] == told["hits"][0]["quotes"]
    assert found["hits"][0]["receipt"]["found"][0]["search"] == "words"


def test_an_answer_cites_characters_that_open(made: Homes, client: Client) -> None:
    ours = client(made, made.reads)
    reply = ours.post("/v1/ask", json={"question": "Who closed the slipway?"}).json()
    assert reply["answer"] == "The slipway was closed by Captain Moreau."
    (cited,) = reply["claims"][0]["citations"]
    where = {"start": cited["start"], "end": cited["end"], "around": 19}
    opened = ours.get(f"/v1/documents/{cited['document']}/text", params=where).json()
    assert opened["text"] == cited["text"]
    assert opened["sources"] == [cited["uri"]]
    assert (opened["before"], opened["after"].strip()) == ("", "The harbou")


def test_claims_come_as_events_and_the_reply_last(made: Homes, client: Client) -> None:
    asked = {"question": "What is the notice period of the lease?"}
    accept = {"Accept": "text/event-stream"}
    with client(made, made.reads).stream("POST", "/v1/ask", json=asked, headers=accept) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [part.split("\n") for part in answer.read().decode().strip().split("\n\n")]
    assert [name for name, _ in events] == ["event: claim"] * (len(events) - 1) + ["event: reply"]
    first, last = (json.loads(events[at][1].removeprefix("data: ")) for at in (0, -1))
    assert last["claims"][0]["text"] == first["text"] == LEASE[1]
    wrong = client(made, made.reads).post("/v1/ask", json={"question": " "}, headers=accept)
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, "the question is empty")


def test_what_was_not_read_is_not_answered(made: Homes, client: Client) -> None:
    reply = client(made, made.reads).post("/v1/ask", json={"question": "How old is the emperor?"}).json()
    assert (reply["found"], reply["answer"], reply["claims"]) == (False, "", [])
    assert reply["nearest"]


def test_a_tenant_sees_its_own_memory_alone(made: Homes, client: Client) -> None:
    ours, theirs = client(made, made.writes), client(made, made.lab)
    question = {"question": "With how many turns does the vault open?"}
    assert SECRET in theirs.post("/v1/recall", json=question).text
    for path in ("/v1/documents", "/v1/documents/vault", "/v1/records/vault-0"):
        assert "vault" in theirs.get(path).text
    where = {"start": 0, "end": 10}
    assert theirs.get("/v1/documents/vault/text", params=where).json()["text"] == SECRET[:10]
    said = [
        ours.post("/v1/recall", json=question),
        ours.post("/v1/ask", json=question),
        ours.get("/v1/documents"),
    ]
    assert not [one.text for one in said if "4711" in one.text]
    hidden = ["/v1/documents/vault", "/v1/documents/vault/text?start=0&end=10", "/v1/records/vault-0"]
    assert [ours.get(path).status_code for path in hidden] == [404, 404, 404]
    assert theirs.get("/v1/records/ship-0").status_code == 404


def test_a_session_is_asked_shown_and_forgotten(own: Homes, client: Client) -> None:
    ours = client(own, own.writes)
    asked = {"question": "Who closed the slipway?", "memory_key": "diary"}
    reply = ours.post("/v1/ask", json=asked).json()
    assert (reply["session"], reply["round"], reply["claims"][0]["level"]) == ("diary", 1, "long")
    assert [one["key"] for one in ours.get("/v1/sessions").json()["sessions"]] == ["diary"]
    (said,) = ours.get("/v1/sessions/diary").json()["rounds"]
    assert (said["text"], said["answer"]) == (asked["question"], reply["answer"])
    assert client(own, own.lab).get("/v1/sessions/diary").status_code == 404
    refused = client(own, own.reads).post("/v1/ask", json=asked)
    assert refused.status_code == 403
    assert ours.delete("/v1/sessions/diary").json() == {"key": "diary", "rounds": 1}
    assert ours.get("/v1/sessions").json() == {"sessions": []}


def test_runs_and_what_could_not_be_read_are_listed(made: Homes, client: Client) -> None:
    ours = client(made, made.reads)
    (run,) = ours.get("/v1/runs").json()["runs"]
    assert (run["run"], run["status"], run["corpus"]) == ("r1", "published", ["/docs"])
    assert set(run) == {"run", "status", "started", "finished", "corpus", "counts"}
    assert ours.get("/v1/runs/r1").json()["compared_with"] == ""
    assert ours.get("/v1/runs/r9").json()["error"]["type"] == "not_found"
    (held,) = ours.get("/v1/quarantine").json()["documents"]
    assert (held["uri"], held["outcome"], held["reason"]) == (
        "/docs/torn.pdf",
        "corrupt",
        "no page can be read",
    )
    assert ours.get("/v1/documents", params={"uri": "ship.txt"}).json()["total"] == 1


def test_to_forget_is_shown_first_and_then_done(own: Homes, client: Client) -> None:
    ours, body = client(own, own.writes), {"names": ["/docs/ship.txt"]}
    shown = ours.post("/v1/forget", json=body).json()
    assert (shown["done"], shown["count"], shown["documents"][0]["places"]) == (False, 1, ["/docs/ship.txt"])
    question = {"question": "Who closed the slipway?"}
    assert ours.post("/v1/ask", json=question).json()["found"]
    done = ours.post("/v1/forget", json={**body, "confirm": True}).json()
    assert (done["done"], done["receipt"]["found"]) == (True, 0)
    assert not ours.post("/v1/ask", json=question).json()["found"], "an open memory is the newest one"
    again = ours.post("/v1/forget", json=body)
    assert (again.status_code, "it was forgotten" in again.json()["error"]["message"]) == (400, True)


def test_a_run_wants_prefect_and_a_corpus_that_is_the_tenants(
    made: Homes, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    strange = client(made, made.lab).post("/v1/runs", json={"uris": [str(made.home)]})
    assert (strange.status_code, "never read for this tenant" in strange.text) == (403, True)
    alone = client(made, made.writes).post("/v1/quarantine/retry")
    assert (alone.status_code, "nightread serve" in alone.text) == (503, True)
    assert client(made, made.reads).get("/v1/quarantine").json()["documents"]


def test_nothing_is_made_by_looking_where_nothing_was_read(own: Homes, client: Client) -> None:
    from flows.gateway import tokens

    ours = client(own, tokens.add(own.home, "dee", "empty")[1])
    assert ours.get("/v1/runs").json() == {"runs": [], "total": 0}
    assert ours.get("/v1/documents").json()["documents"] == []
    assert ours.get("/v1/quarantine").json() == {"documents": []}
    assert ours.get("/v1/sessions").json() == {"sessions": []}
    answer = ours.post("/v1/recall", json={"question": "What?"})
    assert (answer.status_code, "there is no memory" in answer.text) == (400, True)
    assert str(own.home) not in answer.text
    assert not (own.home / "tenants" / "empty").exists()


def test_the_description_names_every_route_and_its_errors(made: Homes, client: Client) -> None:
    described = client(made).get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["description"] or operation["summary"], path
            assert "422" not in operation["responses"]
            assert path == "/health" or operation["responses"]["4XX"]["content"]
    assert {"/v1/recall", "/v1/ask", "/v1/runs/{ident}", "/v1/documents/{ident}/text"} <= set(
        described["paths"]
    )
