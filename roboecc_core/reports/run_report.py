# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One HTML file a run, complete in itself: figures, plots, first and last camera frame."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import jinja2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from roboecc_core.reports.run_summary import (
    CONTROL_RATE_HZ,
    STAGES,
    RunRecord,
    median_ms,
    p95_ms,
)

# Okabe and Ito's palette, told apart by colour-blind readers too
_COLOURS = dict(
    zip(
        STAGES,
        ("#999999", "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00"),
        strict=True,
    )
)
RgbImage = npt.NDArray[np.uint8]


def write_run_report(
    path: Path,
    record: RunRecord,
    facts: Mapping[str, str],
    *,
    first_image: RgbImage,
    last_image: RgbImage,
) -> None:
    """Write the report, and beside it `overview.png`.

    Args:
        path: of the HTML file; its folder exists.
        record: of the run, with at least one step.
        facts: what to list at the top, in order, e.g. model, transport, machine.
        first_image: RGB `(height, width, 3)`.
        last_image: likewise.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("roboecc_core.reports", ""), autoescape=True
    )
    rows = [
        {"name": s, "median": median_ms(record.stage_s(s)), "p95": p95_ms(record.stage_s(s))}
        for s in STAGES
    ]
    total_s = [timing.total_s for timing in record.timings]
    rows.append({"name": "step", "median": median_ms(total_s), "p95": p95_ms(total_s)})
    html = environment.get_template("run_report.html.j2").render(
        facts=facts,
        rows=rows,
        record=record,
        control_rate_hz=CONTROL_RATE_HZ,
        stage_plot=_data_uri(_figure_png(stage_figure(record))),
        rate_plot=_data_uri(_figure_png(rate_figure(record))),
        first_image=_data_uri(_image_png(first_image)),
        last_image=_data_uri(_image_png(last_image)),
    )
    path.write_text(html, encoding="utf-8")
    overview_figure(record, first_image).savefig(path.with_name("overview.png"), dpi=100)


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})


def stage_figure(record: RunRecord) -> Figure:
    """Draw each step's time as a stack of its stages."""
    with _style():
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        _draw_stages(figure.subplots(), record)
        figure.legend(ncols=len(STAGES) + 1, loc="outside lower center", frameon=False)
    return figure


def overview_figure(record: RunRecord, image: RgbImage) -> Figure:
    """Draw what a newcomer is shown: what the camera sees, and where each step's time went."""
    with _style():
        figure = Figure(figsize=(12, 4.2), layout="constrained")
        camera, stages = figure.subplots(1, 2, width_ratios=(1, 2))
        camera.imshow(image)
        camera.set(title="what the policy sees")
        camera.axis("off")
        _draw_stages(stages, record)
        figure.legend(ncols=len(STAGES) + 1, loc="outside lower right", frameon=False)
    return figure


def _draw_stages(axes: Axes, record: RunRecord) -> None:
    numbers = [timing.step for timing in record.timings]
    steps = np.array(numbers) - numbers[0] + 1
    arm_s = {action.step: action.arm_s for action in record.applied}
    floor = np.zeros(len(steps))
    for stage in STAGES:
        by_step = [arm_s.get(number, 0.0) for number in numbers]
        height_ms = 1e3 * np.asarray(by_step if stage == "arm" else record.stage_s(stage))
        axes.bar(steps, height_ms, 1.0, floor, label=stage, color=_COLOURS[stage])
        floor += height_ms
    axes.set(xlabel="step", ylabel="ms", title="From photon to joint command: each step")
    label = f"{CONTROL_RATE_HZ:.0f} Hz"
    axes.axhline(1e3 / CONTROL_RATE_HZ, color="black", lw=0.8, ls="--", label=label)


def rate_figure(record: RunRecord) -> Figure:
    """Draw the time between the arm's actions against the control rate wanted."""
    with _style():
        figure = Figure(figsize=(9, 2.2), layout="constrained")
        axes = figure.subplots()
        at_s = np.array([action.at_s for action in record.applied])
        if len(at_s) > 1:
            axes.plot(
                at_s[1:] - at_s[0], 1.0 / np.maximum(np.diff(at_s), 1e-3), ".-", lw=0.7, ms=3
            )
        axes.axhline(CONTROL_RATE_HZ, color="black", lw=0.8, ls="--", label="wanted: 30 Hz")
        axes.set(xlabel="time, s", ylabel="actions / s", title="Action rate", ylim=(0, None))
        axes.legend(frameon=False, loc="upper right")
    return figure


def _figure_png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _image_png(image: RgbImage) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
