# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A letter box with one slot: the newest wins, what it replaces is counted."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Any thread puts, one thread takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: T | None = None
        self._num_dropped = 0

    @property
    def num_dropped(self) -> int:
        """How many were replaced before they were taken."""
        with self._changed:
            return self._num_dropped

    def put(self, item: T) -> None:
        """Leave `item` in place of an older one; never blocks."""
        with self._changed:
            self._num_dropped += self._newest is not None
            self._newest = item
            self._changed.notify()

    def take(self, *, timeout_s: float) -> T | None:
        """Return the newest item and empty the box; None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, timeout=timeout_s)
            item, self._newest = self._newest, None
            return item

    def clear(self) -> None:
        """Forget item and count."""
        with self._changed:
            self._newest, self._num_dropped = None, 0
