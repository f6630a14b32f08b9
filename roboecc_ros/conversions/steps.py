# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What a step gave, and where its time went."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

from roboecc_core.errors import ConfigError
from roboecc_core.types import ACTION_DIM, ActionChunk, CloudSpan, Exchange, StepTiming
from roboecc_msgs.msg import ActionChunk as ActionChunkMsg
from roboecc_msgs.msg import StepTiming as StepTimingMsg
from roboecc_ros.conversions.stamps import BASE_FRAME

_DURATIONS = (
    "capture_s", "edge_s", "encode_s", "decode_s", "network_s", "cloud_s", "total_s",
    "cloud_gib", "edge_gib",
)  # fmt: skip
_SIZES = ("step", "bytes_up", "bytes_down", "round_trips")


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
