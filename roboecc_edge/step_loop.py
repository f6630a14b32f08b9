# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the robot's model thread does: newest image in, one step of the split policy, chunk out.

Configuration errors end it (and with it the process); a cloud that is away, a camera that is
silent or an image that cannot be used are told in /diagnostics and it goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from roboecc_core.backends.catalog import OpenedModel
from roboecc_core.backends.policy import Deployment, EdgePolicy, PolicyStep
from roboecc_core.data_plane.codec import CODEC_IDS
from roboecc_core.data_plane.edge_session import EdgeSession
from roboecc_core.data_plane.frame import ErrorCode
from roboecc_core.data_plane.hello import HostDescription
from roboecc_core.data_plane.transport import Transport
from roboecc_core.data_plane.transport.zenoh import ZenohTransport
from roboecc_core.errors import (
    ConfigError,
    PeerError,
    RoboEccError,
    StepTimeoutError,
    TransportError,
)
from roboecc_core.types import CloudSpan
from roboecc_ros.conversions import image_from_msg, seconds
from roboecc_ros.diagnostics import Diagnostics, Level
from roboecc_ros.mailbox import Mailbox
from roboecc_ros.segment_loader import SegmentLoader

_log = logging.getLogger(__name__)
SILENT_CAMERA_S = 2.0
_GREETING_PERIOD_S = 1.0
_WAIT_S = 0.1  # for an image, before looking after other things


@dataclasses.dataclass(frozen=True, slots=True)
class Observation:
    """An image message.

    Attributes:
        message: a sensor_msgs Image.
        received_s: when, on the monotonic clock.
        ros_now_s: reads the clock of the message's stamp.
    """

    message: Any
    received_s: float
    ros_now_s: Callable[[], float]

    def age_s(self) -> float:
        """Return its age by its stamp; by its arrival when there is none, or a future one."""
        waited_s = time.monotonic() - self.received_s
        stamp_s = seconds(self.message.header.stamp)
        return max(self.ros_now_s() - stamp_s, waited_s) if stamp_s else waited_s


@dataclasses.dataclass(frozen=True, slots=True)
class StepSettings:
    """What stays the same from step to step. `endpoint` "" means that there is no cloud."""

    endpoint: str
    robot: str
    action_period_s: float
    valid_for_s: float
    timeout_s: float


