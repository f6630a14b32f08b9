# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The link between robot and cloud as the planner sees it, and what TCP adds after idling."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from roboecc_core.errors import ConfigError
from roboecc_core.planning.costs import FloatArray

BYTES_PER_MBIT = 1e6 / 8
PACK_BYTES_PER_S = 1e9  # frames through loopback zenoh: 2.3 ms for 2.33 MB (design.md 4)
_INITIAL_WINDOW_BYTES = 10 * 1460  # RFC 6928
_IDLE_S = 0.2  # Linux's least retransmission time-out, after which the window closes again
_MIN_RTT_S = 0.002  # below this, opening the window costs nothing worth counting


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A link with a direction.

    Attributes:
        uplink_bytes_per_s: robot to cloud. downlink_bytes_per_s: cloud to robot.
        rtt_s: round trip of an empty frame.
        has_slow_start: False where the figures already hold it (a fitted link).

    Raises:
        ConfigError: a rate is not above 0 and finite, or the round trip is negative.
    """

    uplink_bytes_per_s: float
    downlink_bytes_per_s: float
    rtt_s: float
    has_slow_start: bool = True

    def __post_init__(self) -> None:
        for name, rate in (
            ("uplink", self.uplink_bytes_per_s),
            ("downlink", self.downlink_bytes_per_s),
        ):
            if not (math.isfinite(rate) and rate > 0.0):
                raise ConfigError(
                    f"{name} is {rate / BYTES_PER_MBIT:g} Mbit/s; expected a finite rate above 0"
                )
        if not (math.isfinite(self.rtt_s) and self.rtt_s >= 0.0):
            raise ConfigError(f"RTT is {self.rtt_s * 1e3:g} ms; expected a finite time, 0 or more")

    @classmethod
    def of_mbit_s(cls, uplink: float, downlink: float, *, rtt_ms: float) -> Link:
        """Return the link of what a user types."""
        return cls(uplink * BYTES_PER_MBIT, downlink * BYTES_PER_MBIT, rtt_ms / 1e3)


def slow_start_s(num_bytes: FloatArray, bytes_per_s: float, rtt_s: float) -> FloatArray:
    """Return what opening the window adds to one burst after idling, s.

    Round r sends the initial window doubled r times; while that is less than the link
    carries in a round trip, the sender waits for the rest of it. A burst that ends within
    a round does not wait for the next.
    """
    added = np.zeros_like(num_bytes)
    sent, window = 0.0, float(_INITIAL_WINDOW_BYTES)
    while (wait_s := rtt_s - window / bytes_per_s) > 0.0:
        sent += window
        added += wait_s * (num_bytes > sent)
        window *= 2.0
    return added


def is_slow_start_counted(link: Link) -> bool:
    """Return whether a burst after idling has a window to open on this link."""
    return link.has_slow_start and link.rtt_s >= _MIN_RTT_S


def idle_above_s(round_trips: FloatArray) -> FloatArray:
    """Return the step time above which the window closes between bursts.

    Bursts come a step's time over its round trips apart.
    """
    return _IDLE_S * np.maximum(round_trips, 1.0)
