"""`nightread serve`: a run from Prefect's form reads into the same memory, and wrong values make no run."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tasks.runs.ledger import Ledger
from tests.flows.corpus import write_corpus
from tests.flows.migrated import migrated
from tests.models import tiny_model

pytestmark = pytest.mark.heavy


class Served:
    """A `nightread serve` that runs, as its API shows it."""

    def __init__(self, url: str, process: "subprocess.Popen[str]", home: Path, gateway: str) -> None:
        self.url, self.process, self.home, self.gateway = url, process, home, gateway
        self.deployment = self.ask("deployments/name/read/read", patient=(404, 503))

    def ask(
        self, path: str, body: dict[str, Any] | None = None, patient: tuple[int, ...] = (503,)
    ) -> dict[str, Any]:
        """The API's answer; asked again while the answer is one of `patient` (503: its SQLite is locked)."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/api/{path}", data, {"Content-Type": "application/json"})
        until = time.monotonic() + 120
        while True:
            try:
                with build_opener(ProxyHandler({})).open(request) as answer:
                    found: dict[str, Any] = json.load(answer)
                return found
            except HTTPError as error:
                if error.code not in patient or time.monotonic() > until:
                    raise
            time.sleep(0.5)

    def run(self, **parameters: Any) -> dict[str, Any]:
        return self.ask(f"deployments/{self.deployment['id']}/create_flow_run", {"parameters": parameters})

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.deployment["parameters"]["config"]
        return config


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    migrated(folder / "memory")
    model = tiny_model(folder / "model", model_dir)
    argv = ["serve", "--conf", "tiny", "home=memory", f"infer.model={model.name}", "infer.summary_words=300"]
    argv.append("serve.port=0")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *argv],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stdout
    gateway, _, prefect = (process.stdout.readline() for _ in range(3))
    try:
        yield Served(prefect.split()[4].rstrip(";"), process, folder / "memory", gateway.split()[-1])
    finally:
        process.kill()
        process.communicate()


def test_the_form_starts_from_the_settings_that_were_given(served: Served) -> None:
    assert served.config["home"] == str(served.home)
    assert served.config["infer"]["model"] == str(served.home.parent / "model")
    assert (served.config["infer"]["summary_words"], served.config["shard"]["window"]) == (300, 512)


def test_the_form_explains_and_bounds_every_field_and_asks_for_what_a_read_needs(served: Served) -> None:
    schema = served.deployment["parameter_openapi_schema"]
    groups = [schema, *schema["definitions"].values()]
    assert [group["title"] for group in groups if set(group["required"]) != set(group["properties"])] == []
    fields = {name: field for group in groups for name, field in group["properties"].items()}
    assert [name for name, field in fields.items() if not {"description", "$ref"} & set(field)] == []
    assert "recall" not in fields
    assert fields["uris"]["minItems"] == 1
    assert fields["device"]["enum"] == ["auto", "cpu", "cuda"]
    numbers = [name for name, field in fields.items() if field.get("type") == "integer"]
    assert [name for name in numbers if not {"minimum", "exclusiveMinimum"} & set(fields[name])] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"uris": ["s3://KEY:SECRET@bucket/p"]}, "should not be valid under"),
        ({"uris": []}, "'uris'. Failure reason: [] should be non-empty"),
        (
            {"infer": {"summary_words": 0}},
            "'config.infer.summary_words'. Failure reason: 0 is less than the minimum",
        ),
        ({"infer": {"quotes": 6}}, "'config.infer.quotes'. Failure reason: 'no setting any more: "),
        ({"infer": {"device": "foo"}}, "'foo' is not one of ['auto', 'cpu', 'cuda']"),
        ({"infer": {"ranks": 2}}, "'config.infer.ranks'. Failure reason: 'now infer.workers' was expected"),
        ({"infer": {"wokers": 2}}, "'wokers' does not match"),
        ({"parse": {"timeout_s": 0}}, "'config.parse.timeout_s'"),
        ({"cluster": {"memory_limit": "much"}}, "'config.cluster.memory_limit'"),
    ],
)
def test_a_wrong_value_is_refused_when_the_run_is_created(
    served: Served, wrong: dict[str, Any], said: str
) -> None:
    groups = {name: served.config[name] | values for name, values in wrong.items() if name != "uris"}
    with pytest.raises(HTTPError) as refused:
        served.run(uris=wrong.get("uris", ["sample:"]), config=served.config | groups)
    assert refused.value.code == 409
    assert said in json.load(refused.value)["detail"]


TWICE = """
import sys
from flows.cli import main
nowhere = ["cluster.address=tcp://127.0.0.1:9", "cluster.connect_timeout_s=1"]
print(main([*sys.argv[1:], *nowhere]), file=sys.stderr, flush=True)
sys.exit(main(sys.argv[1:]))
"""


def test_a_refusal_is_one_line_and_ctrl_c_leaves_a_run_that_was_interrupted(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{served.url}/api")
    corpus, home = write_corpus(tmp_path / "corpus", 1, lines=600), tmp_path / "home"
    argv = ["read", str(corpus), "--conf", "tiny", f"home={home}"]
    argv.append(f"infer.model={served.config['infer']['model']}")
    command = [sys.executable, "-c", TWICE, *argv]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    until = time.monotonic() + 300
    while not windows_read(home) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    refused, code, interrupted = errors.splitlines()
    assert refused.startswith("nightread: cluster.address=tcp://127.0.0.1:9: no Dask scheduler answers there")
    assert code == "2"
    assert interrupted == "nightread: interrupted; the same command resumes where it stopped"
    assert [run["status"] for run in Ledger(home / "ledger.sqlite").runs()] == ["failed", "interrupted"]


def windows_read(home: Path) -> int:
    """Windows that the ledger of a run holds by now."""
    path = home / "ledger.sqlite"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db:
        try:
            found = db.execute("SELECT count(*) FROM journal WHERE kind = 'window'").fetchone()
        except sqlite3.OperationalError:  # its tables are not made yet
            return 0
    return int(found[0])


def test_a_run_from_the_form_reads_into_the_served_memory_and_ctrl_c_ends_the_server(
    served: Served, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", 1, lines=2)
    run = served.run(uris=[str(corpus)])
    until = time.monotonic() + 300
    while run["state_type"] not in ("COMPLETED", "FAILED", "CRASHED") and time.monotonic() < until:
        time.sleep(1)
        run = served.ask(f"flow_runs/{run['id']}")
    assert run["state_type"] == "COMPLETED"
    assert served.process.poll() is None
    (row,) = Ledger(served.home / "ledger.sqlite").runs()
    assert (row["status"], row["config"]["summary_words"]) == ("published", 300)
    with build_opener(ProxyHandler({})).open(f"{served.gateway}/v1/runs") as answer:
        assert [one["run"] for one in json.load(answer)["runs"]] == [row["run"]]
    served.process.send_signal(signal.SIGINT)
    _, errors = served.process.communicate(timeout=60)
    assert served.process.returncode == 0  # that is how it is ended
    assert "Traceback" not in errors
