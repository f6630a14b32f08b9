# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Brings the managed nodes up in order, keeps an eye on the optional ones, takes all down.

A node that refuses a transition ends this process, and with it the whole bring-up, in one line
that names node, transition and reason (the node's own words from /diagnostics).
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from rclpy.node import Node

from roboecc_core.errors import ConfigError
from roboecc_ros import parameters, qos
from roboecc_ros.described import described
from roboecc_ros.runner import run_node
from roboecc_ros.transitions import Transitions
from roboecc_ros.worker import Worker

_WATCH_PERIOD_S = 1.0
_REASON_TIMEOUT_S = 1.0
_STOP_TIMEOUT_S = 3.0  # for all; ros2 launch sends SIGTERM after 5 s, to the nodes as well
_UP = {"configure": Transition.TRANSITION_CONFIGURE, "activate": Transition.TRANSITION_ACTIVATE}
_DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What `bringup` sets."""

    nodes: str = described("", "names of the nodes to bring up, in order, comma-separated")
    optional_nodes: str = described("", "those that may come and go; they are brought up again")
    start_timeout_s: float = described(90.0, "patience with a process", bounds=(1.0, 600.0))
    transition_timeout_s: float = described(30.0, "patience with a change", bounds=(1.0, 600.0))


class LifecycleManagerNode(Node):
    """One thread changes states, the executor's thread receives the answers."""

    def __init__(self) -> None:
        super().__init__("lifecycle_manager")
        self.on_fatal: Callable[[Exception], None] = self._log_fatal
        self._settings = parameters.declare(self, Parameters)
        self._nodes = _names(self._settings.nodes)
        self._optional = _names(self._settings.optional_nodes)
        self._transitions = Transitions(self, self._nodes)
        self._touched: list[str] = []
        self._reasons: dict[str, str] = {}
        self._worker: Worker | None = None
        qos.create_subscription(self, qos.DIAGNOSTICS, self._on_diagnostics)

    def start(self) -> None:
        """Begin; called by the runner when it listens to `on_fatal`."""
        self._worker = Worker("bring-up", self._run, self.on_fatal)

    def prepare_stop(self) -> None:
        """Take the nodes down in reverse order; one that is gone already is skipped."""
        if self._worker:
            self._worker.stop(self._settings.transition_timeout_s)
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        for name in reversed(self._touched):
            for transition in _DOWN:
                timeout_s = min(deadline_s - time.monotonic(), _STOP_TIMEOUT_S / 2)
                if timeout_s <= 0 or not self._transitions.is_there(name):
                    break
                if self._transitions.change(name, transition, timeout_s) is None:
                    break  # it was killed; DDS has not noticed yet
        self.get_logger().info("all nodes are down")

    def close(self) -> None:
        """Nothing is left to free."""

    def _run(self, stop: threading.Event) -> None:
        started_s = time.monotonic()
        for name in self._nodes:
            self._bring_up(name, stop)
            if stop.is_set():
                return
        took_s = time.monotonic() - started_s
        self.get_logger().info(f"all {len(self._nodes)} nodes are active after {took_s:.1f} s")
        while not stop.wait(_WATCH_PERIOD_S):
            for name in self._optional:
                self._revive(name, stop)

    def _bring_up(self, name: str, stop: threading.Event) -> None:
        timeout_s = self._settings.start_timeout_s
        if not self._transitions.wait_until_there(name, timeout_s, stop):
            if stop.is_set():
                return
            raise ConfigError(f"{name} did not start within {timeout_s:.0f} s; see its log")
        timeout_s = self._settings.transition_timeout_s
        self._touched = [*(one for one in self._touched if one != name), name]
        for transition, number in _UP.items():
            self._reasons.pop(name, None)
            is_done = self._transitions.change(name, number, timeout_s, stop)
            if stop.is_set():
                return
            if is_done is None:
                raise ConfigError(f"{name} did not {transition} within {timeout_s:.0f} s")
            if not is_done:
                raise ConfigError(f"{name} {self._reason(name, transition)}")
        self.get_logger().info(f"{name} is active")

    def _revive(self, name: str, stop: threading.Event) -> None:
        """Bring an optional node up that was started anew."""
        state = self._transitions.state(name, _WATCH_PERIOD_S, stop)
        if state != State.PRIMARY_STATE_UNCONFIGURED:
            return
        self.get_logger().info(f"{name} is back")
        try:
            self._bring_up(name, stop)
        except ConfigError as error:
            self.get_logger().warning(str(error))

    def _reason(self, name: str, transition: str) -> str:
        deadline_s = time.monotonic() + _REASON_TIMEOUT_S
        while name not in self._reasons and time.monotonic() < deadline_s:
            time.sleep(0.02)
        return self._reasons.get(name, f"cannot {transition}; see its log")

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.message.startswith("cannot "):
                self._reasons[status.hardware_id.rpartition("/")[2]] = status.message

    def _log_fatal(self, error: Exception) -> None:
        self.get_logger().fatal(str(error))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(LifecycleManagerNode)


if __name__ == "__main__":
    sys.exit(main())
