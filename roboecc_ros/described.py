# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Settings that describe themselves: one frozen dataclass, each field with words and limits.

Node parameters, launch arguments and command line options are all made of these, so that a
description, a range or a default is written once. Knows nothing of ROS.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

from roboecc_core.errors import ConfigError

Value = bool | int | float | str
T = TypeVar("T")

_KEY = "roboecc.described"
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its type is the type of its default.

    Attributes:
        field: the dataclass field's name.
        name: what users type; may hold dots.
        low, high: inclusive bounds of a number, or None.
        choices: the only values allowed, or empty.
    """

    field: str
    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        word = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
        bounds = "" if self.low is None else f" from {self.low:g} to {self.high:g}"
        return word[type(self.default)] + bounds

    def checked(self, value: object) -> Value:
        """Return `value` in the setting's type.

        Raises:
            ConfigError: wrong type, out of range, or none of the choices.
        """
        fitting = self._in_type(value)
        is_allowed = fitting is not None and (not self.choices or fitting in self.choices)
        if is_allowed and isinstance(fitting, int | float) and self.low is not None:
            is_allowed = math.isfinite(fitting) and self.low <= fitting <= (self.high or 0.0)
        if fitting is None or not is_allowed:
            raise ConfigError(f"{self.name!r} is {value!r}; expected {self.allowed}")
        return fitting

    def parsed(self, text: str) -> Value:
        """Return the value of a text from a launch file or a shell; see `checked`."""
        kind = type(self.default)
        value: object = text
        if kind is bool:
            value = _TRUTH.get(text.strip().lower(), text)
        elif kind in (int, float):
            try:
                value = int(text) if kind is int else float(text)
            except ValueError:
                value = text
        return self.checked(value)

    def _in_type(self, value: object) -> Value | None:
        """Return the value where its type will do; a number may stand for its text."""
        kind = type(self.default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if kind is float and is_number:
            return float(str(value))
        if kind is str and is_number:
            return str(value)
        return value if type(value) is kind else None


def described(
    default: Value,
    description: str,
    *,
    name: str = "",
    bounds: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a dataclass field with a default, a description and what is allowed."""
    low, high = bounds or (None, None)
    setting = Setting("", name, default, description, low, high, choices)
    return dataclasses.field(default=default, metadata={_KEY: setting})


def settings(described_class: type) -> tuple[Setting, ...]:
    """Return the settings of a dataclass whose fields are all `described`."""
    return tuple(
        dataclasses.replace(
            field.metadata[_KEY], field=field.name, name=field.metadata[_KEY].name or field.name
        )
        for field in dataclasses.fields(described_class)
    )


def from_text(described_class: type[T], texts: dict[str, str]) -> T:
    """Return an instance from texts by setting name; what is absent keeps its default.

    Raises:
        ConfigError: a text is no allowed value of its setting.
    """
    by_name = {setting.name: setting for setting in settings(described_class)}
    return described_class(
        **{by_name[name].field: by_name[name].parsed(text) for name, text in texts.items()}
    )
