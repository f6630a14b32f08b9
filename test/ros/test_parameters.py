# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import rclpy
from rclpy.exceptions import ParameterImmutableException
from rclpy.node import Node
from rclpy.parameter import Parameter

from roboecc_cloud_bridge import cloud_bridge_node
from roboecc_core.errors import ConfigError
from roboecc_edge import (
    camera_node,
    edge_segment_node,
    network_monitor_node,
    piper_arm_node,
    sim_node,
    split_manager_node,
)
from roboecc_ros import bringup, lifecycle_manager_node, parameters
from roboecc_ros.described import described, settings

pytestmark = pytest.mark.ros

NODES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        camera_node,
        cloud_bridge_node,
        edge_segment_node,
        lifecycle_manager_node,
        network_monitor_node,
        piper_arm_node,
        sim_node,
        split_manager_node,
    )
}


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    period_s: float = described(0.1, "how long", name="action.period_s", bounds=(0.01, 2.0))
    seed: int = described(0, "of everything", bounds=(0, 9))
    outlet: str = described("sim", "which driver", choices=("sim", "real"))


@pytest.fixture
def node(make_node):
    def make(**given):
        return make_node(lambda: Node("sample"), **given)

    return make


def test_declare_returns_defaults_and_describes_read_only_parameters(node):
    made = node()
    assert parameters.declare(made, Sample) == Sample()
    period = made.describe_parameter("action.period_s")
    assert period.description == "how long"
    assert period.read_only
    [bounds] = period.floating_point_range
    assert (bounds.from_value, bounds.to_value) == (0.01, 2.0)
    [seeds] = made.describe_parameter("seed").integer_range
    assert (seeds.from_value, seeds.to_value) == (0, 9)
    assert "sim, real" in made.describe_parameter("outlet").additional_constraints
    [result] = made.set_parameters([Parameter("seed", value=1)])
    assert not result.successful


def test_declare_takes_what_the_user_gave_and_an_integer_for_a_float(node):
    made = node(**{"action.period_s": 1, "outlet": "real"})
    assert parameters.declare(made, Sample) == Sample(period_s=1.0, outlet="real")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"action.period_s": 5.0}, "'action.period_s' is 5.0; expected a number from 0.01 to 2"),
        ({"seed": "x"}, "'seed' is 'x'; expected an integer from 0 to 9"),
        ({"outlet": "ur5"}, "'outlet' is 'ur5'; expected one of sim, real"),
    ],
)
def test_declare_refuses_naming_parameter_value_and_what_is_allowed(node, given, words):
    with pytest.raises(ConfigError) as refusal:
        parameters.declare(node(**given), Sample)
    assert str(refusal.value) == f"parameter {words}"


def test_declare_again_returns_the_same(node):
    made = node(seed=7)
    assert parameters.declare(made, Sample) == parameters.declare(made, Sample)
    with pytest.raises(ParameterImmutableException):
        made.undeclare_parameter("seed")


@pytest.mark.parametrize("name", NODES)
def test_every_parameter_of_every_node_is_described_and_its_default_allowed(name):
    for setting in settings(NODES[name].Parameters):
        assert setting.description
        assert setting.checked(setting.default) == setting.default


def test_bringup_sets_only_parameters_that_nodes_have():
    specs = [
        *bringup.robot_nodes(bringup.BringupArguments()),
        *bringup.robot_nodes(bringup.BringupArguments(sim=False, camera="clip.mp4")),
        *bringup.cloud_nodes(bringup.CloudArguments()),
    ]
    for spec in specs:
        known = {s.name: s for s in settings(NODES[spec.executable].Parameters)}
        for name, value in spec.parameters.items():
            if name != "use_sim_time":
                assert known[name].checked(value) == value, (spec.name, name)


def test_a_node_can_be_made_without_ros_arguments():
    rclpy.init()
    node = split_manager_node.SplitManagerNode()
    node.destroy_node()
    rclpy.shutdown()
