# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Empty frames on a link of their own: is the cloud there, and how long is a round trip?"""

from __future__ import annotations

import queue
import threading

from roboecc_core.data_plane.link_probe import heartbeat
from roboecc_core.data_plane.transport.zenoh import ZenohTransport
from roboecc_core.errors import ProtocolError, TransportError
from roboecc_core.types import Exchange

PERIOD_S = 0.2
_TIMEOUT_S = 0.5


class Heartbeat:
    """`run` belongs to one thread; another one takes the results."""

    def __init__(self, endpoint: str, robot: str) -> None:
        self.exchanges: queue.SimpleQueue[Exchange] = queue.SimpleQueue()
        self._endpoint = endpoint
        self._robot = robot

    def run(self, stop: threading.Event) -> None:
        """Beat until `stop`; a beat that is not answered leaves no result."""
        transport = ZenohTransport(
            self._endpoint, self._robot, connect_timeout_s=0.0, is_urgent=True
        )
        try:
            while not stop.wait(PERIOD_S):
                try:
                    self.exchanges.put(heartbeat(transport, timeout_s=_TIMEOUT_S))
                except (TransportError, ProtocolError):
                    continue
        finally:
            transport.close()
