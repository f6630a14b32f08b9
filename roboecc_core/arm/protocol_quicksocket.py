# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""pyserial's `socket://` with a buffer: what python-can reads slcan over TCP through.

python-can reads slcan byte by byte, and pyserial makes three system calls of each; at a PIPER's
3,040 frames a second that takes 0.7 of a core, and where the core is shared, feedback queues up
in the socket and is late without anybody seeing it. pyserial finds this class by the module's
name (`serial.protocol_handler_packages`); nothing of piper_sdk or python-can is changed.
"""

from __future__ import annotations

import select
import socket

from serial import SerialException
from serial.urlhandler import protocol_socket

# Two cycles of feedback. Taking more at once would let a reader that is behind keep Python's
# lock for so long at a time that the control loop falls behind, too.
_READ_BYTES = 640


class Serial(protocol_socket.Serial):  # type: ignore[misc] # pyserial has no types
    """A serial port at the other end of a TCP connection. One reader, one writer."""

    _socket: socket.socket | None

    def open(self) -> None:
        """Connect; named as pyserial calls it."""
        self._received = bytearray()
        super().open()

    def from_url(self, url: str) -> tuple[str, int]:
        """Return host and port."""
        address: tuple[str, int] = super().from_url(f"socket{url[url.index('://') :]}")
        return address

    @property
    def in_waiting(self) -> int:
        """Bytes that `read` gives without waiting, as far as known."""
        return len(self._received) or int(super().in_waiting)

    def read(self, size: int = 1) -> bytes:
        """Return at most `size` bytes; none when the timeout passed.

        Raises:
            SerialException: the connection is gone.
        """
        if not self._received:
            self._receive()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def reset_input_buffer(self) -> None:
        """Forget what came and was not read."""
        self._received.clear()
        super().reset_input_buffer()

    def close(self) -> None:
        """Close the connection, also when the other side was first."""
        connection, self._socket = self._socket, None
        self.is_open = False
        if connection is not None:
            connection.close()

    def _receive(self) -> None:
        connection = self._socket
        if connection is None:
            raise SerialException("the connection is closed")
        try:
            ready, _, _ = select.select([connection], [], [], self._timeout)
            received = connection.recv(_READ_BYTES) if ready else None
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:  # closed meanwhile by another thread
            raise SerialException(f"read failed: {error}") from error
        if received == b"":
            raise SerialException("socket disconnected")
        self._received += received or b""
