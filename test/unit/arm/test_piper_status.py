# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the arm's numbers mean, and what an arm in that state does with a command."""

import dataclasses

import pytest

from roboecc_core.arm.outlet import ArmState
from roboecc_core.arm.piper_codes import ArmStatus, ControlMode, Firmware, error_code_words
from roboecc_core.arm.piper_status import Report, errors_of, names_of_disabled, state_of

ENABLED = Report(
    joints=(0, 90_000, -90_000, 0, 45_000, 0),
    joints_stamp=1.0,
    joints_hz=200.0,
    speeds=(0,) * 6,
    opening=30_000,
    gripper_stamp=1.0,
    gripper_flags=0xC0,
    driver_flags=(0x40,) * 6,
    mode=ControlMode.CAN,
    status=ArmStatus.NORMAL,
    error_code=0,
    firmware="S-V1.8-2",
)


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, ArmState.ENABLED, ""),
        ({"mode": ControlMode.STANDBY}, ArmState.DISABLED, "not under CAN control"),
        ({"driver_flags": (0x40,) * 5 + (0,)}, ArmState.DISABLED, "drives off"),
        ({"status": ArmStatus.EMERGENCY_STOP}, ArmState.STOPPED, "hold the arm, it sinks"),
        ({"mode": ControlMode.TEACHING}, ArmState.TEACHING, "the arm's button"),
        ({"status": ArmStatus.TEACHING_RECORD}, ArmState.TEACHING, "the arm's button"),
        ({"status": ArmStatus.COLLISION}, ArmState.FAULT, "collision: clear the cause"),
        ({"status": ArmStatus.UNKNOWN}, ArmState.FAULT, "not known to piper_sdk"),
        ({"error_code": 0x0002}, ArmState.FAULT, "joint2 does not communicate"),
        ({"driver_flags": (0x40,) * 5 + (0x48,)}, ArmState.FAULT, "joint6 driver too hot"),
        ({"status": ArmStatus.SINGULARITY}, ArmState.ENABLED, ""),
        ({"status": ArmStatus.TARGET_OUT_OF_LIMITS}, ArmState.ENABLED, ""),
    ],
)
def test_state_of_says_what_the_arm_does_and_what_to_do(changes, state, words):
    found, text = state_of(dataclasses.replace(ENABLED, **changes))
    assert found is state
    assert words in text


def test_report_gives_si_units():
    assert ENABLED.joints_rad[1] == pytest.approx(1.5707963)
    assert ENABLED.gripper_m == 0.03


def test_errors_name_the_gripper_and_an_old_firmware():
    report = dataclasses.replace(ENABLED, gripper_flags=0x30, firmware="S-V1.5-2")
    words = ", ".join(errors_of(report))
    assert "gripper sensor error, gripper driver error" in words
    assert "update it to S-V1.6-3" in words
    assert errors_of(ENABLED) == ()


def test_names_of_disabled_names_the_joints():
    report = dataclasses.replace(ENABLED, driver_flags=(0x40, 0, 0x40, 0, 0x40, 0x40))
    assert names_of_disabled(report) == "joint2, joint4"


def test_error_code_words_reads_both_bytes():
    assert error_code_words(0x2001) == [
        "joint6 beyond its angle limit",
        "joint1 does not communicate",
    ]


@pytest.mark.parametrize(
    ("text", "version", "is_old"),
    [
        ("S-V1.8-2", (1, 8, 2), False),
        ("xxS-V1.6-3yy", (1, 6, 3), False),
        ("S-V1.6-2", (1, 6, 2), True),
        ("", None, None),
    ],
)
def test_firmware_is_parsed_and_compared(text, version, is_old):
    parsed = Firmware.parsed(text)
    assert parsed == version
    if parsed is not None:
        assert parsed.has_old_zero is is_old
