# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The only door to the arm: what passes is finite, newest and not past its validity.

Chunks carry durations, and the gate adds them to its own clock, so the clocks of two hosts
are never compared (ADR 0003). Knows nothing of kinematics, topics or the network.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable

from roboecc_core.types import ActionChunk

MIN_PERIOD_S = 1e-3  # PIPER's own bus takes 200 targets a second; below this is nonsense


@dataclasses.dataclass(frozen=True, slots=True)
class GatedAction:
    """One action that the arm may carry out now. Times are on the gate's clock.

    Attributes:
        step, index: where it comes from: row `index` of the chunk of `step`.
        action: `(7,)` as in `ActionChunk.actions`.
        started_s: when its period began; it ends at `started_s + period_s`.
        valid_until_s: the observation's capture plus the chunk's validity.
        captured_s: the observation's capture, for the arm's log.
    """

    step: int
    index: int
    action: tuple[float, ...]
    started_s: float
    period_s: float
    valid_until_s: float
    captured_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class GateCounts:
    """How many chunks were accepted, and how many refused for which reason."""

    accepted: int = 0
    malformed: int = 0
    out_of_order: int = 0
    expired: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Accepted:
    chunk: ActionChunk
    received_s: float

    @property
    def captured_s(self) -> float:
        return self.received_s - self.chunk.age_s

    @property
    def valid_until_s(self) -> float:
        return self.captured_s + self.chunk.valid_for_s

    def started_s(self, index: int) -> float:
        return self.received_s + index * self.chunk.action_period_s

    def index_at(self, now_s: float) -> int:
        """Return which action's period holds `now_s`, however the division is rounded."""
        index = math.floor((now_s - self.received_s) / self.chunk.action_period_s)
        if self.started_s(index) > now_s:
            return index - 1
        return index + 1 if self.started_s(index + 1) <= now_s else index


class ActionGate:
    """Holds the newest chunk and hands out its action of the moment.

    One thread offers (the chunk's subscription), one asks (the control loop), any thread reads
    the reasons and counts; one lock, never held while anything waits.

    Args:
        clock: seconds; steady when live, /clock in lockstep and replay.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: _Accepted | None = None
        self._counts = GateCounts()
        self._hold_reason = "no chunk yet"
        self._drop_reason = ""

    @property
    def reason(self) -> str:
        """Why the last `current` said hold; empty when it gave an action."""
        with self._lock:
            return self._hold_reason

    @property
    def drop_reason(self) -> str:
        """Why the last refused chunk was refused; empty when none was."""
        with self._lock:
            return self._drop_reason

    @property
    def counts(self) -> GateCounts:
        """The chunks so far."""
        with self._lock:
            return self._counts

    def offer(self, chunk: ActionChunk) -> None:
        """Accept `chunk` in place of the one before, or drop it and count why.

        Its first action starts now, when it is handed over.
        """
        received_s = self._clock()
        with self._lock:
            counter, sentence = self._verdict(chunk, received_s)
            count = getattr(self._counts, counter) + 1
            self._counts = dataclasses.replace(self._counts, **{counter: count})
            if sentence:
                self._drop_reason = sentence
            else:
                self._newest = _Accepted(chunk, received_s)

    def current(self, now_s: float) -> GatedAction | None:
        """Return the action in force at `now_s` on the gate's clock; None means hold."""
        with self._lock:
            if self._newest is None:
                return None  # the reason stands since construction or reset
            newest = self._newest
            # A chunk that came after the caller read its clock starts at once, too.
            index = max(newest.index_at(now_s), 0)
            self._hold_reason = _hold_reason(newest, index, now_s)
            if self._hold_reason:
                return None
        return GatedAction(
            step=newest.chunk.step,
            index=index,
            action=newest.chunk.actions[index],
            started_s=newest.started_s(index),
            period_s=newest.chunk.action_period_s,
            valid_until_s=newest.valid_until_s,
            captured_s=newest.captured_s,
        )

    def reset(self) -> None:
        """Forget every chunk and step; for when the policy starts anew at step 0."""
        with self._lock:
            self._newest = None
            self._hold_reason = "no chunk since the reset"

    def _verdict(self, chunk: ActionChunk, received_s: float) -> tuple[str, str]:
        """Return the counter that `chunk` goes to, and the sentence why it is dropped."""
        if fault := _malformation(chunk):
            return "malformed", f"chunk of step {chunk.step} {fault}"
        if self._newest is not None and chunk.step <= self._newest.chunk.step:
            newest_step = self._newest.chunk.step
            return "out_of_order", f"chunk of step {chunk.step} came after step {newest_step}"
        candidate = _Accepted(chunk, received_s)
        if candidate.valid_until_s <= received_s:
            return "expired", (
                f"chunk of step {chunk.step} was {chunk.age_s:.3f} s old on arrival; it is "
                f"valid for {chunk.valid_for_s:.3f} s"
            )
        return "accepted", ""


def _malformation(chunk: ActionChunk) -> str:
    if not chunk.is_finite:
        return "has actions that are not rows of 7 finite numbers"
    durations_s = (chunk.action_period_s, chunk.age_s, chunk.valid_for_s)
    if not all(map(math.isfinite, durations_s)) or min(durations_s) < 0.0:
        return f"has impossible durations (period, age, validity) {durations_s}"
    if chunk.action_period_s < MIN_PERIOD_S:
        return f"has a period of {chunk.action_period_s} s; expected {MIN_PERIOD_S} s or more"
    return ""


def _hold_reason(newest: _Accepted, index: int, now_s: float) -> str:
    chunk = newest.chunk
    if now_s < newest.received_s - chunk.action_period_s:
        return f"the clock went back {newest.received_s - now_s:.2f} s behind step {chunk.step}"
    if now_s >= newest.valid_until_s:
        late_s = now_s - newest.valid_until_s
        return f"the actions of step {chunk.step} expired {late_s:.2f} s ago"
    if index >= len(chunk.actions):
        late_s = now_s - newest.started_s(len(chunk.actions))
        return f"the actions of step {chunk.step} ended {late_s:.2f} s ago"
    return ""
