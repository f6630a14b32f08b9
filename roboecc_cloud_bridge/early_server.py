# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A transport's end that is open before there is a model: early robots are told to wait."""

from __future__ import annotations

from roboecc_core.data_plane.frame import (
    ErrorCode,
    Frame,
    FrameKind,
    decode,
    encode,
    error_frame,
)
from roboecc_core.data_plane.transport import Reply, RequestHandler, Server
from roboecc_core.errors import ProtocolError


class EarlyServer:
    """Wraps a server: `open` binds it, `serve` (by CloudServer, later) gives it a handler.

    So a port in use is known when the node is activated, not when gigabytes are loaded.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._handler: RequestHandler = _ask_to_wait

    def open(self) -> None:
        """Listen. Raises ConfigError when the port is in use."""
        self._server.serve(self._hand_over)

    def serve(self, handler: RequestHandler) -> None:
        """Hand requests to `handler` from now on."""
        self._handler = handler

    def _hand_over(self, robot: str, request: bytes | memoryview, reply: Reply) -> None:
        self._handler(robot, request, reply)

    def close(self) -> None:
        """Stop listening."""
        self._handler = _ask_to_wait
        self._server.close()


def _ask_to_wait(_robot: str, request: bytes | memoryview, reply: Reply) -> None:
    """Answer heartbeats; tell everything else that there is no model yet."""
    try:
        frame = decode(request)
    except ProtocolError as error:
        reply(encode(error_frame(Frame(FrameKind.ERROR), ErrorCode.PROTOCOL, str(error))))
        return
    if frame.kind is FrameKind.HEARTBEAT:
        reply(encode(frame.reply(FrameKind.HEARTBEAT, ())))
    else:
        words = "the cloud still loads its layers"
        reply(encode(error_frame(frame, ErrorCode.NOT_READY, words)))
