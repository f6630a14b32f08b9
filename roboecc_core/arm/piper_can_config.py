# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What a user of the outlet `can` sets."""

from __future__ import annotations

import dataclasses

from roboecc_core.errors import ConfigError


@dataclasses.dataclass(frozen=True, slots=True)
class PiperCanConfig:
    """What a user sets.

    Attributes:
        channel: can0, /dev/ttyACM0, or socket://HOST:PORT of a fake arm.
        bustype: socketcan or slcan.
        speed_percent: of the highest motor speed, sent with every command.
        gripper_torque_nm: 0 to 5.
        connect_deadline_s, enable_deadline_s, stop_deadline_s: of the blocking calls.
        silent_after_s: feedback older than this is no feedback; it comes every 5 ms.
        reopen_after_s: how long a lost or silent link waits before it is opened anew.
    """

    channel: str = "can0"
    bustype: str = "socketcan"
    speed_percent: int = 50
    gripper_torque_nm: float = 1.0
    connect_deadline_s: float = 8.0
    enable_deadline_s: float = 5.0
    stop_deadline_s: float = 0.5
    silent_after_s: float = 0.1
    reopen_after_s: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.speed_percent <= 100:  # noqa: PLR2004, percent
            raise ConfigError(f"speed_percent is {self.speed_percent}; expected 1 to 100")
        if not 0.0 < self.gripper_torque_nm <= 5.0:  # noqa: PLR2004, of 0x159
            raise ConfigError(
                f"gripper_torque_nm is {self.gripper_torque_nm}; expected above 0, at most 5"
            )
