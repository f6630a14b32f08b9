# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A link inside one process, for tests: real frame bytes, real threads, faults on demand.

A fault hook sees every message and decides what is delivered in its place, so that lost,
doubled, late and reordered frames can be replayed without a clock.
"""

from __future__ import annotations

import collections
import enum
import queue
import threading
from collections.abc import Callable, Sequence

from roboecc_core.data_plane.transport import RequestHandler
from roboecc_core.errors import ConfigError, RoboEccError, StepTimeoutError, TransportError

_REMEMBERED_REQUESTS = 64  # how far back a late request still finds its own exchange


class Direction(enum.Enum):
    """Which way a message goes, seen from the robot."""

    UP = "up"
    DOWN = "down"


Fault = Callable[[Direction, int, bytes], Sequence[bytes]]
"""fault(direction, number, message) -> the messages to deliver now, in this order.

`number` counts the messages of a direction from 0. `[message]` is a good link, `[]` a loss,
`[message, message]` a duplicate; a hook that keeps a message and returns it at a later call
makes it late. Called by one thread at a time.
"""


class InProcessServer:
    """The cloud's end; `serve` and `close` any number of times to let it come and go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handler: RequestHandler | None = None
        self._waiting: set[_Waiting] = set()

    def serve(self, handler: RequestHandler) -> None:
        """Hand requests to `handler` on the robot's own thread. ConfigError when in use."""
        with self._lock:
            if self._handler is not None:
                raise ConfigError("this in-process server already serves; close it first")
            self._handler = handler

    def close(self) -> None:
        """Stop; exchanges under way end with TransportError."""
        with self._lock:
            self._handler = None
            waiting, self._waiting = self._waiting, set()
        for exchange in waiting:
            exchange.outcomes.put(TransportError("the in-process cloud went away"))

    def deliver(self, robot: str, request: bytes, waiting: _Waiting) -> None:
        """Pass one request on. Raises TransportError when nobody serves."""
        with self._lock:
            handler = self._handler
            if handler is None:
                raise TransportError("no in-process cloud serves now")
            self._waiting.add(waiting)
        handler(robot, request, waiting.reply)

    def forget(self, waiting: _Waiting) -> None:
        """Take note that nobody waits for this exchange any more."""
        with self._lock:
            self._waiting.discard(waiting)


class InProcessTransport:
    """The robot's end of a link to `server`.

    A message that the fault hook loses is a StepTimeoutError at once, without any wait: that
    is how it would end, and a test should not sit through it.
    """

    def __init__(
        self, server: InProcessServer, robot: str = "robot", *, fault: Fault | None = None
    ) -> None:
        self._server = server
        self._robot = robot
        self._fault = fault
        self._lock = threading.Lock()
        self._counts = collections.Counter[Direction]()
        self._recent: collections.deque[_Waiting] = collections.deque(maxlen=_REMEMBERED_REQUESTS)
        self._is_closed = False

    def exchange(self, request: bytes, *, timeout_s: float) -> bytes | memoryview:
        """Send `request` and return the answer to it; see `Transport.exchange`."""
        waiting = self._send(request)
        try:
            outcome = waiting.outcomes.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            raise StepTimeoutError(f"no answer within {timeout_s:.3f} s") from None
        finally:
            self._server.forget(waiting)
        if isinstance(outcome, RoboEccError):
            raise outcome
        return outcome

    def notify(self, request: bytes) -> None:
        """Send without an answer."""
        try:
            self._server.forget(self._send(request))
        except TransportError:
            return

    def close(self) -> None:
        """Give the link up."""
        self._is_closed = True

    def apply_fault(self, direction: Direction, message: bytes) -> Sequence[bytes]:
        """Return what is delivered in place of `message`. Any thread."""
        with self._lock:
            number = self._counts[direction]
            self._counts[direction] += 1
            return self._fault(direction, number, message) if self._fault else [message]

    def _send(self, request: bytes) -> _Waiting:
        if self._is_closed:
            raise TransportError("the in-process link is closed")
        waiting = _Waiting(self, request)
        self._recent.append(waiting)
        delivered = self.apply_fault(Direction.UP, request)
        owners = [self._owner(message) for message in delivered]
        for owner in owners:
            owner.expect_reply()
        for message, owner in zip(delivered, owners, strict=True):
            self._server.deliver(self._robot, message, owner)
        if waiting not in owners:
            waiting.outcomes.put(StepTimeoutError("the request was lost on the way"))
        return waiting

    def _owner(self, message: bytes) -> _Waiting:
        """Return the newest exchange that sent this very message, else the newest of all."""
        for waiting in reversed(self._recent):
            if waiting.request == message:
                return waiting
        return self._recent[-1]


class _Waiting:
    """One exchange: the request, and what came of it."""

    def __init__(self, transport: InProcessTransport, request: bytes) -> None:
        self.request = request
        self.outcomes: queue.SimpleQueue[bytes | RoboEccError] = queue.SimpleQueue()
        self._transport = transport
        self._lock = threading.Lock()
        self._num_expected = 0

    def expect_reply(self) -> None:
        with self._lock:
            self._num_expected += 1

    def reply(self, answer: bytes) -> None:
        """Take the server's answer through the fault hook. Any thread."""
        delivered = self._transport.apply_fault(Direction.DOWN, answer)
        with self._lock:
            self._num_expected -= 1
            is_last = self._num_expected <= 0
        for message in delivered:
            self.outcomes.put(message)
        if not delivered and is_last:
            self.outcomes.put(StepTimeoutError("the answer was lost on the way"))
