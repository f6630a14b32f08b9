# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The vocabulary that every part shares: plain values, no behaviour beyond validation.

Times are seconds on the owner's own monotonic clock; clocks of two hosts are never
compared (ADR 0003). Words are those of docs/glossary.md.
"""

from __future__ import annotations

import dataclasses
import math

from roboecc_core.errors import ConfigError

ACTION_DIM = 7  # translation (m), rotation vector (rad), gripper opening 0..1 (1 = open)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class CloudSpan:
    """The layers `[start, stop)` that the cloud runs; the robot runs the rest.

    `(0, 0)` is edge-only, `(0, n)` cloud-only, `(s, n)` the paper's Alg. 1 (edge prefix,
    cloud suffix), `(0, s)` the authors' released planner, `(a, b)` a sandwich.
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ConfigError(
                f"cloud span [{self.start}, {self.stop}) is not a range; expected "
                "0 <= start <= stop"
            )
        if self.start == self.stop and self.start != 0:
            object.__setattr__(self, "start", 0)  # every empty span is the one edge-only
            object.__setattr__(self, "stop", 0)

    @property
    def is_empty(self) -> bool:
        """True when the cloud runs nothing (edge-only)."""
        return self.start == self.stop

    def __contains__(self, layer_index: int) -> bool:
        return self.start <= layer_index < self.stop

    def __str__(self) -> str:
        return f"[{self.start}, {self.stop})"

    def checked(self, num_layers: int) -> CloudSpan:
        """Return the span itself when it fits a chain of `num_layers`.

        Raises:
            ConfigError: the span reaches past the last layer.
        """
        if self.stop > num_layers:
            raise ConfigError(
                f"cloud span {self} reaches past the model's {num_layers} layers; "
                f"expected 0 <= start <= stop <= {num_layers}"
            )
        return self


@dataclasses.dataclass(frozen=True, slots=True)
class ActionChunk:
    """What one step of the policy asks of the arm.

    Attributes:
        step: the step that produced it; grows by at least one a step.
        actions: `(horizon, 7)`, each a change of the tool's pose in the base frame over
            `action_period_s`: translation in m, rotation vector in rad, then the gripper's
            opening as a fraction (0 closed, 1 open).
        action_period_s: how long one action lasts.
        age_s: time from the observation's capture to the moment the chunk was handed over.
        valid_for_s: how long after the capture the chunk may still be acted on.
    """

    step: int
    actions: tuple[tuple[float, ...], ...]
    action_period_s: float
    age_s: float
    valid_for_s: float

    @property
    def is_finite(self) -> bool:
        """True when every action has the right shape and no NaN or infinity."""
        return bool(self.actions) and all(
            len(action) == ACTION_DIM and all(map(math.isfinite, action))
            for action in self.actions
        )


@dataclasses.dataclass(frozen=True, slots=True)
class StepTiming:
    """Where one step's time and bytes went. Durations in seconds, sizes in bytes.

    `network_s` is the wall time of the exchanges less the cloud's own reported work;
    `capture_s` runs from the image's stamp to the step's start; `arm_s` is filled in by
    whoever hands the chunk to the arm.
    """

    step: int
    span: CloudSpan
    codec: str
    capture_s: float
    edge_s: float
    encode_s: float
    network_s: float
    cloud_s: float
    decode_s: float
    total_s: float
    bytes_up: int
    bytes_down: int
    round_trips: int
    cloud_gib: float
    edge_gib: float


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """One round trip as the robot saw it, the raw material of every bandwidth estimate.

    `network_s` excludes the cloud's work. `ended_s` is on the robot's monotonic clock.
    """

    bytes_up: int
    bytes_down: int
    network_s: float
    ended_s: float
