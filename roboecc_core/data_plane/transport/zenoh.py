# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Frames over zenoh: a query per exchange, one queryable per known robot, plain TCP.

The cloud listens, robots connect, nobody scouts, shared memory stays off (it would hide the
network on one host). Keys are `roboecc/<robot>/<session>/frame`. Knows nothing of frames.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Sequence

import zenoh

from roboecc_core.data_plane.transport import RequestHandler
from roboecc_core.data_plane.transport.zenoh_config import (
    RECONNECT_PERIOD_S,
    checked_endpoint,
    checked_robot,
    config,
    reason,
)
from roboecc_core.errors import ConfigError, StepTimeoutError, TransportError

_OUTBOX_REQUESTS = 16  # one exchange and its CANCELs; more means that the link is stalled
_OUTBOX_REPLIES = 8
_FINALIZE_MARGIN_S = 1.0  # zenoh forgets a query this long after the caller did
_JOIN_TIMEOUT_S = 1.0  # a congested send may block for 5 s; the thread is a daemon
_NOTIFY_TIMEOUT_S = 1.0  # nobody waits for the answer

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    payload: bytes
    timeout_s: float
    answers: queue.SimpleQueue[bytes | None]  # None: it is certain that no answer comes
    is_abandoned: threading.Event


class ZenohTransport:
    """The robot's end. One thread of its own talks to zenoh, so no caller ever blocks in it.

    Args:
        endpoint: where the cloud listens, `tcp/HOST:PORT`.
        robot: this robot's name; the cloud must know it.
        connect_timeout_s: how long construction waits at most for the cloud. It returns
            either way, and the link comes up by itself when the cloud does.
        is_urgent: for heartbeats, which must pass a bulk transfer of another session.

    Raises:
        ConfigError: the endpoint or the robot's name cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        robot: str,
        *,
        connect_timeout_s: float = 1.0,
        is_urgent: bool = False,
    ) -> None:
        self._endpoint = checked_endpoint(endpoint)
        self._robot = checked_robot(robot)
        self._priority = zenoh.Priority.INTERACTIVE_HIGH if is_urgent else zenoh.Priority.DATA
        self._is_urgent = is_urgent
        self._outbox: queue.Queue[_Request | None] = queue.Queue(_OUTBOX_REQUESTS)
        self._is_reachable = threading.Event()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"zenoh-{robot}", daemon=True)
        self._thread.start()
        self._is_reachable.wait(connect_timeout_s)

    @property
    def is_reachable(self) -> bool:
        """True while a cloud that serves this robot is connected. Any thread."""
        return self._is_reachable.is_set()

    def exchange(self, request: bytes, *, timeout_s: float) -> bytes | memoryview:
        """Send `request` and return the answer to it; see `Transport.exchange`."""
        if self._is_closed.is_set():
            raise TransportError(f"the link to {self._endpoint} is closed")
        if not self.is_reachable:
            raise TransportError(self._absence())
        pending = self._enqueue(request, timeout_s)
        try:
            answer = pending.answers.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            pending.is_abandoned.set()
            raise StepTimeoutError(
                f"no answer from {self._endpoint} to {len(request)} bytes within {timeout_s:.3f} s"
            ) from None
        if answer is None:
            raise TransportError(
                f"{self._endpoint} went away or dropped a request of {len(request)} bytes"
            )
        return answer

    def notify(self, request: bytes) -> None:
        """Send without an answer; dropped when the link is down or stalled."""
        if self.is_reachable and not self._is_closed.is_set():
            with contextlib.suppress(TransportError):
                self._enqueue(request, _NOTIFY_TIMEOUT_S)

    def close(self) -> None:
        """Give the link up; an exchange under way ends with TransportError."""
        self._is_closed.set()
        self._is_reachable.clear()
        with contextlib.suppress(queue.Full):  # then the thread is awake and sees the flag
            self._outbox.put_nowait(None)
        self._thread.join(timeout=_JOIN_TIMEOUT_S)

    def _absence(self) -> str:
        return (
            f"no cloud at {self._endpoint} serves robot {self._robot!r} now; start it with "
            f"'roboecc serve' and this robot's name, the link then comes up by itself"
        )

    def _enqueue(self, payload: bytes, timeout_s: float) -> _Request:
        pending = _Request(payload, timeout_s, queue.SimpleQueue(), threading.Event())
        try:
            self._outbox.put_nowait(pending)
        except queue.Full:
            raise TransportError(
                f"the link to {self._endpoint} is stalled: {_OUTBOX_REQUESTS} requests wait"
            ) from None
        return pending

    def _run(self) -> None:
        session = self._open()
        if session is None:
            return
        key = f"roboecc/{self._robot}/{session.zid()}/frame"
        querier = session.declare_querier(key)
        querier.declare_matching_listener(
            zenoh.handlers.Callback(self._on_matching, indirect=False)
        )
        status: object = querier.matching_status  # no bool, whatever zenoh's stub says
        if isinstance(status, zenoh.MatchingStatus) and status.matching:
            self._on_matching(status)  # never the reverse: the listener may have been faster
        while not self._is_closed.is_set():
            pending = self._outbox.get()
            if pending is not None and not pending.is_abandoned.is_set():
                self._send(session, key, pending)
        session.close()  # type: ignore[no-untyped-call]
        while not self._outbox.empty():
            pending = self._outbox.get_nowait()
            if pending is not None:
                pending.answers.put(None)

    def _open(self) -> zenoh.Session | None:
        """Return a session as soon as there can be one; None when closed before."""
        has_warned = False
        while not self._is_closed.is_set():
            try:
                return zenoh.open(config({"connect": [self._endpoint]}))
            except zenoh.ZError as error:  # such as a name that cannot be resolved yet
                if not has_warned:
                    _logger.warning("no link to %s yet: %s", self._endpoint, reason(error))
                has_warned = True
                self._is_closed.wait(RECONNECT_PERIOD_S)
        return None

    def _on_matching(self, status: zenoh.MatchingStatus) -> None:
        if status.matching == self.is_reachable:
            return
        if status.matching:
            self._is_reachable.set()
            _logger.info("cloud at %s serves robot %r", self._endpoint, self._robot)
        else:
            self._is_reachable.clear()
            _logger.warning("cloud at %s is gone for robot %r", self._endpoint, self._robot)

    def _send(self, session: zenoh.Session, key: str, pending: _Request) -> None:
        """Start the query; blocks while the link is congested."""

        def on_reply(reply: zenoh.Reply) -> None:
            if reply.ok is not None:
                pending.answers.put(reply.ok.payload.to_bytes())

        try:
            session.get(
                key,
                zenoh.handlers.Callback(
                    on_reply, drop=lambda: pending.answers.put(None), indirect=False
                ),
                payload=pending.payload,
                timeout=pending.timeout_s + _FINALIZE_MARGIN_S,
                consolidation=zenoh.ConsolidationMode.NONE,  # deliver at once
                congestion_control=zenoh.CongestionControl.BLOCK,
                priority=self._priority,
                express=self._is_urgent,
            )
        except zenoh.ZError as error:
            _logger.debug("query on %s failed: %s", key, error)
            pending.answers.put(None)


class ZenohServer:
    """The cloud's end: listens itself and owns one queryable per known robot.

    Args:
        endpoint: where to listen, `tcp/HOST:PORT`; `tcp/0.0.0.0:7447` for every interface.
        robots: the names that may connect; a query of any other name finds nobody.

    Raises:
        ConfigError: the endpoint or a name cannot be used, or there is none.
    """

    def __init__(self, endpoint: str, robots: Sequence[str]) -> None:
        self._endpoint = checked_endpoint(endpoint)
        self._robots = tuple(map(checked_robot, robots))
        if not self._robots or len(set(self._robots)) < len(self._robots):
            raise ConfigError(f"robots {list(robots)} are not one or more different names")
        self._session: zenoh.Session | None = None
        self._outboxes: list[_ReplyOutbox] = []

    def serve(self, handler: RequestHandler) -> None:
        """Listen and hand requests to `handler` on zenoh's threads; see `Server.serve`.

        A request whose `reply` is dropped uncalled tells the robot at once that no answer
        comes. Replies leave on one thread a robot, so that a stalled one delays no other.
        """
        if self._session is not None:
            raise ConfigError(f"the server at {self._endpoint} already serves")
        try:
            self._session = zenoh.open(config({"listen": [self._endpoint]}))
        except zenoh.ZError as error:
            raise ConfigError(
                f"cannot listen on {self._endpoint}: {reason(error)}; stop what uses the port "
                "or choose another one, on the robots, too"
            ) from error
        for robot in self._robots:
            outbox = _ReplyOutbox(robot)
            self._outboxes.append(outbox)
            self._session.declare_queryable(
                f"roboecc/{robot}/*/frame",
                zenoh.handlers.Callback(_receiver(robot, handler, outbox), indirect=False),
            )

    def close(self) -> None:
        """Stop listening; replies still to be sent are dropped. A second call does nothing."""
        for outbox in self._outboxes:
            outbox.close()
        self._outboxes.clear()
        if self._session is not None:
            self._session.close()  # type: ignore[no-untyped-call]
            self._session = None


class _ReplyOutbox:
    """The replies on their way to one robot, sent by a daemon thread."""

    def __init__(self, robot: str) -> None:
        self._robot = robot
        self._replies: queue.Queue[tuple[zenoh.Query, bytes] | None] = queue.Queue(_OUTBOX_REPLIES)
        threading.Thread(target=self._run, name=f"zenoh-reply-{robot}", daemon=True).start()

    def put(self, query: zenoh.Query, answer: bytes) -> None:
        try:
            self._replies.put_nowait((query, answer))
        except queue.Full:
            _logger.warning("link to robot %r is stalled; a reply is dropped", self._robot)

    def close(self) -> None:
        with contextlib.suppress(queue.Full):  # then it is blocked, and dies with the process
            self._replies.put_nowait(None)

    def _run(self) -> None:
        while (item := self._replies.get()) is not None:
            query, answer = item
            try:
                with query:
                    query.reply(query.key_expr, answer)
            except zenoh.ZError as error:
                _logger.debug("robot %r did not get its reply: %s", self._robot, error)


def _receiver(
    robot: str, handler: RequestHandler, outbox: _ReplyOutbox
) -> Callable[[zenoh.Query], None]:
    def receive(query: zenoh.Query) -> None:
        request = query.payload.to_bytes() if query.payload is not None else b""
        try:
            handler(robot, request, lambda answer: outbox.put(query, answer))
        except Exception:  # a defect must not end the callback thread; the robot hears of it
            _logger.exception("request of %d bytes from robot %r failed", len(request), robot)
            # The logged traceback would keep the query, and the robot waiting.
            query.drop()  # type: ignore[no-untyped-call]

    return receive
