# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Asks other nodes to change their lifecycle state, with a deadline on every wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node

_POLL_S = 0.05


class Transitions:
    """Service clients of some nodes. Another thread must spin the executor.

    Args:
        node: owns the clients.
        names: of the nodes to ask.
    """

    def __init__(self, node: Node, names: Sequence[str]) -> None:
        self._change = {n: node.create_client(ChangeState, f"{n}/change_state") for n in names}
        self._get = {n: node.create_client(GetState, f"{n}/get_state") for n in names}

    def is_there(self, name: str) -> bool:
        """Return whether the node offers its services now."""
        return bool(self._change[name].service_is_ready())

    def wait_until_there(self, name: str, timeout_s: float, stop: threading.Event) -> bool:
        """Return whether the node came in time; False also when `stop` is set."""
        deadline_s = time.monotonic() + timeout_s
        while not self._change[name].wait_for_service(timeout_sec=_POLL_S):
            if stop.is_set() or time.monotonic() > deadline_s:
                return False
        return True

    def change(
        self, name: str, transition: int, timeout_s: float, stop: threading.Event | None = None
    ) -> bool | None:
        """Return whether the transition succeeded; None when there was no answer in time."""
        request = ChangeState.Request()
        request.transition.id = transition
        answer = _call(self._change[name], request, timeout_s, stop)
        return None if answer is None else bool(answer.success)

    def is_unconfigured(self, name: str, timeout_s: float, stop: threading.Event) -> bool:
        """Return whether the node answers that it is in its first state."""
        answer = _call(self._get[name], GetState.Request(), timeout_s, stop)
        return bool(answer and answer.current_state.id == State.PRIMARY_STATE_UNCONFIGURED)


def _call(client: Any, request: Any, timeout_s: float, stop: threading.Event | None) -> Any:
    """Return the answer; None when none came in time or when `stop` was set."""
    answered = threading.Event()
    future = client.call_async(request)
    future.add_done_callback(lambda _future: answered.set())
    deadline_s = time.monotonic() + timeout_s
    while not answered.wait(_POLL_S) and time.monotonic() < deadline_s:
        if stop is not None and stop.is_set():
            break
    if future.done():
        return future.result()
    client.remove_pending_request(future)
    return None
