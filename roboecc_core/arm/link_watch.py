# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Whether feedback comes, and when to try what to make it come again. Time is passed in."""

from __future__ import annotations

import math

_LONGEST_PAUSE_S = 5.0  # between two openings of a link that stays dead
_NO_STAMP = 0.0  # what piper_sdk reports before the first frame


class Freshness:
    """Judges by a steady clock whether frames come, from stamps of a clock that may jump.

    Args:
        silent_after_s: longest gap of a flow.
        settled_after_s: how long a flow must last to be believed; long enough for the slowest
            frame, so that no value of before a gap is left.
    """

    def __init__(self, *, silent_after_s: float, settled_after_s: float) -> None:
        self._silent_after_s, self._settled_after_s = silent_after_s, settled_after_s
        self._stamp = _NO_STAMP
        self._changed_s = self._began_s = -math.inf

    def observe(self, stamp: float, now_s: float) -> None:
        """Note the newest frame's stamp."""
        if stamp in (self._stamp, _NO_STAMP):
            return
        if self.is_silent(now_s):
            self._began_s = now_s
        self._stamp, self._changed_s = stamp, now_s

    def age_s(self, now_s: float) -> float:
        """Return the time since a new frame was seen, infinite before the first."""
        return now_s - self._changed_s

    def is_silent(self, now_s: float) -> bool:
        """Return whether the last frame is too long ago."""
        return self.age_s(now_s) > self._silent_after_s

    def is_settled(self, now_s: float) -> bool:
        """Return whether frames have come for long enough."""
        return not self.is_silent(now_s) and now_s - self._began_s >= self._settled_after_s


class LinkTrouble:
    """How long a link has been in trouble, and how long to wait before opening it anew.

    Args:
        reopen_after_s: the first wait; it doubles with every opening that did not help.
    """

    def __init__(self, reopen_after_s: float) -> None:
        self._reopen_after_s = self._pause_s = reopen_after_s
        self._since_s: float | None = None
        self._is_probed = False

    def note(self, *, is_well: bool, now_s: float) -> None:
        """Note how the link is."""
        if is_well:
            self._since_s, self._is_probed = None, False
        elif self._since_s is None:
            self._since_s = now_s

    def is_reopening_due(self, now_s: float) -> bool:
        """Return whether it has waited long enough."""
        return self._since_s is not None and now_s - self._since_s >= self._pause_s

    def is_probe_due(self) -> bool:
        """Return True once in every trouble: the adapter should be asked what it knows."""
        is_due = self._since_s is not None and not self._is_probed
        self._is_probed = self._is_probed or is_due
        return is_due

    def reopened(self, now_s: float) -> None:
        """Start the next, longer wait."""
        self._since_s = now_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def mended(self) -> None:
        """Wait as at first the next time."""
        self._pause_s = self._reopen_after_s
