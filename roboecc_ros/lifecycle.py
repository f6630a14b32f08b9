# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A lifecycle node as four plain methods; one that raises fails its transition in one line.

Subclasses write `configure`, `activate`, `deactivate` and `cleanup` and make publishers,
subscriptions, timers and services by the `add_*` methods, which are undone by themselves:
publishers at clean-up, the rest at deactivation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from roboecc_core.errors import RoboEccError
from roboecc_ros import qos
from roboecc_ros.diagnostics import Diagnostics, Level

_log = logging.getLogger(__name__)
_DONE = {
    "configure": "configured",
    "activate": "active",
    "deactivate": "deactivated",
    "clean up": "cleaned up",
}


class ManagedNode(LifecycleNode):
    """Base of every node. Its methods run on the executor's thread unless they say otherwise."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.diagnostics = Diagnostics(self)
        self.on_fatal: Callable[[Exception], None] = _log_fatal  # the runner puts its own here
        self._is_configured = False
        self._is_active = False
        self._until_cleanup: list[Callable[[], object]] = []
        self._until_deactivation: list[Callable[[], object]] = []
        self._refuse_impossible_transitions()

    # ------------------------------------------------------------ for subclasses

    def configure(self) -> None:
        """Read parameters and build objects; no traffic. Raises ConfigError to refuse."""

    def activate(self) -> None:
        """Connect and start. Raises ConfigError to refuse."""

    def deactivate(self) -> None:
        """Stop issuing actions first, then close; the exact inverse of `activate`."""

    def cleanup(self) -> None:
        """Undo `configure`, even one that was refused half-way."""

    def fail(self, error: Exception) -> None:
        """End the process with this error. Any thread."""
        self.diagnostics.report(Level.ERROR, one_line(error), is_logged=False)
        self.on_fatal(error)  # which logs it, once

    def add_publisher(self, topic: qos.Topic) -> Any:
        """Return a publisher that is silent unless the node is active."""
        publisher = qos.create_publisher(self.create_lifecycle_publisher, topic)
        self._until_cleanup.append(lambda: self.destroy_lifecycle_publisher(publisher))
        return publisher

    def add_subscription(self, topic: qos.Topic, callback: Callable[[Any], None]) -> None:
        """Subscribe until deactivation; a message that cannot be used is warned of, no more."""

        def guarded(message: Any) -> None:
            try:
                callback(message)
            except RoboEccError as error:
                self.get_logger().warning(f"ignored a message on {topic.name}: {one_line(error)}")

        subscription = qos.create_subscription(self, topic, guarded)
        self._until_deactivation.append(lambda: self.destroy_subscription(subscription))

    def add_timer(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call back until deactivation, on a steady clock: simulated time may stand still."""
        timer = self.create_timer(
            period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._until_deactivation.append(lambda: self.destroy_timer(timer))

    def add_service(self, service: Any, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """Serve until deactivation."""
        server = self.create_service(service, name, callback)
        self._until_deactivation.append(lambda: self.destroy_service(server))

    # ------------------------------------------------------------ for the runner and rclpy

    def start(self) -> None:
        """First words with a running executor; a managed node waits to be configured."""

    def prepare_stop(self) -> None:
        """Last words while the executor still runs; nothing by default."""

    def close(self) -> None:
        """Deactivate and clean up as far as it is needed; the executor has stopped."""
        if self._is_active:
            self.trigger_deactivate()
        if self._is_configured:
            self.trigger_cleanup()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build; a refusal leaves nothing behind."""
        result = self._attempt("configure", self.configure)
        self._is_configured = result is TransitionCallbackReturn.SUCCESS
        if not self._is_configured:
            self._undo_configure()
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let publishers speak, then start; a refusal leaves nothing running."""
        super().on_activate(state)
        result = self._attempt("activate", self.activate)
        self._is_active = result is TransitionCallbackReturn.SUCCESS
        if not self._is_active:
            self._undo_activate(state)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo activation."""
        self._is_active = False
        return self._attempt("deactivate", lambda: self._undo_activate(state))

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo configuration."""
        self._is_configured = False
        return self._attempt("clean up", self._undo_configure)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and clean up."""
        if self._is_active:
            self.on_deactivate(state)
        return self.on_cleanup(state) if self._is_configured else TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Come back unconfigured; what went wrong is logged and has ended the process."""
        return self.on_shutdown(state)

    def _refuse_impossible_transitions(self) -> None:
        """Answer one that does not fit the state; rclpy 7.1 raises, which would end the node."""
        service = self._service_change_state
        change_state = service.callback

        def guarded(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except rclpy_implementation.RCLError:
                wanted = request.transition.label or request.transition.id
                self.get_logger().warning(f"transition {wanted} does not fit the node's state")
                response.success = False
                return response

        service.callback = guarded

    def _undo_activate(self, state: LifecycleState) -> None:
        self.deactivate()
        _undo_all(self._until_deactivation)
        super().on_deactivate(state)

    def _undo_configure(self) -> None:
        self.cleanup()
        _undo_all(self._until_cleanup)
        self.diagnostics.clear()

    def _attempt(self, transition: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        self.diagnostics.forget("node")
        try:
            action()
        except RoboEccError as error:
            self.diagnostics.report(Level.ERROR, f"cannot {transition}: {one_line(error)}")
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001  rclpy would swallow it
            _log.exception("%s: cannot %s", self.get_name(), transition)
            self.fail(error)
            return TransitionCallbackReturn.ERROR
        self.diagnostics.report(Level.OK, _DONE[transition])
        return TransitionCallbackReturn.SUCCESS


def one_line(error: Exception) -> str:
    """Return the error's text without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _undo_all(actions: list[Callable[[], object]]) -> None:
    while actions:
        actions.pop()()


def _log_fatal(error: Exception) -> None:
    _log.error("%s", error)
