# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Messages to values of the core and back; the only place that does it.

Arrays go into messages as array.array or bytes: a numpy array is checked element by element,
0.2 s for 2.4 MB. Pure functions; any thread.
"""

from __future__ import annotations

import array
import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from roboecc_core.arm import piper
from roboecc_core.control_plane.split_manager import LinkEstimate
from roboecc_core.errors import ConfigError
from roboecc_core.types import ACTION_DIM, ActionChunk, CloudSpan, Exchange, StepTiming
from roboecc_msgs.msg import ActionChunk as ActionChunkMsg
from roboecc_msgs.msg import ArmCommand, NetworkEstimate, SplitDecision
from roboecc_msgs.msg import StepTiming as StepTimingMsg
from roboecc_ros.outlets import Outlet

if TYPE_CHECKING:  # pinocchio and cv2 take their time; only some nodes need them
    from roboecc_core.arm.arm_controller import JointCommand
    from roboecc_core.control_plane.forecast import Forecast
    from roboecc_core.control_plane.network_monitor import Measurement
    from roboecc_core.control_plane.split_manager import Decision
    from roboecc_core.data_plane.action_gate import GatedAction
    from roboecc_core.sim.simulation import ObjectPose

RgbImage = npt.NDArray[np.uint8]

BASE_FRAME = "base_link"
CAMERA_FRAME = "camera"
_BYTES_PER_S = 1e6 / 8  # of one Mbit/s
_NANOSECONDS = 1e9
_ENCODINGS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}  # bytes a pixel
_DURATIONS = (
    "capture_s", "edge_s", "encode_s", "decode_s", "network_s", "cloud_s", "total_s",
    "cloud_gib", "edge_gib",
)  # fmt: skip
_SIZES = ("step", "bytes_up", "bytes_down", "round_trips")
_MODES = {"hold": ArmCommand.HOLD, "action": ArmCommand.ACTION, "ready": ArmCommand.READY}


@functools.cache
def _bridge() -> Any:
    from cv_bridge import CvBridge  # noqa: PLC0415  loads OpenCV

    return CvBridge()


def seconds(stamp: Any) -> float:
    """Return a stamp as seconds of its clock."""
    return float(stamp.sec) + stamp.nanosec / _NANOSECONDS


# ------------------------------------------------------------ images


def image_from_msg(message: Image) -> RgbImage:
    """Return the pixels as RGB `(height, width, 3)`.

    Raises:
        ConfigError: the encoding is not one of the 8-bit ones, or the data does not fit the size.
    """
    if message.encoding not in _ENCODINGS:
        raise ConfigError(
            f"image has encoding {message.encoding!r}; expected one of {', '.join(_ENCODINGS)}"
        )
    row_bytes = message.width * _ENCODINGS[message.encoding]
    if (
        not row_bytes
        or message.step != row_bytes
        or len(message.data) != row_bytes * message.height
    ):
        raise ConfigError(
            f"image of {message.width}x{message.height} {message.encoding} has rows of "
            f"{message.step} bytes and {len(message.data)} in all; expected rows of {row_bytes}"
        )
    pixels: RgbImage = _bridge().imgmsg_to_cv2(message, "rgb8")
    return pixels


def image_to_msg(pixels: RgbImage, stamp: Any, frame_id: str = CAMERA_FRAME) -> Image:
    """Return an rgb8 message of `(height, width, 3)` RGB."""
    message = _bridge().cv2_to_imgmsg(np.ascontiguousarray(pixels), "rgb8")
    message.header.stamp, message.header.frame_id = stamp, frame_id
    return message


def camera_info_to_msg(
    size_px: tuple[int, int], matrix: npt.NDArray[np.float64] | None, stamp: Any
) -> CameraInfo:
    """Return the calibration of a camera without distortion.

    Args:
        size_px: width, height.
        matrix: intrinsic `(3, 3)` in pixels; None for an uncalibrated one (K all zero).
        stamp: the image's.
    """
    width, height = size_px
    message = CameraInfo(width=width, height=height)
    message.header.stamp, message.header.frame_id = stamp, CAMERA_FRAME
    if matrix is not None:
        message.distortion_model, message.d = "plumb_bob", [0.0] * 5
        message.k = matrix.flatten().tolist()
        message.r = np.eye(3).flatten().tolist()
        message.p = np.hstack([matrix, np.zeros((3, 1))]).flatten().tolist()
    return message


# ------------------------------------------------------------ steps


def chunk_to_msg(chunk: ActionChunk, stamp: Any) -> ActionChunkMsg:
    """Return the message; `stamp` is the observation's capture."""
    flat = [value for row in chunk.actions for value in row]
    message = ActionChunkMsg(
        step=chunk.step,
        horizon=len(chunk.actions),
        actions=array.array("d", flat),
        action_period_s=chunk.action_period_s,
        age_s=chunk.age_s,
        valid_for_s=chunk.valid_for_s,
    )
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    return message


