# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The VLA as the robot uses it: an image and a sentence in, an action chunk out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from roboecc_core.backends.model import Model
from roboecc_core.data_plane.edge_session import EdgeSession
from roboecc_core.data_plane.segment import StepState
from roboecc_core.types import ActionChunk, CloudSpan, Exchange, StepTiming


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    """How one step is to be run: what the cloud runs, how activations travel, until when."""

    span: CloudSpan
    codec: str
    timeout_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyStep:
    """What one step gave; `tokens` is empty where a model's actions are no tokens."""

    chunk: ActionChunk
    timing: StepTiming
    exchanges: tuple[Exchange, ...]
    tokens: tuple[int, ...]


class EdgePolicy:
    """A model split between this robot and a cloud. One thread owns it.

    Args:
        model: how images and sentences become tensors.
        session: the robot's side of the split.
        action_period_s: how long one action lasts.
        valid_for_s: how long after the image's capture its actions may be acted on.
        first_step: number of the first step. The arm refuses steps older than those that it
            has seen, so a robot that restarts must go on above them.
        clock: monotonic seconds; the session's own.
    """

    def __init__(
        self,
        model: Model,
        session: EdgeSession,
        *,
        action_period_s: float,
        valid_for_s: float,
        first_step: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self.session = session
        self._action_period_s = action_period_s
        self._valid_for_s = valid_for_s
        self._clock = clock
        self._next_step = first_step

    def step(
        self,
        image: npt.NDArray[np.uint8],
        instruction: str,
        deployment: Deployment,
        *,
        capture_age_s: float,
    ) -> PolicyStep:
        """Run the model once.

        Args:
            image: RGB `(height, width, 3)`.
            instruction: what to do, in a sentence.
            deployment: this step's span, codec and time-out.
            capture_age_s: how old the image is at the call.

        Raises:
            ConfigError: the image or the instruction cannot be used.
            SpanNotResidentError: a host does not hold its layers; nothing was run.
            TransportError, ProtocolError: the step was abandoned.
        """
        started_s = self._clock()
        number, self._next_step = self._next_step, self._next_step + 1
        state = StepState(tensors=self.model.observe(image, instruction))
        observed_s = self._clock()
        record = self.session.step(
            number,
            state,
            deployment.span,
            codec=deployment.codec,
            deadline_s=started_s + deployment.timeout_s,
        )
        total_s = self._clock() - started_s
        timing = StepTiming(
            step=number,
            span=deployment.span,
            codec=deployment.codec,
            capture_s=capture_age_s,
            edge_s=record.edge_s + (observed_s - started_s),
            encode_s=record.encode_s,
            network_s=record.network_s,
            cloud_s=record.cloud_s,
            decode_s=record.decode_s,
            total_s=total_s,
            bytes_up=record.bytes_up,
            bytes_down=record.bytes_down,
            round_trips=len(record.exchanges),
            cloud_gib=self.session.cloud_gib,
            edge_gib=self.session.edge_gib,
        )
        chunk = ActionChunk(
            step=number,
            actions=tuple(tuple(row) for row in state.tensors["actions"].tolist()),
            action_period_s=self._action_period_s,
            age_s=capture_age_s + total_s,
            valid_for_s=self._valid_for_s,
        )
        tokens = tuple(state.tensors["tokens"].tolist()) if "tokens" in state.tensors else ()
        return PolicyStep(chunk, timing, tuple(record.exchanges), tokens)
