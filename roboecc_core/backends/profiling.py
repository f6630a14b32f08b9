# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Measures this machine: stacks of transformer blocks, timed layer by layer, made a device.

Each regime has its own stacks (many rows, one row, a small iterated head) of several widths,
deep enough that weights come from memory as they do in a real step. For each kind of layer
the three figures of Eq. 2 with overhead are then fitted to what was measured.
"""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from roboecc_core.backends.synthetic import synthetic_inputs, synthetic_segment
from roboecc_core.data_plane.segment import LayerContext, Segment
from roboecc_core.planning.chain import Layer, LayerChain, Phase
from roboecc_core.planning.costs import REGIME_OF_PHASE, FloatArray, layer_cost
from roboecc_core.planning.hardware import Device, Efficiency
from roboecc_core.planning.transformer import Stream

Progress = Callable[[int, int], None]
_TURNS = 9
_DECODES = 3
_PEAK_SIDE, _PEAK_REPEATS = 2048, 4
_COPY_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True, slots=True)
class Stack:
    """A stack of equal blocks to measure: rows and width, and how many blocks."""

    phase: str
    rows: int
    width: int
    depth: int
    batch: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One measured layer: its phase, kind, what it computes and moves, and its time."""

    phase: str
    kind: str
    flop: float
    moved_bytes: float
    seconds: float


# Widths and rows of the profile; no catalogue model and no model of the check has them.
STACKS = (
    Stack("vision", 200, 320, 6),
    Stack("vision", 272, 640, 5),
    Stack("vision", 330, 1280, 4),
    Stack("prefill", 180, 576, 5),
    Stack("prefill", 300, 1088, 5),
    Stack("prefill", 260, 2048, 2),
    Stack("decode", 1, 576, 16),
    Stack("decode", 1, 1088, 6),
    Stack("decode", 1, 2048, 3),
    Stack("denoise", 17, 320, 8, batch=2),
    Stack("denoise", 17, 448, 6, batch=2),
    Stack("denoise", 17, 832, 5, batch=2),
)


def stack_chain(stack: Stack, dtype: str) -> LayerChain:
    """Return a stack as a chain of one phase (a decode has a prefill in front of it)."""
    is_language = stack.phase in ("prefill", "decode")
    phases = ("prefill", "decode") if stack.phase == "decode" else (stack.phase,)
    heads = max(1, stack.width // 64)
    stream = Stream(
        prefix="stack",
        stage="backbone",
        phases=phases,
        rows="rows",
        width=stack.width,
        mlp_width=int(stack.width * 2.6875) if is_language else 4 * stack.width,
        q_width=stack.width,
        kv_width=stack.width,
        dtype=dtype,
        num_heads=heads,
        keys="context" if is_language else None,
        batch=stack.batch,
        norm="rms" if is_language else "plain" if stack.phase == "denoise" else "layer",
        has_gate=is_language,
        has_bias=not is_language,
        is_causal=is_language,
        has_cache=is_language,
    )
    context = 284
    dims = {"rows": stack.rows, "context": stack.rows}
    program = [Phase(stack.phase, 1, {**dims, "context": max(stack.rows, 1)})]
    if stack.phase == "decode":
        program = [
            Phase("prefill", 1, {"rows": context, "context": context}),
            Phase("decode", _DECODES, {"rows": 1, "context": context + _DECODES // 2 + 1}),
        ]
    layers = tuple(la for index in range(stack.depth) for la in stream.block_layers(index))
    tensors = {spec.name: spec for spec in stream.tensor_specs()}
    hidden = (stream.named("hidden"),)
    return LayerChain("stack", layers, tensors, tuple(program), hidden, hidden)


def profile(
    device: torch.device, *, dtype: str = "float32", progress: Progress | None = None
) -> tuple[Device, list[Sample]]:
    """Measure this machine and return it as a device, with the samples it was fitted to."""
    peak, bandwidth = _peak_flop_per_s(device, dtype), _bytes_per_s(device)
    samples = measure_stacks(STACKS, device, dtype, progress)
    note = f"measured {time.strftime('%Y-%m-%d')} by 'roboecc profile'"
    threads = torch.get_num_threads()
    measured = Device(
        name=_host_name(device),
        description=f"{_host_name(device)}, {dtype}, {threads} threads, measured",
        source=note,
        frequency_mhz=1000.0,  # so that flop_per_core_cycle reads as FLOP a nanosecond
        cores=1.0,
        flop_per_core_cycle={dtype: peak / 1e9},
        memory_gb_s=bandwidth / 1e9,
        efficiency=fit(samples, peak, bandwidth, note),
        memory_gib=_memory_gib(device),
    )
    return measured, samples


def _host_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device)).replace(" ", "-").lower()
    return f"cpu-{platform.machine()}"


def _memory_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory / 2**30)
    return 0.0


def _peak_flop_per_s(device: torch.device, dtype: str) -> float:
    a = torch.randn(_PEAK_SIDE, _PEAK_SIDE, device=device).to(getattr(torch, dtype))
    best = min(_timed(lambda: a @ a, device) for _ in range(_PEAK_REPEATS))
    return 2.0 * _PEAK_SIDE**3 / best