def chunk_from_msg(message: ActionChunkMsg) -> ActionChunk:
    """Return the chunk; what it holds is judged by the action gate.

    Raises:
        ConfigError: the actions are not `horizon` rows of seven numbers.
    """
    flat = tuple(message.actions)
    if len(flat) != message.horizon * ACTION_DIM:
        raise ConfigError(
            f"chunk of step {message.step} has {len(flat)} numbers; expected {message.horizon} "
            f"rows of {ACTION_DIM}"
        )
    rows = tuple(flat[i : i + ACTION_DIM] for i in range(0, len(flat), ACTION_DIM))
    return ActionChunk(
        step=message.step,
        actions=rows,
        action_period_s=message.action_period_s,
        age_s=message.age_s,
        valid_for_s=message.valid_for_s,
    )


def timing_to_msg(
    timing: StepTiming, exchanges: Sequence[Exchange], stamp: Any, dropped_images: int
) -> StepTimingMsg:
    """Return the message with every single exchange."""
    message = StepTimingMsg(
        span_start=timing.span.start,
        span_stop=timing.span.stop,
        codec=timing.codec,
        exchange_bytes_up=array.array("Q", [one.bytes_up for one in exchanges]),
        exchange_bytes_down=array.array("Q", [one.bytes_down for one in exchanges]),
        exchange_network_s=array.array("d", [one.network_s for one in exchanges]),
        dropped_images=dropped_images,
        **{name: getattr(timing, name) for name in (*_DURATIONS, *_SIZES)},
    )
    message.header.stamp = stamp
    return message


def timing_from_msg(
    message: StepTimingMsg, received_s: float
) -> tuple[StepTiming, tuple[Exchange, ...]]:
    """Return timing and exchanges; these are taken to have ended one after the other by now.

    Args:
        message: of one step.
        received_s: now, on the receiver's monotonic clock.
    """
    fields = {name: getattr(message, name) for name in (*_DURATIONS, *_SIZES)}
    span = CloudSpan(message.span_start, message.span_stop)
    timing = StepTiming(span=span, codec=message.codec, **fields)
    durations_s = list(message.exchange_network_s)
    exchanges = []
    for index, (up, down, network_s) in enumerate(
        zip(message.exchange_bytes_up, message.exchange_bytes_down, durations_s, strict=False)
    ):
        ended_s = received_s - sum(durations_s[index + 1 :])
        exchanges.append(Exchange(int(up), int(down), float(network_s), ended_s))
    return timing, tuple(exchanges)


# ------------------------------------------------------------ control plane


def estimate_to_msg(
    direction: int,
    measured: Measurement | None,
    forecast: Forecast | None,
    *,
    rtt_s: float | None,
    horizon_s: float,
    stamp: Any,
) -> NetworkEstimate:
    """Return one direction's estimate; bytes/s become Mbit/s. `rtt_s` None: nobody answers."""
    message = NetworkEstimate(direction=direction, horizon_s=horizon_s, predictor="last")
    message.header.stamp = stamp
    message.rtt_s = rtt_s or 0.0
    message.is_measured = measured is not None
    if measured is not None:
        message.measured_mbit_s = measured.value / _BYTES_PER_S
        message.age_s = measured.age_s
    if forecast is not None:
        message.forecast_mean_mbit_s = forecast.mean / _BYTES_PER_S
        quantiles = (forecast.q05, forecast.q50, forecast.q95)
        message.forecast_quantiles_mbit_s = [value / _BYTES_PER_S for value in quantiles]
    return message


def link_from_msgs(messages: Mapping[int, NetworkEstimate]) -> LinkEstimate:
    """Return the link of the newest message a direction; unreachable while the RTT is 0."""
    rtt_s = max((message.rtt_s for message in messages.values()), default=0.0)
    rates = {
        direction: message.forecast_mean_mbit_s * _BYTES_PER_S if message.is_measured else None
        for direction, message in messages.items()
    }
    return LinkEstimate(
        is_reachable=rtt_s > 0.0,
        rtt_s=rtt_s or None,
        uplink_bytes_per_s=rates.get(NetworkEstimate.UPLINK),
        downlink_bytes_per_s=rates.get(NetworkEstimate.DOWNLINK),
    )


