# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Frames and slcan lines: round trips, and any bytes either decode or are refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.arm import can_frames
from roboecc_core.arm.can_frames import CanFrame, from_slcan, to_slcan
from roboecc_core.errors import ProtocolError

FRAMES = st.builds(CanFrame, st.integers(0, 0x7FF), st.binary(max_size=8))


@given(FRAMES)
def test_slcan_line_gives_back_its_frame(frame):
    line = to_slcan(frame)
    assert line.endswith(b"\r")
    assert from_slcan(line[:-1]) == frame


@given(st.one_of(st.binary(max_size=30), st.from_regex(rb"t[-+ 0-9A-F]{4,20}", fullmatch=True)))
def test_any_line_is_a_frame_or_refused(line):
    with contextlib.suppress(ProtocolError):
        frame = from_slcan(line)
        assert 0 <= frame.can_id <= 0x7FF
        assert len(frame.data) <= 8


@pytest.mark.parametrize("line", [b"t15080102", b"t1509" + b"00" * 9, b"T000001508", b"tGGG0"])
def test_a_line_of_wrong_length_or_kind_is_refused(line):
    with pytest.raises(ProtocolError, match="three hexadecimal digits"):
        from_slcan(line)


def test_joint_frames_are_big_endian_millidegrees():
    frames = can_frames.pairs(can_frames.JOINTS, [1000, -1000, 0, 1, 2, 3])
    assert frames[0] == CanFrame(0x2A5, bytes.fromhex("000003E8FFFFFC18"))
    assert can_frames.unpacked_pair(frames[0]) == (1000, -1000)
    assert [frame.can_id for frame in frames] == [0x2A5, 0x2A6, 0x2A7]


def test_every_feedback_frame_has_eight_bytes():
    frames = [
        can_frames.status((1, 0, 1, 0, 0, 0), 0x0102),
        can_frames.gripper(0.05, 0x40),
        can_frames.fast_driver(1, -0.5),
        can_frames.slow_driver(6, 24.0, 0x40),
        can_frames.motor_limit(1, (-2.6, 2.6), 3.0),
        can_frames.motor_acceleration(1, 5.0),
        can_frames.acknowledge(0x474),
        can_frames.firmware("S-V1.8-2"),
    ]
    assert {len(frame.data) for frame in frames} == {8}
    assert frames[0].data == bytes([1, 0, 1, 0, 0, 0, 1, 2])


def test_gripper_target_is_read_in_metres():
    frame = CanFrame(0x159, bytes.fromhex("0000C350" + "03E8" + "0100"))
    assert can_frames.unpacked_gripper_target(frame) == (0.05, 1)
