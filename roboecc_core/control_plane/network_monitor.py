# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Turns round trips into what is known of the link: its RTT and both bandwidths.

Between measurements the last value is held and its age published. Monotonic time comes in
with the exchanges; knows nothing of frames, spans or clocks.
"""

from __future__ import annotations

import collections
import dataclasses
import math

from roboecc_core.types import Exchange

SMALL_BYTES = 4 * 1024  # 3 TCP segments: their transfer time drowns in the round trip
LARGE_BYTES = 16 * 1024  # fits the first TCP window (10 x 1460 bytes) only just not
DOMINANT_SHARE = 0.9  # of an exchange's bytes, for its time to be that direction's
SHORTEST_S = 1e-6  # no round trip through two kernels is shorter
RTT_WINDOW_S = 10.0  # long enough for a quiet moment, short enough to follow a new route
# An RTT is known to about a tenth, so a transfer that took less than this share of it is
# counted as if it had taken that long: the estimate is then a lower bound.
RTT_UNCERTAINTY = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """A value held since it was measured, `age_s` ago."""

    value: float
    age_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class NetworkEstimate:
    """What is known of the link; None where nothing was measured yet.

    `rtt` is in seconds, `uplink` (robot to cloud) and `downlink` in bytes/s.
    """

    rtt: Measurement | None
    uplink: Measurement | None
    downlink: Measurement | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Held:
    value: float
    measured_s: float

    def at(self, now_s: float) -> Measurement:
        return Measurement(self.value, max(now_s - self.measured_s, 0.0))


class NetworkMonitor:
    """Keeps the estimates; owned by one thread."""

    def __init__(self) -> None:
        self._round_trips: collections.deque[_Held] = collections.deque()
        self._rtt: _Held | None = None
        self._uplink: _Held | None = None
        self._downlink: _Held | None = None
        self._newest_s = -math.inf
        self._num_ignored = 0

    @property
    def num_ignored(self) -> int:
        """How many exchanges were nonsense: no or negative duration, time running back."""
        return self._num_ignored

    def update(self, exchange: Exchange) -> None:
        """Learn from one round trip; nonsense is counted and changes nothing."""
        if not _is_plausible(exchange):
            self._num_ignored += 1
            return
        if exchange.ended_s < self._newest_s:  # the clock stepped back: follow it from here
            self._newest_s = exchange.ended_s
            self._round_trips.clear()
            self._num_ignored += 1
            return
        self._newest_s = exchange.ended_s
        largest_bytes = max(exchange.bytes_up, exchange.bytes_down)
        if largest_bytes < SMALL_BYTES:
            self._update_rtt(exchange)
        elif largest_bytes >= LARGE_BYTES:
            self._update_bandwidth(exchange, largest_bytes)

    def estimate(self, now_s: float) -> NetworkEstimate:
        """Return what is known at `now_s`, on the clock of the exchanges."""
        return NetworkEstimate(
            rtt=self._rtt.at(now_s) if self._rtt else None,
            uplink=self._uplink.at(now_s) if self._uplink else None,
            downlink=self._downlink.at(now_s) if self._downlink else None,
        )

    def _update_rtt(self, exchange: Exchange) -> None:
        """Keep the minimum over the window: whatever was added, queues added it."""
        self._round_trips.append(_Held(exchange.network_s, exchange.ended_s))
        while self._round_trips[0].measured_s < exchange.ended_s - RTT_WINDOW_S:
            self._round_trips.popleft()
        smallest_s = min(held.value for held in self._round_trips)
        self._rtt = _Held(smallest_s, exchange.ended_s)

    def _update_bandwidth(self, exchange: Exchange, largest_bytes: int) -> None:
        if largest_bytes < DOMINANT_SHARE * (exchange.bytes_up + exchange.bytes_down):
            return  # both directions took their part of the time
        rtt_s = self._rtt.value if self._rtt else 0.0  # unknown: the estimate is too low
        transfer_s = max(exchange.network_s - rtt_s, RTT_UNCERTAINTY * rtt_s)
        held = _Held(largest_bytes / transfer_s, exchange.ended_s)
        if exchange.bytes_up > exchange.bytes_down:
            self._uplink = held
        else:
            self._downlink = held


def _is_plausible(exchange: Exchange) -> bool:
    return (
        SHORTEST_S <= exchange.network_s < math.inf
        and math.isfinite(exchange.ended_s)
        and min(exchange.bytes_up, exchange.bytes_down) >= 0
    )
