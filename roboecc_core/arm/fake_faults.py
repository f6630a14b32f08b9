# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What can be made to go wrong with the fake arm, by name."""

from __future__ import annotations

import numpy as np

from roboecc_core.arm import piper
from roboecc_core.arm.piper_codes import ArmStatus
from roboecc_core.errors import ConfigError

FAULTS = {
    "none": "end every fault; power comes back",
    "silence": "no feedback; commands still work",
    "bus_off": "CAN adapter off the bus until it is opened anew",
    "power_loss": "the arm has no power; drives come back disabled",
    "teach": "somebody pressed the teach button",
    "enable_timeout": "no drive takes the enable command",
    "stuck_drive=J": "the drive of joint J does not",
    "status=NAME": "arm status, e.g. collision, joint_communication, controller_hot",
    "error=JOINT": "joint JOINT does not communicate (error code bits)",
    "driver=J:BIT": "state bit of joint J's drive, e.g. 3:2 overcurrent",
    "unplug": "the adapter's connections close and new ones are refused until none",
}

_NUM_FLAGS = 8
_JOINTS = range(1, piper.NUM_JOINTS + 1)


class Faults:
    """The faults in force.

    Attributes:
        active: names in the order in which they came.
        is_silent, is_powered, is_teaching, is_bus_off, is_unplugged: what holds now.
        is_stuck: `(6,)` bool, drives that ignore the enable command.
        status: reported instead of normal.
        error_code: 16 bits of 0x2A1.
        driver_flags: state bits by joint number, 1 to 6.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.active: list[str] = []
        self.is_silent = self.is_teaching = self.is_bus_off = self.is_unplugged = False
        self.is_powered = True
        self.is_stuck = np.zeros(piper.NUM_JOINTS, dtype=bool)
        self.clear_errors()

    def clear_errors(self) -> None:
        """Forget status and error bits, as the arm does on 0x150 02."""
        self.status = ArmStatus.NORMAL
        self.error_code = 0
        self.driver_flags = dict.fromkeys(_JOINTS, 0)

    def inject(self, fault: str) -> None:
        """Begin one of `FAULTS`.

        Raises:
            ConfigError: there is no such fault.
        """
        name, _, argument = fault.partition("=")
        try:
            self._begin(name, argument)
        except (KeyError, ValueError):
            raise ConfigError(
                f"no fault is called {fault!r}; expected one of {', '.join(FAULTS)}"
            ) from None
        self.active = [] if name == "none" else [*self.active, fault]

    def _begin(self, name: str, argument: str) -> None:
        claims = {"silence": "is_silent", "teach": "is_teaching"}
        claims |= {"bus_off": "is_bus_off", "unplug": "is_unplugged"}
        if name in claims and not argument:
            setattr(self, claims[name], True)
            return
        match name:
            case "none":
                self._clear()
            case "power_loss":
                self.is_powered = False
            case "enable_timeout":
                self.is_stuck[:] = True
            case _:
                self._begin_with(name, argument)

    def _begin_with(self, name: str, argument: str) -> None:
        match name:
            case "stuck_drive":
                self.is_stuck[_joint(argument) - 1] = True
            case "status":
                self.status = ArmStatus[argument.upper()]
            case "error":
                self.error_code |= 1 << _joint(argument) - 1
                self.status = ArmStatus.JOINT_COMMUNICATION
            case "driver":
                joint, bit = argument.split(":")
                self.driver_flags[_joint(joint)] |= 1 << _bit(bit)
            case _:
                raise KeyError(name)


def _joint(text: str) -> int:
    if int(text) not in _JOINTS:
        raise ValueError(text)
    return int(text)


def _bit(text: str) -> int:
    if not 0 <= int(text) < _NUM_FLAGS:
        raise ValueError(text)
    return int(text)
