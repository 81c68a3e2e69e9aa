"""The cluster files: what Ray's own schema says of them and of the edits their comments propose."""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[3]
CLUSTER = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
LOCAL = (ROOT / "jobs" / "cluster-local.yaml").read_text(encoding="utf-8")
RAYJOB = (ROOT / "jobs" / "rayjob.yaml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def valid(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as Ray completes it, if its schema allows it."""
    prepared = prepare_config(copy.deepcopy(config))
    validate_config(prepared)
    return dict(prepared)


def commented(text: str, name: str) -> dict[str, Any]:
    """The YAML that the comment under a name holds."""
    block = re.search(rf"^# {name}:\n((?:#   .*\n)+)", text, re.MULTILINE)
    assert block is not None
    return dict(yaml.safe_load(block[1].replace("#   ", "")))


def test_the_cloud_file_passes_rays_own_schema() -> None:
    config = valid(yaml.safe_load(CLUSTER))
    types = config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert "GPU" not in types["cpu_worker"]["resources"]
    assert types["gpu_worker"]["resources"]["GPU"] == 1
    for name in ("cpu_worker", "gpu_worker"):
        assert types[name]["min_workers"] == 0
        assert types[name]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    images = {each["node_config"]["ImageId"] for each in types.values()}
    assert len(images) == 1


def test_what_is_no_cluster_file_is_refused() -> None:
    config = yaml.safe_load(CLUSTER)
    config["available_node_types"]["head"]["resource"] = {}
    with pytest.raises(Exception, match="resource"):
        valid(config)


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_the_lines_for_another_cloud_pass_rays_own_schema(cloud: str) -> None:
    config = yaml.safe_load(CLUSTER)
    lines = commented(CLUSTER, cloud)
    assert lines["provider"]["type"] == cloud
    for key in ("provider", "auth"):
        config[key] = lines.pop(key, config[key])
    assert set(lines) == set(config["available_node_types"])
    for name, node_config in lines.items():
        config["available_node_types"][name]["node_config"] = node_config
    prepared = valid(config)
    assert prepared["provider"]["type"] == cloud
    size = "machineType" if cloud == "gcp" else "azure_arm_parameters"
    assert all(size in each["node_config"] for each in prepared["available_node_types"].values())


def test_the_commented_firewall_role_and_token_lines_pass_rays_own_schema() -> None:
    text = CLUSTER.replace("      # IamInstanceProfile", "      IamInstanceProfile")
    text = text.replace('file_mounts: {"~/rayscan": "."}\n', "", 1)
    text = re.sub(r"^( *)# (.*)  # token$", r"\1\2", text, flags=re.MULTILINE)
    group = re.search(r"^#   security_group:\n((?:#     .*\n)+)", text, re.MULTILINE)
    assert group is not None
    config = yaml.safe_load(text)
    config["provider"]["security_group"] = yaml.safe_load(group[1].replace("#     ", ""))
    prepared = valid(config)
    assert prepared["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert any("RAY_AUTH_MODE=token" in line for line in config["setup_commands"])
    (rule,) = prepared["provider"]["security_group"]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (22, 22)
    workers = prepared["available_node_types"]["gpu_worker"]["node_config"]
    assert workers["IamInstanceProfile"] == {"Name": "rayscan-worker"}


def test_the_file_for_machines_of_ones_own_passes_rays_own_schema() -> None:
    config = yaml.safe_load(LOCAL)
    (node,) = valid(config)["available_node_types"].values()
    assert node["max_workers"] == len(config["provider"]["worker_ips"])


@pytest.mark.parametrize("text", [CLUSTER, LOCAL], ids=["cloud", "local"])
def test_the_job_server_listens_on_loopback_and_every_node_gets_one_environment(text: str) -> None:
    config = valid(yaml.safe_load(text))
    (start,) = [line for line in config["head_start_ray_commands"] if "ray start" in line]
    assert "--dashboard-host=127.0.0.1" in start
    assert "0.0.0.0" not in text
    # One list of commands for head and workers; Ray of one version, and one this project takes.
    setup = [line for line in yaml.safe_load(text)["setup_commands"] if "pip install" in line]
    assert len(setup) == 1
    assert takes("ray", pinned(setup[0]))
    for role in ("head", "worker"):
        assert setup[0] in config[f"{role}_setup_commands"]


def pinned(command: str) -> str:
    found = re.search(r"ray\[default\]==([\d.]+)", command)
    assert found is not None
    return found[1]


def takes(package: str, version: str) -> bool:
    (wanted,) = [r for r in map(Requirement, PROJECT["dependencies"]) if r.name == package]
    return wanted.specifier.contains(version)


def test_all_files_name_one_ray() -> None:
    versions = set(re.findall(r"(?:==|rayproject/ray:|rayVersion: \")(\d+\.\d+\.\d+)", CLUSTER))
    versions |= set(re.findall(r"(?:==|ray:|rayVersion: \")(2\.\d+\.\d+)", LOCAL + RAYJOB))
    assert len(versions) == 1


def test_the_rayjob_runs_the_job_of_this_project_in_one_image() -> None:
    """What KubeRay's schema requires, and what it cannot know: script, versions, mounts."""
    job = yaml.safe_load(RAYJOB)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    python, script, scan = spec["entrypoint"].split()
    assert python == "python"
    assert (ROOT / script.removeprefix("/rayscan/")).is_file()
    assert takes("ray", cluster["rayVersion"])
    assert cluster["authOptions"] == {"mode": "token"}
    (workers,) = cluster["workerGroupSpecs"]
    # What the CRD requires of a group.
    assert {"groupName", "minReplicas", "maxReplicas", "template"} <= set(workers)
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], workers)]
    containers = [pod["containers"][0] for pod in pods]
    assert {each["image"] for each in containers} == {f"rayscan:{PROJECT['version']}"}
    assert containers[1]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    # The driver runs on the head: there the scan file must be.
    (mount,) = containers[0]["volumeMounts"]
    assert scan.startswith(mount["mountPath"])
    assert mount["name"] in {volume["name"] for volume in pods[0]["volumes"]}


def test_no_cluster_file_holds_a_secret() -> None:
    for text in (CLUSTER, LOCAL, RAYJOB):
        assert not re.search(r"(?i)(AKIA|aws_secret_access_key\s*[:=]\s*[\w/+]{8,})", text)
