# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import array
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import Image, JointState

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import JointCommand
from roboecc_core.control_plane.forecast import Forecast
from roboecc_core.control_plane.network_monitor import Measurement
from roboecc_core.control_plane.split_manager import Candidate, Decision
from roboecc_core.data_plane.action_gate import GatedAction
from roboecc_core.errors import ConfigError
from roboecc_core.sim.simulation import ObjectPose
from roboecc_core.types import ActionChunk, CloudSpan, Exchange, StepTiming
from roboecc_msgs.msg import ArmCommand, NetworkEstimate, SplitDecision
from roboecc_ros import conversions
from roboecc_ros.outlets import OUTLETS

pytestmark = pytest.mark.ros

STAMP = conversions.stamp(12.5)
NUMBERS = st.floats(-1e6, 1e6)
ACTIONS = st.tuples(*[NUMBERS] * 7)


@given(st.integers(0, 2**40))
def test_stamp_keeps_milliseconds(milliseconds):
    stamp = conversions.stamp(milliseconds / 1000 % 2**31)
    assert conversions.seconds(stamp) == pytest.approx(milliseconds / 1000 % 2**31, abs=1e-6)


@given(st.lists(ACTIONS, min_size=1, max_size=8), st.integers(0, 2**64 - 1))
def test_chunk_survives_a_round_trip(actions, step):
    chunk = ActionChunk(step, tuple(actions), action_period_s=0.1, age_s=0.2, valid_for_s=0.5)
    message = conversions.chunk_to_msg(chunk, STAMP)
    assert conversions.chunk_from_msg(message) == chunk
    assert message.header.frame_id == "base_link"


def test_chunk_with_missing_numbers_is_refused():
    chunk = ActionChunk(1, ((0.0,) * 7,), action_period_s=0.1, age_s=0.0, valid_for_s=0.5)
    message = conversions.chunk_to_msg(chunk, STAMP)
    message.horizon = 2
    with pytest.raises(ConfigError, match="has 7 numbers; expected 2 rows of 7"):
        conversions.chunk_from_msg(message)


def test_timing_survives_a_round_trip_and_places_exchanges_one_after_the_other():
    timing = StepTiming(
        step=7, span=CloudSpan(45, 77), codec="raw", capture_s=0.01, edge_s=0.02, encode_s=0.001,
        network_s=0.5, cloud_s=0.03, decode_s=0.002, total_s=0.6, bytes_up=300, bytes_down=30,
        round_trips=2, cloud_gib=1.5, edge_gib=0.5,
    )  # fmt: skip
    exchanges = (Exchange(200, 10, 0.3, 99.0), Exchange(100, 20, 0.2, 99.5))
    message = conversions.timing_to_msg(timing, exchanges, STAMP, dropped_images=4)
    again, placed = conversions.timing_from_msg(message, 10.0)
    assert again == timing
    assert message.dropped_images == 4
    assert placed == (Exchange(200, 10, 0.3, 9.8), Exchange(100, 20, 0.2, 10.0))


def estimate(direction, measured, rtt_s):
    forecast = Forecast(1e6, 0.5e6, 1e6, 2e6) if measured else None
    return conversions.estimate_to_msg(
        direction, measured, forecast, rtt_s=rtt_s, horizon_s=0.5, stamp=STAMP
    )


def test_estimate_is_in_mbit_per_second_and_comes_back_in_bytes():
    uplink = estimate(NetworkEstimate.UPLINK, Measurement(1.25e6, 0.3), 0.004)
    assert (uplink.measured_mbit_s, uplink.age_s, uplink.is_measured) == (10.0, 0.3, True)
    assert list(uplink.forecast_quantiles_mbit_s) == [4.0, 8.0, 16.0]
    downlink = estimate(NetworkEstimate.DOWNLINK, None, 0.004)
    link = conversions.link_from_msgs({0: uplink, 1: downlink})
    assert link.is_reachable
    assert (link.rtt_s, link.uplink_bytes_per_s, link.downlink_bytes_per_s) == (0.004, 1e6, None)


def test_link_is_unreachable_while_nobody_answers():
    message = estimate(NetworkEstimate.UPLINK, Measurement(1e6, 9.0), None)
    assert not conversions.link_from_msgs({0: message}).is_reachable
    assert not conversions.link_from_msgs({}).is_reachable


def candidate(start, stop):
    return Candidate(CloudSpan(start, stop), "raw", 1, 1, 1, 0.0)


def test_decision_carries_choice_and_runner_up():
    decision = Decision(candidate(45, 77), 0.05, candidate(0, 77), 0.06, "argmin", "fastest")
    message = conversions.decision_to_msg(decision, STAMP)
    assert conversions.span_from_msg(message) == CloudSpan(45, 77)
    assert (message.runner_up_span_start, message.runner_up_span_stop) == (0, 77)
    assert message.runner_up_expected_latency_s == 0.06


