"""What is shipped besides the image: compose, Kubernetes, Terraform. No cluster is here to try them on.

Manifests are checked against Kubernetes' own schemas, commands against our parser, Terraform by its grammar.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import kubernetes_validate
import pytest
import yaml

from flows.arguments import parser
from flows.cli import split
from flows.config import load

INFRA = Path(__file__).parents[2] / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((INFRA / "k8s" / "kustomization.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((INFRA / "k8s" / name).read_text())
]
NAMES = [f"{one['kind']}/{one['metadata']['name']}" for one in MANIFESTS]


def check_command(arguments: list[str]) -> None:
    """Refuse what `nightread` would refuse to parse."""
    rest, settings = split(arguments)
    parsed = parser().parse_args(rest)
    load(parsed.conf, settings)


# Compose.


def test_ours_run_commands_that_exist_and_what_they_need_is_there() -> None:
    for name, service in SERVICES.items():
        if service["image"] == "nightread" and "entrypoint" not in service:
            check_command([re.sub(r"\$\{\w+:-(.*?)\}", r"\1", word) for word in service["command"]])
        for needed, condition in service.get("depends_on", {}).items():
            assert needed in SERVICES, f"{name} needs {needed}"
            healthy = condition["condition"] == "service_healthy"
            assert healthy == ("healthcheck" in SERVICES[needed]), f"{name} waits for {needed}"
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"]


def test_nothing_listens_beyond_this_machine_and_no_secret_has_a_default() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []
    text = (INFRA / "compose.yaml").read_text()
    named = set(re.findall(r"\$\{(\w+)", text))
    assert named == set(re.findall(r"^(\w+)=", (INFRA / "env.example").read_text(), re.MULTILINE))
    secret = [name for name in named if re.search(r"USER|PASSWORD", name)]
    assert len(secret) == 3
    assert [name for name in secret if len(re.findall(rf"\$\{{{name}(?!:\?)", text))] == []


# Kubernetes.


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Pod specifications, each with the name of what makes the pods."""
    for name, manifest in zip(NAMES, MANIFESTS, strict=True):
        if "template" in manifest.get("spec", {}):
            yield name, manifest["spec"]["template"]["spec"]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=NAMES)
def test_a_manifest_is_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.32", strict=True)


def test_every_file_is_in_the_kustomization() -> None:
    files = {path.name for path in (INFRA / "k8s").glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=[name for name, _ in pods()])
def test_a_pod_has_no_rights_that_it_does_not_need_and_says_what_it_takes(
    name: str, pod: dict[str, Any]
) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == set(container["resources"])
        assert "memory" in container["resources"]["limits"]
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        assert mounted == {volume["name"] for volume in pod.get("volumes", [])}
        serves = name.startswith("Deployment") and "ports" in container
        assert not serves or "livenessProbe" in container


def test_commands_in_the_cluster_exist_and_find_their_values() -> None:
    (generated,) = KUSTOMIZATION["configMapGenerator"]
    values = dict(literal.split("=", 1) for literal in generated["literals"])
    ours = [container for _, pod in pods() for container in pod["containers"] if "args" in container]
    assert len(ours) == 3
    for container in ours:
        check_command([re.sub(r"\$\((\w+)\)", lambda m: values[m[1]], word) for word in container["args"]])
    home = load("cluster").home
    mounts = [mount["mountPath"] for container in ours for mount in container["volumeMounts"]]
    assert mounts == [home] * 3


def test_readers_come_and_go_on_spot_machines_one_at_a_time() -> None:
    (reader,) = [pod for name, pod in pods() if name == "Deployment/readers"]
    assert {taint["key"] for taint in reader["tolerations"]} == {"nvidia.com/gpu", "spot"}
    (command,) = [shlex.join(container["command"]) for container in reader["containers"]]
    assert f"dask worker {load('cluster').cluster.address} --resources reader=1" in command
    (budget,) = [one for one in MANIFESTS if one["kind"] == "PodDisruptionBudget"]
    assert budget["spec"]["maxUnavailable"] == 1


# Terraform.


def terraform(kind: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Blocks of a kind in all files, by their type and name."""
    found = {}
    for path in (INFRA / "terraform").glob("*.tf"):
        with path.open() as file:
            for block in hcl2.load(file).get(kind, []):
                for type_, named in block.items():
                    for name, body in named.items():
                        found[type_.strip('"'), name.strip('"')] = body
    return found


def test_the_role_may_do_what_reading_needs_and_nothing_else() -> None:
    reader = terraform("data")["aws_iam_policy_document", "reader"]
    actions = re.findall(r"\b(?:s3|sqs):\w+\*?", str(reader))
    assert not [action for action in actions if action.endswith("*")]
    documents = {"s3:ListBucket", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"}
    queue = {"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"}
    home = {"s3:DeleteObject", "s3:AbortMultipartUpload"}
    assert set(actions) == documents | {f"sqs:{name}" for name in queue} | home


def test_the_queue_is_told_of_every_way_in_which_objects_come_and_go() -> None:
    told = str(terraform("resource")["aws_s3_bucket_notification", "drops"])
    assert set(re.findall(r"s3:\w+:\*", told)) == {
        "s3:ObjectCreated:*",
        "s3:ObjectRemoved:*",
        "s3:LifecycleExpiration:*",
    }


def test_every_variable_is_used_and_explained() -> None:
    text = "".join(path.read_text() for path in (INFRA / "terraform").glob("*.tf"))
    declared = dict(re.findall(r'variable "(\w+)" \{\n\s+description = "(.+)"', text))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(declared)
