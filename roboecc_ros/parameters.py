# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Node parameters from a frozen dataclass: declared with description and range, read-only."""

from __future__ import annotations

from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from roboecc_core.errors import ConfigError
from roboecc_ros.described import Setting, Value, settings

T = TypeVar("T")


def declare(node: Node, parameters_class: type[T]) -> T:
    """Declare every field as a parameter and return the values that the user chose.

    A second call (after a clean-up) returns the same values: they are read-only.

    Raises:
        ConfigError: a value is not allowed; names parameter, value and what is.
    """
    values = {s.field: _value(node, s) for s in settings(parameters_class)}
    return parameters_class(**values)


def _value(node: Node, setting: Setting) -> Value:
    if not node.has_parameter(setting.name):
        # Twice, because rclpy itself refuses 1 for a float and words a bad range badly.
        anything = ParameterDescriptor(dynamic_typing=True)
        given = node.declare_parameter(setting.name, setting.default, anything).value
        node.undeclare_parameter(setting.name)
        try:
            value = setting.checked(given)
        except ConfigError as error:
            raise ConfigError(f"parameter {error}") from None
        node.declare_parameter(setting.name, value, descriptor(setting), ignore_override=True)
    declared: Value = node.get_parameter(setting.name).value
    return declared


def descriptor(setting: Setting) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows."""
    result = ParameterDescriptor(
        name=setting.name,
        description=setting.description,
        read_only=True,
        additional_constraints=f"one of: {', '.join(setting.choices)}" if setting.choices else "",
    )
    if setting.low is not None and setting.high is not None:
        if isinstance(setting.default, float):
            floats = FloatingPointRange(
                from_value=float(setting.low), to_value=float(setting.high)
            )
            result.floating_point_range = [floats]
        else:
            integers = IntegerRange(
                from_value=int(setting.low), to_value=int(setting.high), step=1
            )
            result.integer_range = [integers]
    return result
