# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the control loop needs from whatever drives the arm, and nothing of how it does it."""

from __future__ import annotations

import dataclasses
import enum
from typing import Protocol

from roboecc_core.arm.arm_controller import JointCommand


class ArmState(enum.StrEnum):
    """What the arm does with a command."""

    CLOSED = "closed"  # not connected
    LOST = "lost"  # the bus is off or its adapter gone
    SILENT = "silent"  # connected, but no feedback: where the arm is, is unknown
    STOPPED = "stopped"  # emergency stop in force
    TEACHING = "teaching"  # somebody guides the arm by hand
    FAULT = "fault"  # the arm reports an error
    DISABLED = "disabled"  # drives without power, or not under CAN control
    ENABLED = "enabled"  # takes commands


@dataclasses.dataclass(frozen=True, slots=True)
class Feedback:
    """What the arm measured.

    Attributes:
        joints: six angles in rad.
        speeds: six speeds in rad/s.
        gripper_m: opening.
        age_s: time since it came, on this machine's steady clock.
    """

    joints: tuple[float, ...]
    speeds: tuple[float, ...]
    gripper_m: float
    age_s: float

    @property
    def measured(self) -> tuple[float, ...]:
        """The `(7,)` that `ArmController.tick` reads: joints, then the gripper."""
        return (*self.joints, self.gripper_m)


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """How the outlet and the arm are.

    Attributes:
        state: what it is now.
        text: one sentence: what is wrong and what to do, or "" when nothing is.
        errors: what the arm reports, in words.
        firmware: version text, "" until it is known.
        feedback_age_s: infinite before the first feedback.
        soft_starts: grows each time commands may begin anew from the measured joints; the
            controller is to be restarted whenever it changed.
        num_sent, num_refused: commands since connected.
        num_reopened: how often the bus was opened anew.
    """

    state: ArmState
    text: str
    errors: tuple[str, ...]
    firmware: str
    feedback_age_s: float
    soft_starts: int
    num_sent: int
    num_refused: int
    num_reopened: int


class Outlet(Protocol):
    """One way to an arm. Every call returns or raises before a deadline of its configuration.

    `send` and `feedback` belong to the control loop and never wait. All other methods may
    block up to their deadline and belong to another thread; `emergency_stop` to any.
    """

    def connect(self) -> None:
        """Open the way and wait for feedback; commands nothing.

        Raises:
            ArmError: it cannot be opened, or the arm stays silent. Nothing is left open.
        """

    def enable(self) -> Feedback:
        """Give power to the drives and hold the arm where it is; return where that is.

        The gripper keeps its opening. Repeated calls are harmless.

        Raises:
            ArmError: the arm does not allow it or does not do it in time. Drives that were
                off before are off again.
        """

    def send(self, command: JointCommand) -> str:
        """Pass a command on; return "" when it went out, else why it was refused."""

    def feedback(self) -> Feedback | None:
        """Return the newest measurement; None when there is none that can be believed."""

    def health(self) -> Health:
        """Return how things are."""

    def recover(self) -> None:
        """Mend what can be mended without a person; to be called a few times a second.

        A lost or silent link is opened anew; an arm that stayed enabled meanwhile is started
        softly from where it is. Never enables a drive, ends a stop, a lesson or a fault.
        """

    def emergency_stop(self) -> None:
        """Stop the arm now, whatever else is going on.

        Raises:
            ArmError: the arm did not confirm it in time. Commands are refused all the same.
        """

    def resume(self) -> None:
        """End an emergency stop or fault; afterwards the drives are off.

        Raises:
            ArmError: the arm did not confirm it in time.
        """

    def disable(self) -> None:
        """Take the power from the drives: an arm that is not at rest sinks.

        Raises:
            ArmError: the arm did not confirm it in time.
        """

    def close(self) -> None:
        """Close the way; the drives keep what they have, and the arm holds its position."""
