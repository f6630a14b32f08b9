# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The figures of a run follow from its record; the report shows them and stands alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.reports.run_report import write_run_report
from roboecc_core.reports.run_summary import (
    AppliedAction,
    DecisionRecord,
    RunRecord,
    median_ms,
    p95_ms,
    summary,
)
from roboecc_core.types import CloudSpan, StepTiming


def timing(step: int, span: CloudSpan, total_s: float) -> StepTiming:
    return StepTiming(
        step=step,
        span=span,
        codec="raw",
        capture_s=0.01,
        edge_s=0.2 * total_s,
        encode_s=0.0,
        network_s=0.3 * total_s,
        cloud_s=0.5 * total_s,
        decode_s=0.0,
        total_s=total_s,
        bytes_up=1000 + step,
        bytes_down=100,
        round_trips=1,
        cloud_gib=0.5,
        edge_gib=0.25,
    )


@pytest.fixture
def record() -> RunRecord:
    spans = [CloudSpan(5, 9), CloudSpan(5, 9), CloudSpan(0, 0), CloudSpan(5, 9)]
    numbers = [100, 101, 103, 104]  # 102 was abandoned
    timings = [timing(n, s, 0.02) for n, s in zip(numbers, spans, strict=True)]
    applied = [AppliedAction(n, 0, 5.0 + 0.1 * i, 0.004) for i, n in enumerate(numbers)]
    reason = "transfer takes <1 ms & it fits"
    return RunRecord(timings, applied, [DecisionRecord(4.9, spans[0], "raw", "argmin", reason)])


def test_summary_counts_steps_spans_and_actions(record):
    document = summary(record)
    assert document["steps"] == 4
    assert document["failed_steps"] == 1
    assert document["spans"] == [[5, 9], [0, 0]]
    assert document["actions_applied"] == 4
    assert document["action_hz"] == pytest.approx(10.0)
    assert document["stage_ms"]["cloud"] == pytest.approx(10.0)
    assert document["stage_ms"]["arm"] == pytest.approx(4.0)
    assert document["step_ms"]["median"] == pytest.approx(20.0)


@given(st.lists(st.floats(0, 10), min_size=1))
def test_p95_is_one_of_the_values_and_at_least_the_median(seconds):
    assert any(p95_ms(seconds) == pytest.approx(1e3 * s) for s in seconds)
    assert p95_ms(seconds) >= min(seconds) * 1e3
    if len(seconds) >= 20:
        assert p95_ms(seconds) >= median_ms(seconds) - 1e-9


def test_report_shows_the_figures_and_needs_no_other_file(record, tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    path = tmp_path / "report.html"
    write_run_report(path, record, {"model": "nano <seed 0>"}, first_image=image, last_image=image)
    html = path.read_text()
    assert "nano &lt;seed 0&gt;" in html
    assert "transfer takes &lt;1 ms &amp; it fits" in html
    assert html.count("data:image/png;base64,") == 4
    assert 'src="http' not in html
    assert "1 of\n5 steps were abandoned" in html
