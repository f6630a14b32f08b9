# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Stamps and frames."""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time

BASE_FRAME = "base_link"
CAMERA_FRAME = "camera"
_NANOSECONDS = 1e9


def seconds(moment: Any) -> float:
    """Return a stamp as seconds of its clock."""
    return float(moment.sec + moment.nanosec / _NANOSECONDS)


def stamp(time_s: float) -> Time:
    """Return a clock's seconds as a stamp."""
    whole, rest = divmod(round(time_s * _NANOSECONDS), int(_NANOSECONDS))
    return Time(sec=whole, nanosec=rest)
