# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The one description of what runs: every node with its parameters, remappings and order.

The launch files and `roboecc up` both read it, so they cannot differ. It names executables and
never imports node packages. Knows neither rclpy nor launch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from roboecc_core.errors import ConfigError
from roboecc_ros.bringup_arguments import (
    AUTO,
    DEFAULT_INSTRUCTION,
    LOCAL,
    NO_CLOUD,
    BringupArguments,
    CloudArguments,
)
from roboecc_ros.described import Value
from roboecc_ros.outlets import OUTLETS

__all__ = [
    "DEFAULT_INSTRUCTION",
    "BringupArguments",
    "CloudArguments",
    "NodeSpec",
    "cloud_nodes",
    "endpoint",
    "robot_nodes",
    "share_folder",
]

PACKAGE = "roboecc_edge"
_LAST = 100  # the manager: it takes the others down before they are ended


@dataclasses.dataclass(frozen=True, slots=True)
class NodeSpec:
    """One process.

    Attributes:
        executable, package: what is run.
        name: of the node; `namespace` is that of its topics, too.
        side: "robot" or "cloud".
        order: in which nodes are brought up, cloud first; shutdown goes the other way round.
        parameters: by full name.
        remappings: (from, to), both relative.
        is_managed: whether the lifecycle manager configures and activates it.
        is_essential: whether its end ends everything; the cloud's does not.
        arguments: before the ROS arguments.
        environment: besides the inherited one.
    """

    executable: str
    name: str
    side: str
    order: int
    package: str = PACKAGE
    namespace: str = ""
    parameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    is_managed: bool = True
    is_essential: bool = True
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


def robot_nodes(arguments: BringupArguments) -> tuple[NodeSpec, ...]:
    """Return everything on the robot, with a local cloud where asked for, in starting order.

    Raises:
        ConfigError: the arguments contradict each other.
    """
    cloud: tuple[NodeSpec, ...] = ()
    if arguments.cloud == LOCAL:
        cloud = _cloud_bridge(
            CloudArguments(
                listen=f"tcp/127.0.0.1:{arguments.port}",
                robots=arguments.robot,
                model=arguments.model,
                seed=arguments.seed,
                threads=arguments.threads,
                namespace=arguments.namespace,
            )
        )
    elif arguments.cloud != NO_CLOUD and not arguments.cloud.startswith("tcp/"):
        raise ConfigError(
            f"'cloud' is {arguments.cloud!r}; expected {LOCAL}, {NO_CLOUD} or tcp/HOST:PORT"
        )
    nodes = [*cloud, *_control_plane(arguments), _segment(arguments), _arm(arguments)]
    nodes += _world(arguments)
    if arguments.rviz:
        nodes += _displays(arguments)
    return _managed(nodes, "robot", arguments.namespace)


def cloud_nodes(arguments: CloudArguments) -> tuple[NodeSpec, ...]:
    """Return everything on the cloud host, in starting order."""
    essential = [dataclasses.replace(one, is_essential=True) for one in _cloud_bridge(arguments)]
    return _managed(essential, "cloud", arguments.namespace)


def _managed(nodes: list[NodeSpec], side: str, namespace: str) -> tuple[NodeSpec, ...]:
    """Put the nodes in order and add who brings them up."""
    ordered = sorted(nodes, key=lambda one: one.order)
    names = ",".join(one.name for one in ordered if one.is_managed)
    optional = ",".join(one.name for one in ordered if one.is_managed and not one.is_essential)
    manager = NodeSpec(
        executable="lifecycle_manager_node",
        name=f"{side}_lifecycle_manager",
        side=side,
        order=_LAST,
        namespace=namespace,
        parameters={"nodes": names, "optional_nodes": optional},
        is_managed=False,
    )
    return (*ordered, manager)


def _cloud_bridge(arguments: CloudArguments) -> tuple[NodeSpec, ...]:
    node = NodeSpec(
        executable="cloud_bridge_node",
        name="cloud_bridge",
        side="cloud",
        order=0,
        namespace=arguments.namespace,
        parameters={
            "listen": arguments.listen,
            "robots": arguments.robots,
            "model": arguments.model,
            "seed": arguments.seed,
            "layers": arguments.layers,
            "device": arguments.device,
            "threads": arguments.threads,
        },
        is_essential=False,
    )
    return (node,)


