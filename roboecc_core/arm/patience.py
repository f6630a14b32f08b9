# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Waiting for hardware, never longer than told."""

from __future__ import annotations

import math
from collections.abc import Callable

POLL_S = 0.02  # often enough that a flow of feedback never passes for silence
ASK_AGAIN_S = 0.1


class Patience:
    """Waits by a clock and a sleep that are passed in.

    Args:
        clock: steady seconds.
        sleep: waits, in s.
    """

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock, self._sleep = clock, sleep

    def until(
        self, is_done: Callable[[], bool], within_s: float, ask: Callable[[], None] | None = None
    ) -> bool:
        """Return True as soon as it is done, False when the time is over.

        Args:
            is_done: looked at often.
            within_s: the longest wait.
            ask: done at the beginning and ten times a second.
        """
        deadline_s, ask_s = self._clock() + within_s, -math.inf
        while not is_done():
            now_s = self._clock()
            if now_s >= deadline_s:
                return False
            if ask is not None and now_s - ask_s >= ASK_AGAIN_S:
                ask()
                ask_s = now_s
            self._sleep(POLL_S)
        return True
