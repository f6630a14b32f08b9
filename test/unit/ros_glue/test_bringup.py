# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest

from roboecc_core.errors import ConfigError
from roboecc_ros.bringup import BringupArguments, CloudArguments, cloud_nodes, robot_nodes
from roboecc_ros.described import settings
from roboecc_ros.outlets import OUTLETS


def nodes(**changes):
    return {node.name: node for node in robot_nodes(BringupArguments(**changes))}


def test_default_is_everything_in_simulation_with_a_local_cloud_first_and_the_arm_last():
    names = list(nodes())
    assert names == [
        "cloud_bridge",
        "sim",
        "network_monitor",
        "split_manager",
        "edge_segment",
        "piper_arm",
        "robot_lifecycle_manager",
    ]


def test_manager_brings_up_every_managed_node_in_the_order_of_the_list():
    by_name = nodes()
    managed = [node.name for node in by_name.values() if node.is_managed]
    parameters = by_name["robot_lifecycle_manager"].parameters
    assert parameters["nodes"].split(",") == managed
    assert parameters["optional_nodes"] == "cloud_bridge"


def test_only_the_clouds_end_leaves_the_robot_running():
    assert [n.name for n in nodes().values() if not n.is_essential] == ["cloud_bridge"]


def test_both_ends_of_the_link_get_the_same_endpoint_and_robot():
    by_name = nodes(port=7001, robot="arm7")
    assert by_name["cloud_bridge"].parameters["listen"] == "tcp/127.0.0.1:7001"
    assert by_name["cloud_bridge"].parameters["robots"] == "arm7"
    for name in ("edge_segment", "network_monitor"):
        assert by_name[name].parameters["cloud.endpoint"] == "tcp/127.0.0.1:7001"
        assert by_name[name].parameters["robot"] == "arm7"


def test_a_remote_cloud_is_connected_to_and_not_started():
    by_name = nodes(cloud="tcp/10.0.0.2:7447")
    assert "cloud_bridge" not in by_name
    assert by_name["edge_segment"].parameters["cloud.endpoint"] == "tcp/10.0.0.2:7447"
    assert by_name["robot_lifecycle_manager"].parameters["optional_nodes"] == ""


def test_without_a_cloud_the_split_manager_knows():
    by_name = nodes(cloud="none", spans="0:0")
    assert by_name["edge_segment"].parameters["cloud.endpoint"] == ""
    assert by_name["split_manager"].parameters["has_cloud"] is False


def test_an_unknown_cloud_is_refused():
    with pytest.raises(ConfigError, match="'cloud' is 'udp/x'"):
        nodes(cloud="udp/x")


def test_real_robot_has_no_simulation_no_simulated_time_and_the_drivers_topics():
    by_name = nodes(sim=False, cloud="tcp/10.0.0.2:7447", camera="/dev/video0")
    assert "sim" not in by_name
    assert by_name["camera"].parameters["source"] == "/dev/video0"
    assert not any(node.parameters.get("use_sim_time") for node in by_name.values())
    outlet = OUTLETS["piper_ros"]
    assert dict(by_name["piper_arm"].remappings) == {
        "joint_command": outlet.command_topic,
        "joint_states": outlet.state_topic,
    }


def test_without_a_camera_argument_somebody_else_publishes_images():
    assert "camera" not in nodes(sim=False)


def test_simulated_time_is_for_everybody_but_its_maker():
    by_name = nodes()
    robot = [n for n in by_name.values() if n.side == "robot" and n.is_managed]
    with_time = {node.name for node in robot if node.parameters["use_sim_time"]}
    assert with_time == {node.name for node in robot} - {"sim"}


def test_rviz_adds_displays_that_nobody_manages(monkeypatch):
    by_name = nodes(rviz=True)
    assert by_name["rviz"].arguments[1].endswith("piper.rviz")
    assert "<robot name=" in by_name["robot_state_publisher"].parameters["robot_description"]
    assert not by_name["rviz"].is_managed
    assert not by_name["rviz"].is_essential


def test_namespace_reaches_every_node():
    assert {node.namespace for node in nodes(namespace="arm7").values()} == {"arm7"}


def test_cloud_alone_is_essential_and_managed():
    bridge, manager = cloud_nodes(CloudArguments(robots="a,b"))
    assert bridge.parameters["robots"] == "a,b"
    assert bridge.is_essential
    assert manager.parameters == {"nodes": "cloud_bridge", "optional_nodes": ""}


@pytest.mark.parametrize("arguments_class", [BringupArguments, CloudArguments])
def test_every_argument_is_described_and_its_default_allowed(arguments_class):
    for setting in settings(arguments_class):
        assert setting.description
        assert setting.checked(setting.default) == setting.default


def test_arguments_are_values():
    assert dataclasses.replace(BringupArguments(), seed=3) == BringupArguments(seed=3)