def endpoint(arguments: BringupArguments) -> str:
    """Return where the robot finds its cloud; empty without one."""
    if arguments.cloud == LOCAL:
        return f"tcp/127.0.0.1:{arguments.port}"
    return "" if arguments.cloud == NO_CLOUD else arguments.cloud


def _robot_node(
    arguments: BringupArguments, executable: str, order: int, parameters: Mapping[str, Value]
) -> NodeSpec:
    return NodeSpec(
        executable=executable,
        name=executable.removesuffix("_node"),
        side="robot",
        order=order,
        namespace=arguments.namespace,
        parameters={"use_sim_time": arguments.sim, **parameters},
    )


def _control_plane(arguments: BringupArguments) -> list[NodeSpec]:
    monitor = {"cloud.endpoint": endpoint(arguments), "robot": arguments.robot}
    manager: dict[str, Value] = {
        "model": arguments.model,
        "seed": arguments.seed,
        "spans": arguments.spans,
        "has_cloud": bool(endpoint(arguments)),
    }
    return [
        _robot_node(arguments, "network_monitor_node", 10, monitor),
        _robot_node(arguments, "split_manager_node", 11, manager),
    ]


def _segment(arguments: BringupArguments) -> NodeSpec:
    return _robot_node(
        arguments,
        "edge_segment_node",
        20,
        {
            "model": arguments.model,
            "seed": arguments.seed,
            "layers": arguments.layers,
            "device": arguments.device,
            "threads": arguments.threads,
            "cloud.endpoint": endpoint(arguments),
            "robot": arguments.robot,
            "span": arguments.span,
            "instruction": arguments.instruction,
            "step.timeout_s": arguments.step_timeout_s,
            "action.period_s": arguments.action_period_s,
            "action.valid_for_s": arguments.valid_for_s,
        },
    )


def _outlet(arguments: BringupArguments) -> str:
    if arguments.outlet != AUTO:
        return arguments.outlet
    return "sim" if arguments.sim else "piper_ros"


def _arm(arguments: BringupArguments) -> NodeSpec:
    name = _outlet(arguments)
    topics = (
        ("joint_command", OUTLETS[name].command_topic),
        ("joint_states", OUTLETS[name].state_topic),
    )
    node = _robot_node(
        arguments, "piper_arm_node", 30, {"outlet": name, "log_path": arguments.arm_log}
    )
    return dataclasses.replace(node, remappings=tuple(t for t in topics if t[0] != t[1]))


def _world(arguments: BringupArguments) -> list[NodeSpec]:
    """Return who makes images: the simulation, a camera, or somebody else."""
    rate = {"image_rate_hz": arguments.image_rate_hz}
    if arguments.sim:
        simulated = _robot_node(arguments, "sim_node", 1, {"seed": arguments.seed, **rate})
        own_time = {**simulated.parameters, "use_sim_time": False}  # it makes /clock
        return [dataclasses.replace(simulated, parameters=own_time)]
    if arguments.camera:
        return [_robot_node(arguments, "camera_node", 2, {"source": arguments.camera, **rate})]
    return []


def _displays(arguments: BringupArguments) -> list[NodeSpec]:
    from roboecc_core.arm.piper_urdf import urdf_text  # noqa: PLC0415  only with rviz:=true

    common = {"side": "robot", "namespace": arguments.namespace, "is_managed": False}
    publisher = NodeSpec(
        executable="robot_state_publisher",
        package="robot_state_publisher",
        name="robot_state_publisher",
        order=40,
        parameters={"robot_description": urdf_text(), "use_sim_time": arguments.sim},
        remappings=_arm(arguments).remappings[1:],
        **common,  # type: ignore[arg-type]
    )
    rviz = NodeSpec(
        executable="rviz2",
        package="rviz2",
        name="rviz",
        order=41,
        parameters={"use_sim_time": arguments.sim},
        arguments=("-d", str(share_folder() / "config" / "piper.rviz")),
        is_essential=False,
        **common,  # type: ignore[arg-type]
    )
    return [publisher, rviz]


def share_folder() -> Path:
    """Return where launch/, config/ and urdf/ lie: the checkout, or the installed share folder.

    Raises:
        ConfigError: neither has them.
    """
    here = Path(__file__).resolve()
    places = [here.parents[1], *(parent / "share" / PACKAGE for parent in here.parents)]
    for place in places:
        if (place / "config" / "piper.rviz").is_file():
            return place
    raise ConfigError(
        f"the files of {PACKAGE} are not installed; run 'make setup' or colcon build"
    )