class NoCloud:
    """The transport of a robot without a cloud."""

    def exchange(self, request: bytes, *, timeout_s: float) -> bytes | memoryview:
        """Raise TransportError."""
        raise TransportError("no cloud is configured; set cloud.endpoint or use span 0:0")

    def notify(self, request: bytes) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class StepLoop:
    """`run` belongs to one thread; any thread puts images, instructs and deploys.

    Args:
        opened: the model.
        loader: gives its resident layers when they are loaded.
        settings: see there.
        diagnostics: told how steps, cloud and camera are.
        publish: is handed every finished step, on the loop's thread.
    """

    def __init__(
        self,
        opened: OpenedModel,
        loader: SegmentLoader,
        settings: StepSettings,
        *,
        diagnostics: Diagnostics,
        publish: Callable[[PolicyStep, Observation], None],
    ) -> None:
        self.images: Mailbox[Observation] = Mailbox()
        self._instruction = ""
        self._deployment: Deployment | None = None
        self._opened = opened
        self._loader = loader
        self._settings = settings
        self._diagnostics = diagnostics
        self._publish = publish
        self._has_met_cloud = False
        self._greeted_s = -math.inf
        self._image_s = time.monotonic()

    def deploy(self, span: CloudSpan, codec: str) -> None:
        """Run the next steps with this span and codec. Raises ConfigError for another codec."""
        if codec not in CODEC_IDS:
            raise ConfigError(f"codec is {codec!r}; expected one of {', '.join(CODEC_IDS)}")
        self._deployment = Deployment(span, codec, self._settings.timeout_s)

    def instruct(self, instruction: str) -> None:
        """Do this from the next step on. Raises ConfigError when it says nothing."""
        if not instruction.strip():
            raise ConfigError("the instruction is empty; expected one sentence")
        self._instruction = instruction.strip()
        _log.info("instruction: %s", self._instruction)

    def run(self, stop: threading.Event) -> None:
        """Step until `stop`.

        Raises:
            ConfigError: the cloud has another model and always had.
        """
        segment = self._loader.wait(stop)
        if segment is None:
            return
        session = EdgeSession(segment, self._transport(), model_id=self._opened.model_id)
        settings = self._settings
        policy = EdgePolicy(
            self._opened.model,
            session,
            action_period_s=settings.action_period_s,
            valid_for_s=settings.valid_for_s,
            # above every step of an earlier activation or process, or the arm would refuse it
            first_step=time.monotonic_ns() // 1_000_000,
        )
        self._image_s = time.monotonic()
        try:
            while not stop.is_set():
                self._greet(session)
                self._turn(policy, stop)
        finally:
            session.close()

    def _transport(self) -> Transport:
        settings = self._settings
        if not settings.endpoint:
            return NoCloud()
        return ZenohTransport(settings.endpoint, settings.robot)

    def _greet(self, session: EdgeSession) -> None:
        """Introduce the robot, so that two different models are noticed before any image."""
        now_s = time.monotonic()
        if not self._settings.endpoint or session.cloud:
            return
        if now_s - self._greeted_s < _GREETING_PERIOD_S:
            return
        self._greeted_s = now_s
        try:
            self._meet(session.hello())
        except RoboEccError as error:
            self._tell(error, about="cloud")

    def _meet(self, cloud: HostDescription) -> None:
        self._has_met_cloud = True
        held = f"{len(cloud.resident)} of {cloud.num_layers} layers"
        self._diagnostics.report(Level.OK, f"connected; it holds {held}", about="cloud")

    def _turn(self, policy: EdgePolicy, stop: threading.Event) -> None:
        observation = self.images.take(timeout_s=_WAIT_S)
        now_s = time.monotonic()
        if observation is None:
            if now_s - self._image_s > SILENT_CAMERA_S:
                self._diagnostics.report(
                    Level.ERROR,
                    f"no image for more than {SILENT_CAMERA_S:g} s",
                    about="steps",
                    silent_s=f"{now_s - self._image_s:.1f}",
                )
            return
        self._image_s = now_s
        try:
            step = self._step(policy, observation)
        except RoboEccError as error:
            self._tell(error, about="steps")
            return
        if stop.is_set():  # the node is going, and its publishers with it
            return
        self._publish(step, observation)
        if policy.session.cloud:  # a step introduces itself, too, when the cloud is new
            self._meet(policy.session.cloud)
        self._diagnostics.report(
            Level.OK,
            "stepping",
            about="steps",
            step=step.chunk.step,
            span=step.timing.span,
            total_ms=f"{step.timing.total_s * 1e3:.1f}",
            dropped_images=self.images.num_dropped,
        )

    def _step(self, policy: EdgePolicy, observation: Observation) -> PolicyStep:
        if self._deployment is None:
            raise ConfigError("no span is set")
        image = image_from_msg(observation.message)
        age_s = observation.age_s()
        if age_s > self._settings.valid_for_s:
            raise ConfigError(
                "images are too old on arrival; do camera and node have the same use_sim_time?"
            )
        return policy.step(image, self._instruction, self._deployment, capture_age_s=age_s)

    def _tell(self, error: RoboEccError, *, about: str) -> None:
        """Report run-time trouble in words that stay the same while the trouble does.

        Raises:
            ConfigError: it is none that could end by itself.
        """
        words = str(error)
        if isinstance(error, PeerError):
            if error.code == ErrorCode.MODEL_MISMATCH and not self._has_met_cloud:
                raise ConfigError(str(error)) from error
        elif isinstance(error, StepTimeoutError):
            words = "the cloud does not answer in time"
        elif isinstance(error, TransportError):
            words = "the cloud is unreachable"
        self._diagnostics.report(Level.ERROR, words, about=about, detail=error)