def test_decision_without_a_runner_up_says_so():
    decision = Decision(candidate(0, 0), math.nan, None, math.nan, "argmin", "alone")
    message = conversions.decision_to_msg(decision, STAMP)
    assert message.runner_up_codec == ""
    assert math.isnan(message.runner_up_expected_latency_s)


def test_span_that_is_no_range_is_refused():
    with pytest.raises(ConfigError):
        conversions.span_from_msg(SplitDecision(span_start=5, span_stop=2))


COMMAND = JointCommand((0.1, 0.2, -0.3, 0.4, 0.5, 0.6), 0.05, "workspace", "action")


@pytest.mark.parametrize("name", OUTLETS)
def test_joint_command_names_all_seven_and_survives_a_round_trip(name):
    message = conversions.joint_command_to_msg(COMMAND, OUTLETS[name], STAMP, speed_percent=40)
    assert message.name == list(piper.STATE_NAMES)
    assert conversions.joints_from_msg(message) == (*COMMAND.joints, COMMAND.gripper_m)


def test_piper_ros_gets_its_speed_percent_because_without_it_drives_at_100():
    message = conversions.joint_command_to_msg(
        COMMAND, OUTLETS["piper_ros"], STAMP, speed_percent=40
    )
    assert list(message.velocity) == [0.0] * 6 + [40.0]
    assert message.effort[6] == 1.0


def test_joints_are_found_by_name_whatever_their_order():
    names = list(reversed(piper.STATE_NAMES))
    message = JointState(name=names, position=array.array("d", range(7)))
    assert conversions.joints_from_msg(message) == (6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0)


def test_joint_state_without_the_gripper_is_refused_by_name():
    message = JointState(name=list(piper.JOINT_NAMES), position=array.array("d", [0.0] * 6))
    with pytest.raises(ConfigError, match="lacks gripper"):
        conversions.joints_from_msg(message)


def test_arm_command_tells_age_and_validity_of_an_action_only():
    action = GatedAction(7, 2, (0.0,) * 7, 10.0, 0.1, valid_until_s=10.4, captured_s=9.9)
    message = conversions.arm_command_to_msg(COMMAND, action, now_s=10.1, stamp=STAMP)
    assert (message.mode, message.step, message.action_index) == (ArmCommand.ACTION, 7, 2)
    assert message.action_age_s == pytest.approx(0.2)
    assert message.action_valid_for_s == pytest.approx(0.5)
    held = JointCommand(COMMAND.joints, 0.05, "", "hold")
    message = conversions.arm_command_to_msg(held, None, now_s=10.1, stamp=STAMP)
    assert (message.mode, message.step, message.action_age_s) == (ArmCommand.HOLD, 0, 0.0)


PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def test_image_survives_a_round_trip():
    message = conversions.image_to_msg(PIXELS, STAMP)
    assert (message.height, message.width, message.step, message.encoding) == (4, 5, 15, "rgb8")
    assert (conversions.image_from_msg(message) == PIXELS).all()


def test_bgr_image_becomes_rgb():
    message = conversions.image_to_msg(PIXELS[..., ::-1], STAMP)
    message.encoding = "bgr8"
    assert (conversions.image_from_msg(message) == PIXELS).all()


@pytest.mark.parametrize(
    "changes",
    [{"encoding": "16UC1"}, {"encoding": "nonsense"}, {"step": 16}, {"height": 40}, {"width": 0}],
)
def test_image_that_does_not_fit_its_description_is_refused(changes):
    message = conversions.image_to_msg(PIXELS, STAMP)
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ConfigError, match="image"):
        conversions.image_from_msg(message)


def test_empty_image_is_refused():
    with pytest.raises(ConfigError):
        conversions.image_from_msg(Image())


def test_big_arrays_are_assigned_in_milliseconds():
    pixels = np.zeros((800, 1000, 3), dtype=np.uint8)  # 2.4 MB; a numpy array takes 200 ms
    durations_s = []
    for _ in range(5):
        started_s = time.perf_counter()
        conversions.image_to_msg(pixels, STAMP)
        durations_s.append(time.perf_counter() - started_s)
    assert min(durations_s) < 0.02


def test_camera_info_has_the_matrix_or_says_uncalibrated():
    matrix = np.array([[200.0, 0, 112], [0, 200.0, 112], [0, 0, 1]])
    message = conversions.camera_info_to_msg((224, 224), matrix, STAMP)
    assert list(message.k) == matrix.flatten().tolist()
    assert message.p[3] == 0.0
    assert not any(conversions.camera_info_to_msg((224, 224), None, STAMP).k)


def test_objects_become_markers_with_their_names():
    pose = ObjectPose((0.1, 0.2, 0.3), (0.0, 0.0, 0.0, 1.0))
    sizes = {"mango": (0.07, 0.05, 0.05), "plate": (0.16, 0.16, 0.01)}
    message = conversions.objects_to_msg({"mango": pose, "plate": pose}, sizes, STAMP)
    assert [marker.ns for marker in message.markers] == ["mango", "plate"]
    assert message.markers[0].pose.position.z == 0.3
    assert message.markers[0].type != message.markers[1].type
