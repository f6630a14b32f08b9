# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From what a run recorded to the figures that it is judged by. Pure; knows no ROS."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from roboecc_core.types import CloudSpan, StepTiming

CONTROL_RATE_HZ = 30.0  # what the paper asks of real-time control (Sec. II-A.2)
STAGES = ("capture", "edge", "encode", "network", "cloud", "decode", "arm")


@dataclasses.dataclass(frozen=True, slots=True)
class AppliedAction:
    """The first command with which the arm acted on an action.

    Attributes:
        step, index: which action of which step.
        at_s: when, on the recorder's clock.
        arm_s: from the chunk's hand-over to this command.
    """

    step: int
    index: int
    at_s: float
    arm_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A split decision as it was published."""

    at_s: float
    span: CloudSpan
    codec: str
    policy: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class RunRecord:
    """What was seen of one run, in order.

    Attributes:
        timings: of every finished step.
        applied: of every action that reached the arm.
        decisions: of the split manager.

    """

    timings: Sequence[StepTiming]
    applied: Sequence[AppliedAction]
    decisions: Sequence[DecisionRecord]

    @property
    def failed_steps(self) -> int:
        """How many step numbers are missing between the first and the last."""
        if not self.timings:
            return 0
        numbers = {timing.step for timing in self.timings}
        return max(numbers) - min(numbers) + 1 - len(numbers)

    @property
    def started_s(self) -> float:
        """The earliest moment in the record, on the recorder's clock; 0 when it is empty."""
        times_s = [decision.at_s for decision in self.decisions]
        times_s += [action.at_s for action in self.applied]
        return min(times_s, default=0.0)

    @property
    def spans(self) -> list[CloudSpan]:
        """Spans in order of first use."""
        return list(dict.fromkeys(timing.span for timing in self.timings))

    @property
    def action_hz(self) -> float:
        """Actions begun a second, from the first to the last; 0 with fewer than two."""
        if not self.applied:
            return 0.0
        seconds = self.applied[-1].at_s - self.applied[0].at_s
        return (len(self.applied) - 1) / seconds if seconds > 0 else 0.0

    def stage_s(self, stage: str) -> list[float]:
        """Return one stage's time in every step; `arm` in every applied action."""
        if stage == "arm":
            return [action.arm_s for action in self.applied]
        return [getattr(timing, f"{stage}_s") for timing in self.timings]


def median_ms(seconds: Sequence[float]) -> float:
    """Return the median in ms; 0 of nothing."""
    return 1e3 * statistics.median(seconds) if seconds else 0.0


def p95_ms(seconds: Sequence[float]) -> float:
    """Return the 95th percentile (nearest rank) in ms; 0 of nothing."""
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return 1e3 * ordered[max(0, -(-95 * len(ordered) // 100) - 1)]


def summary(record: RunRecord) -> dict[str, object]:
    """Return the part of `roboecc demo`'s document that follows from the record."""
    total_s = [timing.total_s for timing in record.timings]
    last = record.timings[-1]
    return {
        "steps": len(record.timings),
        "failed_steps": record.failed_steps,
        "spans": [[span.start, span.stop] for span in record.spans],
        "actions_applied": len(record.applied),
        "action_hz": record.action_hz,
        "stage_ms": {stage: median_ms(record.stage_s(stage)) for stage in STAGES},
        "stage_p95_ms": {stage: p95_ms(record.stage_s(stage)) for stage in STAGES},
        "step_ms": {"median": median_ms(total_s), "p95": p95_ms(total_s)},
        "bytes_up": int(statistics.median(timing.bytes_up for timing in record.timings)),
        "bytes_down": int(statistics.median(timing.bytes_down for timing in record.timings)),
        "round_trips": int(statistics.median(t.round_trips for t in record.timings)),
        "cloud_gib": last.cloud_gib,
        "edge_gib": last.edge_gib,
    }
