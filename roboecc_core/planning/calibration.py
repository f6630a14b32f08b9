# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Solves a device's efficiencies from two whole-model times; never sees a split row.

Decode: its share of bandwidth is assumed. Parallel: the arithmetic share that makes OpenVLA's
whole step take its measured time, decode taken off. Iterative: the overhead of each layer
run that makes CogACT's whole step take its measured time, vision and prefill taken off.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from roboecc_core.errors import ConfigError
from roboecc_core.planning.catalog import model_chain
from roboecc_core.planning.costs import REGIME_OF_PHASE, ChainCosts, IntArray, chain_costs
from roboecc_core.planning.hardware import Device, Efficiency, run_seconds

DECODE_SHARE = 0.75  # of bandwidth: a GEMV-bound decode gets 0.6 to 0.9 on such devices
DECODE_BAND = (0.6, 0.9)
_MEMORY_SHARE = 0.75  # of the element-wise layers in the other regimes
_BISECTIONS = 60


@dataclasses.dataclass(frozen=True, slots=True)
class WholeModelTimes:
    """Seconds of one step on one device, nothing split, and where they are printed."""

    openvla_s: float
    cogact_s: float
    source: str


# device -> its edge-only or cloud-only rows
ANCHORS = {
    "a100": WholeModelTimes(0.1512, 0.1114, "paper Tables II, III, cloud-only rows"),
    "orin": WholeModelTimes(1.1194, 0.7753, "paper Tables II, III, edge-only rows"),
    "thor": WholeModelTimes(0.6289, 0.4296, "paper Tables II, III, edge-only rows"),
    "a6000": WholeModelTimes(0.307, 0.181, "CogACT README: OpenVLA and CogACT-B on an A6000"),
}


def calibrate(
    device: Device, times: WholeModelTimes, *, decode_share: float = DECODE_SHARE
) -> Device:
    """Return the device with the efficiencies that give these whole-model times.

    Raises:
        ConfigError: no efficiency can give them; says what is left over.
    """
    openvla = chain_costs(model_chain("openvla-7b"))
    cogact = chain_costs(model_chain("cogact-b"))
    note = f"calibrated on {times.source}"
    decode = Efficiency(1.0, decode_share, 0.0, "assumed; the band 0.6-0.9 is reported")
    guess = {"decode": decode, "iterative": Efficiency(1.0, _MEMORY_SHARE)}

    def whole(costs: ChainCosts, compute: float, regimes: tuple[str, ...]) -> float:
        parallel = Efficiency(compute, _MEMORY_SHARE, 0.0, note)
        trial = dataclasses.replace(device, efficiency={**guess, "parallel": parallel})
        seconds = run_seconds(costs, trial) * costs.repeats
        of = _entries(costs, regimes)
        return float(seconds[np.concatenate(of)].sum()) if of else 0.0

    rest_s = times.openvla_s - whole(openvla, 1.0, ("decode",))
    low, high = 1e-4, 1.0
    if whole(openvla, high, ("parallel",)) > rest_s:
        raise ConfigError(
            f"{device.name}: decode leaves {rest_s * 1e3:.1f} ms for vision and prefill, which is "
            "less than its peak allows; lower the decode share"
        )
    for _ in range(_BISECTIONS):
        middle = (low * high) ** 0.5
        low, high = (
            (middle, high) if whole(openvla, middle, ("parallel",)) > rest_s else (low, middle)
        )
    head_s = times.cogact_s - whole(cogact, high, ("parallel",))
    roofline_s = whole(cogact, high, ("iterative",))
    runs = sum(float(cogact.repeats[e].sum()) for e in _entries(cogact, ("iterative",)))
    overhead_us = max(0.0, (head_s - roofline_s) / runs * 1e6)
    efficiency = {
        "parallel": Efficiency(high, _MEMORY_SHARE, 0.0, note),
        "decode": decode,
        "iterative": Efficiency(1.0, _MEMORY_SHARE, overhead_us, note),
    }
    return dataclasses.replace(device, efficiency=efficiency)


def _entries(costs: ChainCosts, regimes: tuple[str, ...]) -> list[IntArray]:
    return [
        entries
        for (_, phase, _), entries in costs.groups.items()
        if REGIME_OF_PHASE[phase] in regimes
    ]
