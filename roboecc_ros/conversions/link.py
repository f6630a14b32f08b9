# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What is known of the link, and what was decided because of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from roboecc_core.control_plane.split_manager import LinkEstimate
from roboecc_core.types import CloudSpan
from roboecc_msgs.msg import NetworkEstimate, SplitDecision

if TYPE_CHECKING:
    from roboecc_core.control_plane.forecast import Forecast
    from roboecc_core.control_plane.network_monitor import Measurement
    from roboecc_core.control_plane.split_manager import Decision

_BYTES_PER_S = 1e6 / 8  # of one Mbit/s


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