def _bytes_per_s(device: torch.device) -> float:
    source = torch.zeros(_COPY_BYTES // 4, device=device)
    best = min(_timed(source.sum, device) for _ in range(_PEAK_REPEATS))
    return _COPY_BYTES / best


def _timed(work: Callable[[], object], device: torch.device) -> float:
    synchronize(device)
    started_s = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started_s


def synchronize(device: torch.device) -> None:
    """Wait for a device's queue; a CPU has none."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def measure_stacks(
    stacks: Sequence[Stack], device: torch.device, dtype: str, progress: Progress | None = None
) -> list[Sample]:
    """Return one sample for each operation of each stack.

    The median over the blocks of a pass, and of the passes the least disturbed one. The stacks
    take turns, so that what else the machine does for a while spoils one pass of each only.
    """
    chains = [stack_chain(stack, dtype) for stack in stacks]
    segments = [synthetic_segment(chain, device) for chain in chains]
    least: list[dict[str, float]] = [{} for _ in stacks]
    for turn in range(_TURNS):
        for number, (stack, chain) in enumerate(zip(stacks, chains, strict=True)):
            for operation, seconds in _medians(stack, chain, segments[number], device).items():
                before = least[number].get(operation, seconds)
                # the first turn warms up
                least[number][operation] = seconds if turn <= 1 else min(seconds, before)
            if progress:
                progress(turn * len(stacks) + number + 1, _TURNS * len(stacks))
    return [
        sample
        for stack, chain, found in zip(stacks, chains, least, strict=True)
        for sample in _samples(stack, chain, found)
    ]


def _medians(
    stack: Stack, chain: LayerChain, segment: Segment, device: torch.device
) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    for phase, index, seconds in _run_layers(chain, segment, device):
        if phase == stack.phase:
            times.setdefault(_operation(chain.layers[index]), []).append(seconds)
    return {operation: float(np.median(found)) for operation, found in times.items()}


def _samples(stack: Stack, chain: LayerChain, least: Mapping[str, float]) -> Iterator[Sample]:
    for layer in chain.layers[: len(least)]:
        cost = layer_cost(chain, layer, chain.program[-1])
        seconds = least[_operation(layer)]
        yield Sample(stack.phase, layer.kind, cost.flop, cost.moved_bytes, seconds)


def _operation(layer: Layer) -> str:
    return layer.name.rpartition(".")[2]


def _run_layers(
    chain: LayerChain, segment: Segment, device: torch.device
) -> Iterator[tuple[str, int, float]]:
    """Run a step and yield (phase, layer index, seconds); on CUDA from events in the stream."""
    tensors = synthetic_inputs(chain, device)
    caches: dict[int, dict[str, torch.Tensor]] = {}
    marks = []
    for phase, iteration, index in chain.executions():
        if not index:  # a decode goes on with the last row of what was before it
            rows = phase.dims["rows"]
            tensors = {name: tensor[:, -rows:] for name, tensor in tensors.items()}
        io = chain.layers[index].io[phase.name]
        context = LayerContext(phase.name, iteration, caches.setdefault(index, {}))
        operands = [tensors[name] for name in io.reads]
        before = _mark(device)
        results = segment.operations[index](context, *operands)
        marks.append((phase.name, index, before, _mark(device)))
        tensors.update(zip(io.writes, results, strict=True))
    synchronize(device)
    for name, index, before, after in marks:
        yield name, index, _between(before, after)


def _mark(device: torch.device) -> Any:
    """A point in time: seconds on a CPU, an event in the stream on CUDA."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event


def _between(before: Any, after: Any) -> float:
    """Seconds between two marks whose work is done."""
    if isinstance(before, float):
        return float(after) - before
    return float(before.elapsed_time(after)) / 1e3


def fit(
    samples: Sequence[Sample], peak: float, bandwidth: float, note: str
) -> dict[str, Efficiency]:
    """Return the efficiencies by regime, and by phase and kind, that fit the samples best.

    A regime takes its linear layers' figures: what stands for layers of no measured kind.
    """
    result: dict[str, Efficiency] = {}
    by_regime: dict[str, list[Sample]] = {}
    by_kind: dict[str, list[Sample]] = {}
    for sample in samples:
        by_regime.setdefault(REGIME_OF_PHASE[sample.phase], []).append(sample)
        by_kind.setdefault(f"{sample.phase}/{sample.kind}", []).append(sample)
    linear = {
        regime: [s for s in found if s.kind == "linear"] for regime, found in by_regime.items()
    }
    for name, found in {**linear, **by_kind}.items():
        result[name] = _fitted(found, peak, bandwidth, note)
    return result


_START = np.array([0.5, 0.5, 5e-6])
_FACTORS = (4.0, 2.0, 1.4, 1.15, 1.05, 1.015)


def _fitted(samples: Sequence[Sample], peak: float, bandwidth: float, note: str) -> Efficiency:
    """Pattern search for the least mean relative error, from coarse steps to fine ones."""
    flop = np.array([sample.flop for sample in samples]) / peak
    moved = np.array([sample.moved_bytes for sample in samples]) / bandwidth
    seconds = np.array([sample.seconds for sample in samples])

    def error(figures: FloatArray) -> float:
        predicted = np.maximum(flop / figures[0], moved / figures[1]) + figures[2]
        return float(np.abs(np.log(predicted / seconds)).mean())

    best, least = _START, error(_START)
    for factor in _FACTORS:
        improved = True
        while improved:
            improved = False
            for axis in range(3):
                for step in (factor, 1.0 / factor):
                    trial = best.copy()
                    trial[axis] *= step
                    if (got := error(trial)) < least - 1e-9:
                        best, least, improved = trial, got, True
    return Efficiency(
        compute=round(float(best[0]), 5),
        memory=round(float(best[1]), 5),
        overhead_us=round(float(best[2]) * 1e6, 3),
        source=note,
    )
