# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from roboecc_cloud_bridge.early_server import EarlyServer
from roboecc_core.data_plane.frame import ErrorCode, Frame, FrameKind, decode, encode, peer_error


class FakeServer:
    """The transport's end, in the test's hands."""

    def __init__(self) -> None:
        self.handler = None
        self.is_closed = False

    def serve(self, handler) -> None:
        self.handler = handler

    def close(self) -> None:
        self.is_closed = True

    def answer_to(self, request: bytes) -> Frame:
        answers: list[bytes] = []
        self.handler("robot", request, answers.append)
        return decode(answers[0])


def test_early_robots_are_told_to_wait_and_heartbeats_are_answered():
    server = FakeServer()
    EarlyServer(server).open()
    refusal = server.answer_to(encode(Frame(FrameKind.HELLO, session=5)))
    assert refusal.kind is FrameKind.ERROR
    assert peer_error(refusal).code == ErrorCode.NOT_READY
    assert server.answer_to(encode(Frame(FrameKind.HEARTBEAT))).kind is FrameKind.HEARTBEAT


def test_bytes_that_are_no_frame_are_refused():
    server = FakeServer()
    EarlyServer(server).open()
    assert peer_error(server.answer_to(b"nonsense")).code == ErrorCode.PROTOCOL


def test_requests_go_to_the_handler_as_soon_as_there_is_one_and_no_more_after_close():
    server = FakeServer()
    early = EarlyServer(server)
    early.open()
    seen = []
    early.serve(lambda robot, _request, reply: (seen.append(robot), reply(encode(HELLO))))
    assert server.answer_to(encode(HELLO)).kind is FrameKind.HELLO
    assert seen == ["robot"]
    early.close()
    assert server.is_closed
    assert peer_error(server.answer_to(encode(HELLO))).code == ErrorCode.NOT_READY


HELLO = Frame(FrameKind.HELLO)
