# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One picture of everything a PIPER reports, and what follows from it. Pure."""

from __future__ import annotations

import dataclasses

from roboecc_core.arm import piper, piper_codes
from roboecc_core.arm.can_frames import MICROMETRES_PER_M, MILLIDEGREES_PER_RAD
from roboecc_core.arm.outlet import ArmState
from roboecc_core.arm.piper_codes import ArmStatus, ControlMode, Firmware

_HOLD_IT = "hold the arm, it sinks; then resume and enable"
_NO_STAMP = 0.0  # what piper_sdk reports before the first frame


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """A copy of what piper_sdk's live objects held at one moment, in the bus's own units.

    Attributes:
        joints: six angles in 0.001 deg.
        joints_stamp: changes with every joint frame; 0 before the first.
        joints_hz: 0 until all three joint frames flow.
        speeds: six in 0.001 rad/s.
        opening: of the gripper in 0.001 mm.
        gripper_stamp: 0 when there is no gripper.
        gripper_flags, driver_flags: state bits, see `piper_codes`.
        mode, status, error_code: of 0x2A1.
        firmware: text, "" while unknown.
    """

    joints: tuple[int, ...]
    joints_stamp: float
    joints_hz: float
    speeds: tuple[int, ...]
    opening: int
    gripper_stamp: float
    gripper_flags: int
    driver_flags: tuple[int, ...]
    mode: ControlMode
    status: ArmStatus
    error_code: int
    firmware: str

    @property
    def joints_rad(self) -> tuple[float, ...]:
        """Six angles in rad."""
        return tuple(value / MILLIDEGREES_PER_RAD for value in self.joints)

    @property
    def speeds_rad_per_s(self) -> tuple[float, ...]:
        """Six speeds."""
        return tuple(value / 1000 for value in self.speeds)

    @property
    def gripper_m(self) -> float:
        """The opening in m."""
        return self.opening / MICROMETRES_PER_M

    @property
    def has_gripper(self) -> bool:
        """True once a gripper reported."""
        return self.gripper_stamp != _NO_STAMP

    @property
    def has_gripper_error(self) -> bool:
        """True when the gripper complains; enabling it may clear that."""
        return bool(piper_codes.flag_words(self.gripper_flags, piper_codes.GRIPPER_FLAGS))

    @property
    def is_enabled(self) -> tuple[bool, ...]:
        """Which of the six drives have power on their motors."""
        return tuple(bool(flags >> piper_codes.ENABLED_BIT & 1) for flags in self.driver_flags)

    @property
    def is_driven(self) -> bool:
        """True when all six drives have power and CAN commands them."""
        return all(self.is_enabled) and self.mode is ControlMode.CAN


def errors_of(report: Report) -> tuple[str, ...]:
    """Return in words everything that the arm complains about."""
    words = piper_codes.STATUS_WORDS
    errors = [words[report.status]] if report.status in words else []
    errors += piper_codes.error_code_words(report.error_code)
    for name, flags in zip(piper.JOINT_NAMES, report.driver_flags, strict=True):
        found = piper_codes.flag_words(flags, piper_codes.DRIVER_FLAGS)
        errors += [f"{name} {word}" for word in found]
    if report.has_gripper:
        found = piper_codes.flag_words(report.gripper_flags, piper_codes.GRIPPER_FLAGS)
        errors += [f"gripper {word}" for word in found]
    version = Firmware.parsed(report.firmware)
    if version is not None and version.has_old_zero:
        errors.append(
            f"firmware {version} counts joint2 and joint3 from 2 deg beside our model; update "
            "it to S-V1.6-3 or later"
        )
    return tuple(errors)


def names_of_disabled(report: Report) -> str:
    """Return the joints whose drives have no power, "" when all have."""
    states = zip(piper.JOINT_NAMES, report.is_enabled, strict=True)
    return ", ".join(name for name, is_enabled in states if not is_enabled)


def state_of(report: Report) -> tuple[ArmState, str]:
    """Return what an arm whose feedback is fresh does with a command, and what to do."""
    status = report.status
    if status is ArmStatus.EMERGENCY_STOP:
        return ArmState.STOPPED, f"emergency stop: {_HOLD_IT}"
    if report.mode in piper_codes.TEACHING_MODES or status in piper_codes.TEACHING_STATUSES:
        return ArmState.TEACHING, "teach mode: end it with the arm's button, then enable"
    drivers = any(
        piper_codes.flag_words(flags, piper_codes.DRIVER_FLAGS) for flags in report.driver_flags
    )
    if status not in piper_codes.PASSING_STATUSES or report.error_code or drivers:
        reasons = ", ".join(errors_of(report))
        return ArmState.FAULT, f"{reasons}: clear the cause; {_HOLD_IT}"
    if not report.is_driven:
        return ArmState.DISABLED, "drives off or not under CAN control: enable"
    return ArmState.ENABLED, ""
