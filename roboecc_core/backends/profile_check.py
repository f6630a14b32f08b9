# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Predicted against measured: small models of three structures that no profile has seen."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import torch

from roboecc_core.backends.profiling import synchronize
from roboecc_core.backends.synthetic import synthetic_inputs, synthetic_segment
from roboecc_core.data_plane.segment import StepState
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.catalog import describe
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.costs import chain_costs
from roboecc_core.planning.description import Dit, Head, Mlp, ModelDescription
from roboecc_core.planning.hardware import Device, step_seconds
from roboecc_core.planning.structure import plan_step
from roboecc_core.types import CloudSpan

_REPEATS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class CheckRow:
    """One model's step, seconds."""

    model: str
    predicted_s: float
    measured_s: float

    @property
    def error_percent(self) -> float:
        """Predicted over measured, less one, in percent."""
        return (self.predicted_s / self.measured_s - 1.0) * 100.0


def small_models(dtype: str) -> list[LayerChain]:
    """OpenVLA's, CogACT's and VOTE's structure, shrunk to what a CPU runs in a second."""
    dit = Dit(
        width=384, depth=6, num_heads=6, mlp_width=1536, iterations=10, dtype=dtype, horizon=16
    )
    mlp = Mlp(width=768, blocks=2, horizon=8)
    openvla = describe("openvla-7b")
    heads: dict[str, Head] = {"openvla": openvla.head, "cogact": dit, "mlp": mlp}
    return [
        assemble(_shrunk(openvla, f"small-{name}", head, dtype)) for name, head in heads.items()
    ]


def _shrunk(model: ModelDescription, name: str, head: Head, dtype: str) -> ModelDescription:
    widths = (384, 432)
    towers = tuple(
        dataclasses.replace(tower, width=width, depth=7, num_heads=6, mlp_width=4 * width)
        for tower, width in zip(model.towers, widths, strict=True)
    )
    backbone = dataclasses.replace(
        model.backbone,
        width=768,
        depth=8,
        num_heads=12,
        num_kv_heads=12,
        mlp_width=2048,
        vocab_size=4096,
    )
    return dataclasses.replace(
        model,
        name=name,
        towers=towers,
        projector=(sum(widths), 4 * sum(widths), 768, 768),
        backbone=backbone,
        head=head,
        dtype=dtype,
    )


def check(device: torch.device, profile: Device, *, dtype: str) -> list[CheckRow]:
    """Measure each small model's whole step and predict it from the profile."""
    chains = small_models(dtype)
    measured_s = measure_steps(chains, device)
    return [
        CheckRow(chain.model, float(step_seconds(chain_costs(chain), profile).sum()), measured)
        for chain, measured in zip(chains, measured_s, strict=True)
    ]


def measure_steps(chains: Sequence[LayerChain], device: torch.device) -> list[float]:
    """Return each chain's least time of a whole step with random weights, s.

    The models take turns, so that what else a shared machine does hits them alike; the least
    of the repeats is the one that it disturbed least. The profile is made likewise.
    """
    times_s: list[list[float]] = [[] for _ in chains]
    segments = [synthetic_segment(chain, device) for chain in chains]
    for _ in range(_REPEATS + 1):
        for chain, segment, found in zip(chains, segments, times_s, strict=True):
            visit = plan_step(chain, CloudSpan(0, 0)).visits[0]
            state = StepState(tensors=synthetic_inputs(chain, device))
            synchronize(device)
            started_s = time.perf_counter()
            segment.run(visit, state)
            synchronize(device)
            found.append(time.perf_counter() - started_s)
    return [min(found[1:]) for found in times_s]  # the first one warms up
