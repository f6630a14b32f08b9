# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Signs of life and small measurements, outside any step and on a link of their own."""

from __future__ import annotations

import time
from collections.abc import Callable

from roboecc_core.data_plane.frame import Frame, FrameKind, WireTensor, decode, encode, peer_error
from roboecc_core.data_plane.transport import Transport
from roboecc_core.errors import ProtocolError
from roboecc_core.types import Exchange

MAX_PROBE_BYTES = 32 * 1024  # design.md 6: a probe train is at most 32 KiB


def heartbeat(
    transport: Transport, *, timeout_s: float, clock: Callable[[], float] = time.monotonic
) -> Exchange:
    """Ask for a sign of life; the exchange's time is the round trip's.

    Raises:
        TransportError: none came within `timeout_s`.
        ProtocolError: what answers is no RoboECC cloud of this version.
    """
    return _measure(transport, Frame(FrameKind.HEARTBEAT), timeout_s, clock)


def probe(
    transport: Transport,
    *,
    bytes_up: int,
    bytes_down: int,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Exchange:
    """Move this many bytes each way, at most `MAX_PROBE_BYTES`, and time it.

    Raises:
        TransportError: no answer came within `timeout_s`.
        ProtocolError: a size is out of range, or what answers is no RoboECC cloud.
    """
    if not (0 <= bytes_up <= MAX_PROBE_BYTES and 0 <= bytes_down <= MAX_PROBE_BYTES):
        raise ProtocolError(f"a probe of {bytes_up}/{bytes_down} bytes; at most {MAX_PROBE_BYTES}")
    tensors = (
        WireTensor("reply_bytes", "int32", (1,), bytes_down.to_bytes(4, "little")),
        WireTensor("probe", "uint8", (bytes_up,), bytes(bytes_up)),
    )
    return _measure(transport, Frame(FrameKind.PROBE, tensors=tensors), timeout_s, clock)


def _measure(
    transport: Transport, request: Frame, timeout_s: float, clock: Callable[[], float]
) -> Exchange:
    payload = encode(request)
    started_s = clock()
    answer = transport.exchange(payload, timeout_s=timeout_s)
    ended_s = clock()
    reply = decode(answer)
    if reply.kind is FrameKind.ERROR:
        raise peer_error(reply)
    if reply.kind is not request.kind:
        raise ProtocolError(f"a {request.kind.name} was answered with a {reply.kind.name} frame")
    return Exchange(len(payload), len(answer), ended_s - started_s, ended_s)
