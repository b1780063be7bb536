"""`cluster.yaml`, offline: by Ray's own schema and by botocore's of EC2."""

import copy
from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).parents[2] / "cluster.yaml"


@pytest.fixture
def content() -> dict:
    return yaml.safe_load(CLUSTER.read_text())


def validated(content: dict) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(content))


def errors_of(node_config: dict) -> str:
    """What EC2's interface would not take of a node's configuration."""
    botocore = pytest.importorskip("botocore.session")
    from botocore.validate import ParamValidator

    shape = botocore.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape
    # Ray adds how many machines it asks for.
    return ParamValidator().validate({**node_config, "MinCount": 1, "MaxCount": 1}, shape).generate_report()


def test_ray_accepts_the_cluster_launcher_file(content):
    validated(content)


def test_ray_refuses_an_unknown_key(content):
    with pytest.raises(Exception, match="max_wokers"):
        validated({**content, "max_wokers": 8})


def test_ec2_accepts_every_node_type(content):
    for name, node_type in content["available_node_types"].items():
        assert errors_of(node_type["node_config"]) == "", name


def test_ec2_refuses_a_misspelt_field(content):
    spot = copy.deepcopy(content["available_node_types"]["gpu_spot"]["node_config"])
    spot["InstanceMarketOptions"]["SpotOptions"]["MaxPrize"] = "1"
    assert "MaxPrize" in errors_of(spot)


def test_the_image_has_the_pinned_ray(content):
    pins = dict(line.split("==") for line in (CLUSTER.parent / "constraints.txt").read_text().split())
    images = (content["docker"][name] for name in ("image", "head_image", "worker_image"))
    assert all(f"ray:{pins['ray']}-py311" in image for image in images)


def test_nobody_enters_without_the_token_and_the_dashboard_stays_inside(content):
    starts = [content[f"{kind}_start_ray_commands"][-1] for kind in ("head", "worker")]
    assert all("RAY_AUTH_MODE=token" in start and "RAY_health_check_period_ms" in start for start in starts)
    assert "--dashboard-host=127.0.0.1" in starts[0]
    assert content["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"


def test_spot_comes_before_the_fallback_and_the_head_runs_no_trials(content):
    """Asked of Ray's scheduler itself, with the resources that EC2 reports for the types."""
    from ray.autoscaler._private.node_provider_availability_tracker import NodeAvailabilitySummary
    from ray.autoscaler._private.resource_demand_scheduler import _default_utilization_scorer, get_nodes_for

    types = content["available_node_types"]
    sized = {name: {**one, "resources": {"CPU": 4, "GPU": 1}} for name, one in types.items() if name != "head"}
    sized["head"] = types["head"]
    available = NodeAvailabilitySummary({})

    def score(*arguments):
        return _default_utilization_scorer(*arguments, node_availability_summary=available)

    chosen, _ = get_nodes_for(sized, {}, "head", 8, [{"CPU": 1, "GPU": 1}] * 9, score)
    assert chosen == {"gpu_spot": 6, "gpu_on_demand": 2}
    chosen, _ = get_nodes_for(sized, {}, "head", 8, [{"CPU": 1, "GPU": 1}] * 4, score)
    assert chosen == {"gpu_spot": 4}
    assert types["head"]["resources"] == {"CPU": 0}
    assert "InstanceMarketOptions" not in types["gpu_on_demand"]["node_config"]
    assert types["gpu_on_demand"]["max_workers"] <= content["max_workers"]


def test_what_each_user_must_set_is_marked():
    """Placeholders and the mark stand on the same lines."""
    lines = CLUSTER.read_text().splitlines()
    unset = [line for line in lines if "00000000" in line]
    assert unset and all("# CHANGE" in line for line in unset)
