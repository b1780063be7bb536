from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).parents[1] / "cluster.yaml"


def validated(content: dict) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(content))


def test_ray_accepts_the_cluster_launcher_file():
    validated(yaml.safe_load(CLUSTER.read_text()))


def test_ray_refuses_an_unknown_key():
    content = yaml.safe_load(CLUSTER.read_text())
    with pytest.raises(Exception, match="max_wokers"):
        validated({**content, "max_wokers": 8})


def test_the_image_has_the_pinned_ray():
    pins = dict(line.split("==") for line in (CLUSTER.parent / "constraints.txt").read_text().split())
    docker = yaml.safe_load(CLUSTER.read_text())["docker"]
    assert all(f"ray:{pins['ray']}-py311" in docker[name] for name in ("image", "head_image", "worker_image"))
