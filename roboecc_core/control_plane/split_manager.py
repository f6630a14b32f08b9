# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Chooses which (span, codec) the next step uses.

The choice is a pure function from candidates and link to a decision; the manager adds only
memory: what runs now, and what an operator pinned. Knows nothing of how steps are run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from roboecc_core.errors import ConfigError
from roboecc_core.planning.candidates import Candidate
from roboecc_core.types import CloudSpan

__all__ = [
    "HYSTERESIS",
    "Candidate",
    "Decision",
    "LinkEstimate",
    "SplitManager",
    "decide",
    "expected_latency_s",
]

HYSTERESIS = 0.1  # a switch must save this share; forecasts of steps are right to about that


@dataclasses.dataclass(frozen=True, slots=True)
class LinkEstimate:
    """The link as a decision sees it, measured or forecast; None where nothing is known."""

    is_reachable: bool
    rtt_s: float | None = None
    uplink_bytes_per_s: float | None = None
    downlink_bytes_per_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What runs from the next step on. Latencies of one step; NaN while unpredictable."""

    candidate: Candidate
    expected_latency_s: float
    runner_up: Candidate | None
    runner_up_latency_s: float
    policy: str
    reason: str


def expected_latency_s(candidate: Candidate, link: LinkEstimate) -> float:
    """Return the time of one step, s; NaN when it crosses a link of unknown bandwidth.

    Compute + trips x RTT + bytes up / uplink + bytes down / downlink (design.md 2). A
    direction that was never measured is taken to be like the other; an unknown RTT is 0.
    """
    if candidate.span.is_empty:
        return candidate.compute_s
    uplink, downlink = link.uplink_bytes_per_s, link.downlink_bytes_per_s
    up_s = _transfer_s(candidate.bytes_up, downlink if uplink is None else uplink)
    down_s = _transfer_s(candidate.bytes_down, uplink if downlink is None else downlink)
    return candidate.compute_s + candidate.round_trips * (link.rtt_s or 0.0) + up_s + down_s


def _transfer_s(num_bytes: int, bytes_per_s: float | None) -> float:
    if bytes_per_s is None:
        return math.nan
    return num_bytes / bytes_per_s if bytes_per_s > 0.0 else math.inf


def decide(
    candidates: Sequence[Candidate],
    link: LinkEstimate,
    *,
    current: Candidate | None = None,
    hysteresis: float = HYSTERESIS,
) -> Decision | None:
    """Return the available candidate of least expected latency; None when none is available.

    The current one stays unless another saves more than the share `hysteresis`, and as long
    as nothing was measured. Ties go to the one listed first, so equal input decides equally.
    """
    available = [one for one in candidates if link.is_reachable or one.span.is_empty]
    if not available:
        return None
    latencies_s = {one: expected_latency_s(one, link) for one in available}
    chosen, reason = _choice(latencies_s, current, hysteresis)
    if not link.is_reachable:
        reason = f"the cloud is unreachable; {reason}"
    return _decision(chosen, latencies_s, policy="argmin", reason=reason)


def _choice(
    latencies_s: Mapping[Candidate, float], current: Candidate | None, hysteresis: float
) -> tuple[Candidate, str]:
    if current not in latencies_s:
        current = None
    if any(map(math.isnan, latencies_s.values())):
        first, *_ = latencies_s
        if current is None:
            return first, f"no bandwidth measured yet: {first} is listed first"
        return current, f"no bandwidth measured yet: {current} is kept"
    best = min(latencies_s, key=lambda one: latencies_s[one])
    best_s = latencies_s[best]
    if current is None or best == current:
        knows_compute = any(one.compute_s > 0.0 for one in latencies_s)
        how = "is fastest with" if knows_compute else "crosses fastest, in"
        return best, f"{best} {how} {_in_ms(best_s)}"
    kept_s = latencies_s[current]
    if best_s < kept_s * (1.0 - hysteresis):
        return best, f"{best} takes {_in_ms(best_s)}, {current} {_in_ms(kept_s)}"
    return current, (
        f"{best} with {_in_ms(best_s)} saves under {hysteresis:.0%} of {current}'s "
        f"{_in_ms(kept_s)}"
    )


def _in_ms(duration_s: float) -> str:
    return f"{duration_s * 1000.0:.1f} ms"


def _decision(
    chosen: Candidate, latencies_s: Mapping[Candidate, float], *, policy: str, reason: str
) -> Decision:
    others = [one for one in latencies_s if one != chosen]
    runner_up = min(others, key=lambda one: _nan_last(latencies_s[one]), default=None)
    return Decision(
        candidate=chosen,
        expected_latency_s=latencies_s[chosen],
        runner_up=runner_up,
        runner_up_latency_s=latencies_s[runner_up] if runner_up else math.nan,
        policy=policy,
        reason=reason,
    )


def _nan_last(latency_s: float) -> tuple[bool, float]:
    return math.isnan(latency_s), latency_s


class SplitManager:
    """Remembers what runs and what is pinned; owned by one thread.

    Args:
        candidates: in order of preference while nothing was measured.
        hysteresis: the share of the current latency that a switch must save, 0 <= it < 1.

    Raises:
        ConfigError: there is no candidate, one is listed twice, or the share is impossible.
    """

    def __init__(self, candidates: Sequence[Candidate], *, hysteresis: float = HYSTERESIS) -> None:
        names = [str(one) for one in candidates]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"candidates {names} are not one or more different ones")
        if not 0.0 <= hysteresis < 1.0:
            raise ConfigError(f"hysteresis {hysteresis} is not a share; expected 0 <= it < 1")
        self._candidates = tuple(candidates)
        self._hysteresis = hysteresis
        self._current: Candidate | None = None
        self._pinned: tuple[Candidate, ...] = ()

    @property
    def current(self) -> Candidate | None:
        """What the last update chose; None before any, or while nothing is available."""
        return self._current

    def pin(self, span: CloudSpan, codec: str | None = None) -> None:
        """Let only `span` run from the next update on, with the best of its codecs or `codec`.

        Raises:
            ConfigError: no candidate is that; the pin before stays.
        """
        pinned = tuple(
            one for one in self._candidates if one.span == span and codec in (None, one.codec)
        )
        if not pinned:
            names = ", ".join(map(str, self._candidates))
            raise ConfigError(
                f"span {span} with codec {codec or 'any'} is no candidate; the candidates are "
                f"{names}"
            )
        self._pinned = pinned

    def unpin(self) -> None:
        """Let the latencies decide again."""
        self._pinned = ()

    def update(self, link: LinkEstimate) -> Decision | None:
        """Return what the next step uses; None when nothing is available and the arm holds.

        A pinned span is obeyed even while the cloud is unreachable.
        """
        if self._pinned:
            decision: Decision | None = self._obey(link)
        else:
            decision = decide(
                self._candidates, link, current=self._current, hysteresis=self._hysteresis
            )
        self._current = decision.candidate if decision else None
        return decision

    def _obey(self, link: LinkEstimate) -> Decision:
        latencies_s = {one: expected_latency_s(one, link) for one in self._candidates}
        pinned_s = {one: latencies_s[one] for one in self._pinned}
        chosen, _ = _choice(pinned_s, self._current, self._hysteresis)
        reason = f"{chosen} is pinned"
        if not link.is_reachable and not chosen.span.is_empty:
            reason += "; the cloud is unreachable, so the arm holds until it returns"
        return _decision(chosen, latencies_s, policy="pinned", reason=reason)
