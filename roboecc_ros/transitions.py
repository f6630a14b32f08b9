# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Asks other nodes to change their lifecycle state, with a deadline on every wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node

_POLL_S = 0.05
_PATIENCE_S = 2.0  # with one request; most transitions take milliseconds
_GOALS = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
}


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
        """Return whether the transition succeeded; None when that is unknown in time.

        While two processes discover each other an answer may get lost, so the node's state is
        asked when none comes, and the request repeated when it had no effect.
        """
        deadline_s = time.monotonic() + timeout_s
        request = ChangeState.Request()
        request.transition.id = transition
        is_asking = True
        while (rest_s := deadline_s - time.monotonic()) > 0 and not (stop and stop.is_set()):
            if is_asking:
                answer = _call(self._change[name], request, min(rest_s, _PATIENCE_S), stop)
                if answer is not None:
                    return bool(answer.success)
            state = self.state(name, min(rest_s, _PATIENCE_S), stop)
            if state == _GOALS[transition]:
                return True
            is_asking = state is not None  # else it is busy: with the first request
        return None

    def state(
        self, name: str, timeout_s: float, stop: threading.Event | None = None
    ) -> int | None:
        """Return the node's state, one of `State`'s constants; None without an answer."""
        answer = _call(self._get[name], GetState.Request(), timeout_s, stop)
        return None if answer is None else int(answer.current_state.id)


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
