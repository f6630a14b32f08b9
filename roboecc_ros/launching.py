# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The description of the nodes as ROS 2 launch actions, for the launch files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from roboecc_ros.bringup import NodeSpec
from roboecc_ros.described import from_text, settings

T = TypeVar("T")


def describe(
    arguments_class: type[T], nodes_of: Callable[[T], tuple[NodeSpec, ...]]
) -> LaunchDescription:
    """Return a launch description: one argument a setting, one node a NodeSpec."""

    def start(context: Any) -> list[Node]:
        texts = {
            setting.name: LaunchConfiguration(setting.name).perform(context)
            for setting in settings(arguments_class)
        }
        return [node_action(spec) for spec in nodes_of(from_text(arguments_class, texts))]

    declared = [
        DeclareLaunchArgument(
            setting.name,
            default_value=_text(setting.default),
            description=f"{setting.description} ({setting.allowed})",
        )
        for setting in settings(arguments_class)
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def node_action(spec: NodeSpec) -> Node:
    """Return the launch action of a node; the end of an essential one ends the launch."""
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        parameters=[dict(spec.parameters)],
        remappings=list(spec.remappings),
        arguments=list(spec.arguments),
        additional_env=dict(spec.environment),
        output="screen",
        on_exit=[Shutdown(reason=f"{spec.name} ended")] if spec.is_essential else None,
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
