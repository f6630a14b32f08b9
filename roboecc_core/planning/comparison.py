# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which device runs which model at which rate, whole: the second seed's question and claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from roboecc_core.planning.catalog import model_chain
from roboecc_core.planning.costs import chain_costs, peak_bytes
from roboecc_core.planning.deployment import CONTROL_RATE_HZ
from roboecc_core.planning.hardware import Device, step_seconds

_MAX_MODE = "MAX"
_ABOUT_TEN = (7.0, 14.0)  # what "about 10x", "an order of magnitude", is taken to mean
_PAPER_HZ = 55.57  # VOTE-MLP4 on Orin MAX, two independent notes on arXiv 2509.11480
_TOLERANCE = 0.1
_NONLINEAR = 0.2  # a mode's rate a watt may differ by this share and still count as linear
_WATTS = {"50W": 50.0, "30W": 30.0, "15W": 15.0}


@dataclasses.dataclass(frozen=True, slots=True)
class RateRow:
    """One model whole on one device in one power mode.

    Attributes:
        fits: whether its memory holds the model; None where that is not known.
    """

    model: str
    device: str
    power_mode: str | None
    chunk_s: float
    action_hz: float
    peak_gib: float
    fits: bool | None

    @property
    def meets_30_hz(self) -> bool:
        """Whether its actions come at the rate that control wants, on a device that holds it."""
        return self.action_hz >= CONTROL_RATE_HZ and self.fits is not False


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the seed; `is_held` is None where our figures cannot tell."""

    claim: str
    is_held: bool | None
    evidence: str


def rate_rows(models: Iterable[str], devices: Iterable[Device]) -> list[RateRow]:
    """Return every model on every device."""
    rows, devices = [], list(devices)
    for model in models:
        chain = model_chain(model)
        costs = chain_costs(chain)
        peak_gib = peak_bytes(chain, costs) / 2**30
        for device in devices:
            chunk_s = float(step_seconds(costs, device).sum())
            fits = peak_gib <= device.memory_gib if device.memory_gib else None
            rate_hz = chain.actions_per_step / chunk_s
            base = device.name.removesuffix(f"-{device.power_mode.lower()}")
            mode = device.power_mode or None
            rows.append(RateRow(model, base, mode, chunk_s, rate_hz, peak_gib, fits))
    return rows


def claims(rows: Sequence[RateRow]) -> list[Claim]:
    """Judge the seed's claims on these rows; a claim whose rows are missing is left unknown."""
    table = {(row.model, row.device, row.power_mode): row for row in rows}
    judges: Sequence[tuple[str, Callable[[Mapping[_Key, RateRow]], tuple[bool | None, str]]]] = (
        ("H100 is about 10 times as fast as Orin (MAX) on every model", _ten_times),
        ("VOTE-MLP4 has the lowest latency on Orin", _lowest),
        ("VOTE-MLP4 reaches 55.57 Hz on Orin MAX", _fastest_rate),
        ("Chunked models have the highest throughput", _chunked),
        ("QwenVLA needs the least memory", _qwenvla),
        ("Some Orin power modes match or exceed the V100", _orin_over_v100),
        ("Orin's performance is not linear in its power", _nonlinear),
        ("High-throughput variants lose no significant accuracy", _accuracy),
    )
    result = []
    for text, judge in judges:
        try:
            is_held, evidence = judge(table)
        except (KeyError, ValueError):
            is_held, evidence = None, "the rows that it needs were not asked for"
        result.append(Claim(text, is_held, evidence))
    return result


_Key = tuple[str, str, str | None]


def _models(table: Mapping[_Key, RateRow]) -> list[str]:
    return list(dict.fromkeys(model for model, _, _ in table))


def _ten_times(table: Mapping[_Key, RateRow]) -> tuple[bool, str]:
    ratios = {
        m: table[(m, "orin", _MAX_MODE)].chunk_s / table[(m, "h100", None)].chunk_s
        for m in _models(table)
    }
    low, high = min(ratios.values()), max(ratios.values())
    is_held = _ABOUT_TEN[0] <= low and high <= _ABOUT_TEN[1]
    each = ", ".join(f"{m} {r:.1f}" for m, r in ratios.items())
    note = "the H100's shares are carried over from the A100"
    return is_held, f"{low:.1f} to {high:.1f} times ({each}); {note}"


def _lowest(table: Mapping[_Key, RateRow]) -> tuple[bool, str]:
    times = {m: table[(m, "orin", _MAX_MODE)].chunk_s for m in _models(table)}
    least = min(times, key=lambda m: times[m])
    ours = times["vote-mlp4"]
    return least == "vote-mlp4", (
        f"VOTE-MLP4 {ours * 1e3:.0f} ms, the least is {least} with {times[least] * 1e3:.0f} ms; "
        "its head has two blocks more than VOTE-1T's on the same trunk"
    )


def _fastest_rate(table: Mapping[_Key, RateRow]) -> tuple[bool, str]:
    row = table[("vote-mlp4", "orin", _MAX_MODE)]
    is_held = abs(row.action_hz / _PAPER_HZ - 1.0) <= _TOLERANCE
    return is_held, (
        f"predicted {row.action_hz:.1f} Hz ({row.chunk_s * 1e3:.0f} ms a chunk); 55.57 Hz is "
        f"{8e3 / _PAPER_HZ:.0f} ms for a chunk of 8, while RoboECC's own 1119 ms for OpenVLA on "
        "Orin, on which this device is calibrated, leave 597 ms for the same vision and prefill: "
        "the two papers' Orin figures cannot both be of one set-up"
    )


def _chunked(table: Mapping[_Key, RateRow]) -> tuple[bool, str]:
    rates = {m: table[(m, "orin", _MAX_MODE)].action_hz for m in _models(table)}
    ranked = sorted(rates, key=lambda m: -rates[m])
    slowest = min(ranked, key=lambda m: rates[m])
    listed = ", ".join(f"{m} {rates[m]:.1f} Hz" for m in ranked)
    return slowest == "openvla-7b", f"on Orin MAX: {listed}"


def _qwenvla(_: Mapping[_Key, RateRow]) -> tuple[None, str]:
    return None, "QwenVLA's architecture is not public, so nothing is predicted for it"


def _orin_over_v100(table: Mapping[_Key, RateRow]) -> tuple[bool, str]:
    best = {}
    for model in _models(table):
        v100 = table[(model, "v100", None)]
        orins = [row for (m, d, _), row in table.items() if m == model and d == "orin"]
        fastest = min(orins, key=lambda row: row.chunk_s)
        best[f"{model} {fastest.power_mode}"] = v100.chunk_s / fastest.chunk_s
    top = max(best, key=lambda key: best[key])
    return best[top] >= 1.0, (
        f"Orin's best is {best[top]:.2f} of the V100's rate ({top}); the V100's shares are "
        "carried over from the A100, and a framework without its kernels would fall below them"
    )


def _nonlinear(table: Mapping[_Key, RateRow]) -> tuple[bool, str]:
    model = _models(table)[0]
    a_watt = {
        mode: table[(model, "orin", mode)].action_hz / watts for mode, watts in _WATTS.items()
    }
    values = np.array(list(a_watt.values()))
    spread = float(np.ptp(values) / values.mean())
    listed = ", ".join(f"{mode} {rate:.4f}" for mode, rate in a_watt.items())
    return spread > _NONLINEAR, f"{model}, actions a joule: {listed}; they differ by {spread:.0%}"


def _accuracy(_: Mapping[_Key, RateRow]) -> tuple[None, str]:
    return None, "accuracy is measured on LIBERO, not predicted"
