"""The generated files are those of reader.proto.

Run: pytest tests/tasks/serve/test_proto.py. To make them again, from the checkout's root:
python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. tasks/serve/reader.proto
"""

from pathlib import Path

from grpc_tools import protoc

from tasks.serve import reader_pb2, wire

ROOT = Path(__file__).parents[3]
PROTO = "tasks/serve/reader.proto"


def test_generated_files_are_those_of_the_proto(tmp_path: Path) -> None:
    out = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    assert protoc.main(["protoc", f"-I{ROOT}", *out, PROTO]) == 0
    for suffix in (".py", ".pyi"):
        name = f"tasks/serve/reader_pb2{suffix}"
        assert (tmp_path / name).read_text() == (ROOT / name).read_text(), f"make {name} again"


def test_the_service_is_called_as_handlers_and_clients_call_it() -> None:
    assert reader_pb2.DESCRIPTOR.services_by_name["Reader"].full_name == wire.SERVICE
