# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import queue
import threading

import pytest

from roboecc_core.data_plane.frame import Frame, FrameKind, decode, encode
from roboecc_core.data_plane.transport import Server, Transport
from roboecc_core.data_plane.transport.inprocess import (
    Direction,
    InProcessServer,
    InProcessTransport,
)
from roboecc_core.errors import ConfigError, StepTimeoutError, TransportError

WAIT_S = 5.0  # never reached: every case below ends by itself


class Echo:
    """Answers on a thread of its own, as a cloud does; counts what it got."""

    def __init__(self, server):
        self.requests = []
        self._inbox = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()
        server.serve(lambda robot, request, reply: self._inbox.put((robot, request, reply)))

    def _run(self):
        while True:
            robot, request, reply = self._inbox.get()
            self.requests.append((robot, request))
            reply(b"re:" + request)


@pytest.fixture
def server():
    return InProcessServer()


@pytest.fixture
def echo(server):
    return Echo(server)


def scripted(direction, deliveries):
    """Return a hook that replaces message `number` of `direction` by `deliveries[number]`."""

    def fault(way, number, message):
        return deliveries.get(number, [message]) if way is direction else [message]

    return fault


def test_both_ends_fulfil_the_protocols(server):
    client: Transport = InProcessTransport(server)
    cloud: Server = server
    client.close()
    cloud.close()


def test_exchange_carries_real_frame_bytes(server, echo):
    server.close()
    server.serve(
        lambda _robot, request, reply: reply(encode(decode(request).reply(FrameKind.CHUNK)))
    )
    answer = InProcessTransport(server).exchange(
        encode(Frame(FrameKind.ACTIVATION, step=4)), timeout_s=WAIT_S
    )
    assert decode(answer) == Frame(FrameKind.CHUNK, step=4)


def test_exchange_names_the_robot_and_crosses_threads(server, echo):
    link = InProcessTransport(server, "piper")
    assert link.exchange(b"a", timeout_s=WAIT_S) == b"re:a"
    assert echo.requests == [("piper", b"a")]


@pytest.mark.parametrize("direction", Direction)
def test_lost_message_is_a_timeout_without_a_wait(server, echo, direction):
    link = InProcessTransport(server, fault=scripted(direction, {0: []}))
    with pytest.raises(StepTimeoutError, match="lost on the way"):
        link.exchange(b"a", timeout_s=WAIT_S)
    assert link.exchange(b"b", timeout_s=WAIT_S) == b"re:b"


def test_duplicated_request_reaches_the_server_twice_and_is_answered_once(server, echo):
    link = InProcessTransport(server, fault=scripted(Direction.UP, {0: [b"a", b"a"]}))
    assert link.exchange(b"a", timeout_s=WAIT_S) == b"re:a"
    assert link.exchange(b"b", timeout_s=WAIT_S) == b"re:b"
    assert [request for _, request in echo.requests] == [b"a", b"a", b"b"]


def test_lost_answer_of_a_duplicate_still_leaves_the_other(server, echo):
    def fault(direction, number, message):
        if direction is Direction.UP:
            return [message, message]
        return [] if number == 0 else [message]

    assert InProcessTransport(server, fault=fault).exchange(b"a", timeout_s=WAIT_S) == b"re:a"


def test_late_request_arrives_before_the_next_and_its_answer_is_not_mixed_up(server, echo):
    link = InProcessTransport(server, fault=scripted(Direction.UP, {0: [], 1: [b"b", b"a"]}))
    with pytest.raises(StepTimeoutError):
        link.exchange(b"a", timeout_s=WAIT_S)
    assert link.exchange(b"b", timeout_s=WAIT_S) == b"re:b"
    assert link.exchange(b"c", timeout_s=WAIT_S) == b"re:c"
    assert [request for _, request in echo.requests] == [b"b", b"a", b"c"]


def test_late_answer_can_be_replayed_in_place_of_the_right_one(server, echo):
    link = InProcessTransport(server, fault=scripted(Direction.DOWN, {1: [b"re:a"]}))
    assert link.exchange(b"a", timeout_s=WAIT_S) == b"re:a"
    assert link.exchange(b"b", timeout_s=WAIT_S) == b"re:a"


def test_damaged_request_belongs_to_the_exchange_that_sent_it(server, echo):
    link = InProcessTransport(server, fault=scripted(Direction.UP, {0: [b"A"]}))
    assert link.exchange(b"a", timeout_s=WAIT_S) == b"re:A"


def test_exchange_times_out_when_the_server_is_silent(server):
    server.serve(lambda _robot, _request, _reply: None)
    with pytest.raises(StepTimeoutError, match=r"within 0\.000 s"):
        InProcessTransport(server).exchange(b"a", timeout_s=0.0)


def test_exchange_fails_at_once_when_nobody_serves(server, echo):
    link = InProcessTransport(server)
    server.close()
    with pytest.raises(TransportError, match="no in-process cloud"):
        link.exchange(b"a", timeout_s=WAIT_S)
    link.notify(b"a")
    server.serve(lambda _robot, request, reply: reply(request))
    assert link.exchange(b"a", timeout_s=WAIT_S) == b"a"


def test_exchange_under_way_ends_when_the_server_goes_away(server):
    server.serve(lambda _robot, _request, _reply: threading.Thread(target=server.close).start())
    with pytest.raises(TransportError, match="went away"):
        InProcessTransport(server).exchange(b"a", timeout_s=WAIT_S)


def test_notify_delivers_and_ignores_the_answer(server):
    seen = []

    def handle(_robot, request, reply):
        seen.append(request)
        reply(b"ignored " + request)

    server.serve(handle)
    link = InProcessTransport(server)
    link.notify(b"stop")
    assert link.exchange(b"a", timeout_s=WAIT_S) == b"ignored a"
    assert seen == [b"stop", b"a"]


def test_closed_link_and_doubly_served_server_refuse(server, echo):
    link = InProcessTransport(server)
    link.close()
    with pytest.raises(TransportError, match="closed"):
        link.exchange(b"a", timeout_s=WAIT_S)
    link.notify(b"a")
    with pytest.raises(ConfigError):
        server.serve(lambda *_: None)
