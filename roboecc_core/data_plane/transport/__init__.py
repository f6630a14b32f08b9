# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What carries frame bytes between robot and cloud: two small protocols.

A transport moves bytes and knows nothing of what is in them. `zenoh` is the default,
`inprocess` is the one of tests, the DDS one lives in roboecc_ros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Reply = Callable[[bytes], None]
"""Sends one answer to one request; any thread, at most once, never raises on a dead peer."""

RequestHandler = Callable[[str, bytes | memoryview, Reply], None]
"""handler(robot, request, reply): called on a transport thread, so it only enqueues."""


class Transport(Protocol):
    """The robot's end of the link."""

    def exchange(self, request: bytes, *, timeout_s: float) -> bytes | memoryview:
        """Send `request` and return the answer to it.

        One thread at a time. A late answer to an earlier request is never returned.

        Raises:
            StepTimeoutError: no answer within `timeout_s`.
            TransportError: it is already known that no answer can come.
        """

    def notify(self, request: bytes) -> None:
        """Send without an answer, such as a CANCEL. Any thread; never blocks, never raises."""

    def close(self) -> None:
        """Give the link up; a second call does nothing. Later exchanges raise TransportError."""


class Server(Protocol):
    """The cloud's end of the link."""

    def serve(self, handler: RequestHandler) -> None:
        """Start to hand every request to `handler`; returns at once.

        Raises:
            ConfigError: this end cannot be opened, for instance because the port is in use.
        """

    def close(self) -> None:
        """Stop; replies still to be sent are dropped. A second call does nothing."""
