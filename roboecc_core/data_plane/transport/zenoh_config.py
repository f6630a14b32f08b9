# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How RoboECC opens zenoh sessions: everything explicit, nothing discovered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import zenoh

from roboecc_core.errors import ConfigError

_ENDPOINT_PATTERN = re.compile(r"tcp/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_ROBOT_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MAX_PORT = 65_535
RECONNECT_PERIOD_S = 0.1  # a returned cloud is noticed within a second
_LEASE_S = 3.0  # a silently cut link is given up after this; kill and reset show at once


def checked_endpoint(endpoint: str) -> str:
    """Return `endpoint` itself. Raises ConfigError unless it is `tcp/HOST:PORT`."""
    match = _ENDPOINT_PATTERN.fullmatch(endpoint)
    if match is None or not 0 < int(match[2]) <= _MAX_PORT:
        raise ConfigError(
            f"endpoint {endpoint!r} is not usable; expected tcp/HOST:PORT with a port of "
            f"1..{_MAX_PORT}, for example tcp/192.168.1.20:7447"
        )
    return endpoint


def checked_robot(robot: str) -> str:
    """Return `robot` itself. Raises ConfigError unless it can be part of a key."""
    if not _ROBOT_PATTERN.fullmatch(robot):
        raise ConfigError(
            f"robot name {robot!r} is not usable; expected up to 64 letters, digits, '_', '-', '.'"
        )
    return robot


def config(endpoints: Mapping[str, Sequence[str]]) -> zenoh.Config:
    """Return a configuration in which nothing is left to discovery or the environment."""
    period_ms = int(RECONNECT_PERIOD_S * 1000)
    result = zenoh.Config()
    settings: dict[str, object] = {
        "mode": "peer",  # a client's session cannot be opened while the cloud is away
        "listen/endpoints": endpoints.get("listen", ()),
        "listen/exit_on_failure": True,
        "connect/endpoints": endpoints.get("connect", ()),
        "connect/exit_on_failure": False,
        "connect/timeout_ms": -1,  # try for ever, in the background; 0 would be once
        "connect/retry": {
            "period_init_ms": period_ms,
            "period_max_ms": period_ms,
            "period_increase_factor": 1,
        },
        "scouting/multicast/enabled": False,
        "scouting/gossip/enabled": False,
        "scouting/delay": 0,
        "transport/shared_memory/enabled": False,
        "transport/link/tx/lease": int(_LEASE_S * 1000),
    }
    for key, value in settings.items():
        result.insert_json5(key, json.dumps(value))
    return result


def reason(error: zenoh.ZError) -> str:
    """Return the operating system's part of a zenoh error, without its source locations."""
    return re.sub(r"\s+at /\S+|\.$", "", str(error).rsplit("[", 1)[-1].split(" at /")[0])