def decision_to_msg(decision: Decision, stamp: Any) -> SplitDecision:
    """Return the message; without a runner-up its span is empty and its latency NaN."""
    chosen, runner_up = decision.candidate, decision.runner_up
    message = SplitDecision(
        span_start=chosen.span.start,
        span_stop=chosen.span.stop,
        codec=chosen.codec,
        policy=decision.policy,
        reason=decision.reason,
        expected_latency_s=decision.expected_latency_s,
        runner_up_expected_latency_s=math.nan,
    )
    if runner_up is not None:
        message.runner_up_span_start = runner_up.span.start
        message.runner_up_span_stop = runner_up.span.stop
        message.runner_up_codec = runner_up.codec
        message.runner_up_expected_latency_s = decision.runner_up_latency_s
    message.header.stamp = stamp
    return message


def span_from_msg(message: Any) -> CloudSpan:
    """Return the span of a SplitDecision or of a SetSpan request. Raises ConfigError."""
    return CloudSpan(message.span_start, message.span_stop)


# ------------------------------------------------------------ the arm


def joint_command_to_msg(
    command: JointCommand, outlet: Outlet, stamp: Any, *, speed_percent: int
) -> JointState:
    """Return what a driver takes: seven names, rad and m, extras as the outlet wants them."""
    message = JointState(name=list(piper.STATE_NAMES))
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    message.position = array.array("d", [*command.joints, command.gripper_m])
    unused = [0.0] * piper.NUM_JOINTS
    if outlet.has_speed_percent:
        message.velocity = array.array("d", [*unused, float(speed_percent)])
    if outlet.gripper_effort:
        message.effort = array.array("d", [*unused, outlet.gripper_effort])
    return message


def joint_state_to_msg(
    names: Sequence[str], positions: Sequence[float], velocities: Sequence[float], stamp: Any
) -> JointState:
    """Return a state in rad, rad/s, m and m/s."""
    message = JointState(name=list(names))
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    message.position = array.array("d", positions)
    message.velocity = array.array("d", velocities)
    return message


def joints_from_msg(message: JointState) -> tuple[float, ...]:
    """Return `(7,)` positions in the order of `piper.STATE_NAMES`, found by name.

    Raises:
        ConfigError: a joint is missing.
    """
    positions = dict(zip(message.name, message.position, strict=False))
    missing = [name for name in piper.STATE_NAMES if name not in positions]
    if missing:
        raise ConfigError(
            f"joint state lacks {', '.join(missing)}; it has {', '.join(message.name) or 'nothing'}"
        )
    return tuple(float(positions[name]) for name in piper.STATE_NAMES)


def arm_command_to_msg(
    command: JointCommand, action: GatedAction | None, *, now_s: float, stamp: Any
) -> ArmCommand:
    """Return the log entry of one tick; `now_s` on the gate's clock."""
    message = ArmCommand(
        mode=_MODES[command.mode],
        joints=list(command.joints),
        gripper_m=command.gripper_m,
        clipped_by=command.clipped_by,
    )
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    if command.mode == "action" and action is not None:
        message.step, message.action_index = action.step, action.index
        message.action_age_s = now_s - action.captured_s
        message.action_valid_for_s = action.valid_until_s - action.captured_s
    return message


# ------------------------------------------------------------ the simulation


def objects_to_msg(
    poses: Mapping[str, ObjectPose], sizes_m: Mapping[str, Sequence[float]], stamp: Any
) -> MarkerArray:
    """Return one marker an object: its name is the namespace, its pose in base_link."""
    markers = []
    for name, pose in poses.items():
        x, y, z = (float(value) for value in sizes_m[name])
        marker = Marker(ns=name, type=Marker.SPHERE if x != y else Marker.CYLINDER)
        marker.header.stamp, marker.header.frame_id = stamp, BASE_FRAME
        px, py, pz = pose.position_m
        qx, qy, qz, qw = pose.orientation_xyzw
        marker.pose = Pose(
            position=Point(x=px, y=py, z=pz), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw)
        )
        marker.scale = Vector3(x=x, y=y, z=z)
        marker.color = ColorRGBA(r=0.98, g=0.53, b=0.06, a=1.0)
        if marker.type == Marker.CYLINDER:
            marker.color = ColorRGBA(r=0.74, g=0.77, b=0.80, a=1.0)
        markers.append(marker)
    return MarkerArray(markers=markers)
