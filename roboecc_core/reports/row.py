# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One figure of the paper beside ours."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of `roboecc reproduce`.

    Attributes:
        paper, ours: None where there is no figure; a zero that stands for "none" is None too.
        is_calibrated: whether ours was fitted to this very figure.
        cloud_first: ours with the cut read the other way.
        band: ours with a decode share of 0.6 and of 0.9, in ascending order.
    """

    table: str
    hardware: str
    method: str
    quantity: str
    paper: float | None
    ours: float | None
    note: str
    model: str = ""
    is_calibrated: bool = False
    cloud_first: float | None = None
    band: tuple[float, float] | None = None

    @property
    def error_percent(self) -> float | None:
        """Ours over paper, less one, in percent."""
        return _error(self.paper, self.ours)

    @property
    def cloud_first_error_percent(self) -> float | None:
        """The same with the cut read the other way."""
        return _error(self.paper, self.cloud_first)


def _error(paper: float | None, ours: float | None) -> float | None:
    if not paper or ours is None:
        return None
    return (ours / paper - 1.0) * 100.0
