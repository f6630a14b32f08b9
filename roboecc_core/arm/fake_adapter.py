# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The fake arm's CAN adapter: slcan text over TCP, and a line for whoever plays the fault.

Serves any number of connections in one thread; piper_sdk opens two. A line that begins with
`!` is no slcan: `!state`, `!mark` and `!fault NAME` are answered on the same connection with
`!` and JSON. A reader that is too slow misses whole cycles of feedback, as with real adapters.
"""

from __future__ import annotations

import contextlib
import json
import logging
import selectors
import socket
from collections.abc import Callable
from typing import Any

from roboecc_core.arm.can_frames import from_slcan, to_slcan
from roboecc_core.arm.fake_piper import FEEDBACK_HZ, FakePiper
from roboecc_core.errors import ConfigError, ProtocolError

_LOG = logging.getLogger(__name__)
_OK, _ERROR = b"\r", b"\a"
_LONGEST_LINE_BYTES = 256  # slcan needs 26
_READ_BYTES = 65536
_TELL_S = 5.0
_LONGEST_LAG_S = 0.1  # after a longer pause the arm goes on from now instead of catching up


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)  # noqa: FBT003, the standard library's signature
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.is_open = False  # on the bus: between the commands O and C
        self.received = bytearray()
        self.unsent = b""

    def send(self, text: bytes, *, may_miss: bool = False) -> None:
        """Send now what fits and the rest of it later; what may be missed then is dropped."""
        if self.unsent and may_miss:
            text = b""
        self.unsent += text
        with contextlib.suppress(BlockingIOError):
            if self.unsent:
                self.unsent = self.unsent[self.connection.send(self.unsent) :]


def tell(host: str, port: int, words: str) -> dict[str, Any]:
    """Say one line, `state`, `mark` or `fault NAME`, to a running fake arm; return its state.

    Raises:
        ConfigError: nobody listens there, or the line was not understood.
    """
    try:
        with socket.create_connection((host, port), timeout=_TELL_S) as connection:
            connection.sendall(f"!{words}\r".encode())
            answer = connection.makefile("rb").readline()
    except OSError as error:
        raise ConfigError(
            f"no fake arm answers at {host}:{port}: {error}; start one with 'roboecc fake-piper'"
        ) from None
    state: dict[str, Any] = json.loads(answer.removeprefix(b"!") or b"{}")
    if "error" in state:
        raise ConfigError(state["error"])
    return state


class FakeAdapter:
    """Serves a fake arm until told to stop. One owner thread.

    Args:
        arm: what is on the bus.
        host: address to listen on.
        port: 0 takes a free one.
        clock: steady seconds.
        feedback_hz: cycles a second; a real arm sends 200.

    Raises:
        ConfigError: the address cannot be listened on.
    """

    def __init__(
        self,
        arm: FakePiper,
        *,
        host: str,
        port: int,
        clock: Callable[[], float],
        feedback_hz: int = FEEDBACK_HZ,
    ) -> None:
        self._arm, self._clock, self._cycle_s = arm, clock, 1 / feedback_hz
        self._clients: dict[socket.socket, _Client] = {}
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another --port, or 0 "
                "for a free one"
            ) from None
        self._listener.setblocking(False)  # noqa: FBT003
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._listener.getsockname()[1]
        return port

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Serve, and send feedback at its rate, until `should_stop`."""
        next_s = self._clock()
        while not should_stop():
            for key, _ in self._selector.select(max(0.0, next_s - self._clock())):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)
            if self._clock() >= next_s:
                self._cycle()
                next_s += self._cycle_s
                if self._clock() - next_s > _LONGEST_LAG_S:
                    next_s = self._clock()

    def close(self) -> None:
        """Close every connection and stop listening."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        self._listener.close()

    def _cycle(self) -> None:
        self._arm.step(self._cycle_s)
        frames = self._arm.feedback()
        if self._arm.faults.is_bus_off:
            return
        text = b"".join(map(to_slcan, frames))
        for client in list(self._clients.values()):
            if client.is_open:
                self._send(client, text, may_miss=True)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self._clients[connection] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        client = self._clients.get(connection)
        if client is None:
            return
        try:
            received = connection.recv(_READ_BYTES)
        except OSError:
            received = b""
        if not received:
            self._drop(client)
            return
        client.received += received
        *lines, rest = bytes(client.received).replace(b"\n", b"\r").split(b"\r")
        client.received = bytearray(rest[:_LONGEST_LINE_BYTES])
        for line in lines:
            is_frame = line.startswith(b"t")  # whose acknowledgement nobody may read
            self._send(client, self._answer(client, line), may_miss=is_frame)

    def _answer(self, client: _Client, line: bytes) -> bytes:
        if line.startswith(b"!"):
            told = self._told(line[1:].decode("ascii", "replace"))
            return b"!" + json.dumps(told).encode() + b"\r\n"
        match line[:1]:
            case b"t":
                return self._transmit(client, line)
            case b"O":
                self._open(client)
            case b"C":
                client.is_open = False
            case b"F":
                return b"F80\r" if self._arm.faults.is_bus_off else b"F00\r"
            case b"V" | b"N":
                return line[:1] + b"1013\r"
        return _OK

    def _open(self, client: _Client) -> None:
        if not any(other.is_open for other in self._clients.values()):
            self._arm.faults.is_bus_off = False  # the first to open it starts the controller anew
        client.is_open = not self._arm.faults.is_unplugged
        if not client.is_open:
            self._drop(client)

    def _transmit(self, client: _Client, line: bytes) -> bytes:
        if self._arm.faults.is_bus_off or not client.is_open:
            return _ERROR
        try:
            replies = self._arm.receive(from_slcan(line))
        except ProtocolError as error:
            _LOG.debug("%s", error)
            return _ERROR
        text = b"".join(map(to_slcan, replies))
        for other in list(self._clients.values()):
            if text and other.is_open:
                self._send(other, text)
        return b"z\r"

    def _told(self, words: str) -> dict[str, Any]:
        verb, _, argument = words.partition(" ")
        if verb == "mark":
            self._arm.mark()
        elif verb == "fault":
            try:
                self._arm.inject(argument)
            except ConfigError as error:
                return {"error": str(error)}
            if self._arm.faults.is_unplugged:
                for client in [one for one in self._clients.values() if one.is_open]:
                    self._drop(client)
        elif verb != "state":
            return {"error": f"{verb!r} is not understood; expected state, mark or fault NAME"}
        return self._arm.state()

    def _send(self, client: _Client, text: bytes, *, may_miss: bool = False) -> None:
        try:
            client.send(text, may_miss=may_miss)
        except OSError:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection, None):
            self._selector.unregister(client.connection)
            client.connection.close()
