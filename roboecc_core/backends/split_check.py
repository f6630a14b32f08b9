# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Proof that a model split at a cut is the model: every span against the unsplit run.

Robot and cloud are two states over one set of loaded layers, and what crosses goes through
frame bytes and the same session and server code as over a network.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch

from roboecc_core.backends.recording import Recording
from roboecc_core.backends.unsplit import Trace
from roboecc_core.data_plane.cloud_server import CloudServer
from roboecc_core.data_plane.codec import torch_dtype
from roboecc_core.data_plane.edge_session import EdgeSession
from roboecc_core.data_plane.segment import Segment, StepState
from roboecc_core.data_plane.transport.inprocess import InProcessServer, InProcessTransport
from roboecc_core.planning.structure import LayerChain
from roboecc_core.types import CloudSpan

_STEP_TIMEOUT_S = 600.0  # a 7B model on a CPU takes minutes
_MODEL_ID = bytes(16)  # both sides are one process, there is nothing to tell apart


@dataclasses.dataclass(frozen=True, slots=True)
class SpanResult:
    """What a step under one span gave, against the unsplit run.

    Attributes:
        is_bit_exact: every compared tensor is equal in every bit.
        actions_equal: tokens, where there are any, and actions are.
        max_abs_diff: largest difference of any compared tensor.
    """

    span: CloudSpan
    is_bit_exact: bool
    actions_equal: bool
    max_abs_diff: float


class SplitRun:
    """Runs steps under any span and compares them with a trace."""

    def __init__(self, segment: Segment, expected: Trace) -> None:
        self._expected = expected
        self._recording = Recording(segment, expected)
        link = InProcessServer()
        self._server = CloudServer(self._recording.segment, link, model_id=_MODEL_ID)
        transport = InProcessTransport(link)
        self._session = EdgeSession(self._recording.segment, transport, model_id=_MODEL_ID)
        self._numbers = itertools.count(1)
        self._server.start()

    def check(self, inputs: Mapping[str, torch.Tensor], span: CloudSpan) -> SpanResult:
        """Run one step under `span` and compare what it wrote with what was expected."""
        self._recording.writes.clear()
        state = StepState(dict(inputs))
        deadline_s = time.monotonic() + _STEP_TIMEOUT_S
        self._session.step(next(self._numbers), state, span, codec="raw", deadline_s=deadline_s)
        differences = {
            name: _difference(self._recording.of(name)[-len(values) :], values)
            for name, values in self._expected.items()
        }
        outputs = [n for n in self._session.segment.chain.outputs if n in differences]
        return SpanResult(
            span,
            is_bit_exact=all(is_equal for is_equal, _ in differences.values()),
            actions_equal=all(differences[name][0] for name in outputs),
            max_abs_diff=max(difference for _, difference in differences.values()),
        )

    def close(self) -> None:
        """Stop the cloud's threads."""
        self._server.close()


@contextmanager
def split_run(segment: Segment, expected: Trace) -> Iterator[SplitRun]:
    """Give a `SplitRun` and close it."""
    run = SplitRun(segment, expected)
    try:
        yield run
    finally:
        run.close()


def check_spans(
    segment: Segment,
    expected: Trace,
    inputs: Mapping[str, torch.Tensor],
    spans: Iterable[CloudSpan],
    progress: Callable[[], None] = lambda: None,
) -> list[SpanResult]:
    """Run a step under each span and compare it with the unsplit run's trace."""
    results = []
    with split_run(segment, expected) as run:
        for span in spans:
            results.append(run.check(inputs, span))
            progress()
    return results


def _difference(got: list[torch.Tensor], expected: Iterable[torch.Tensor]) -> tuple[bool, float]:
    """Whether two rows of tensors are equal bit for bit, and how far apart they are."""
    is_equal, largest = True, 0.0
    for ours, theirs in itertools.zip_longest(got, expected):
        if ours is None or theirs is None or ours.shape != theirs.shape:
            return False, math.inf
        if not torch.equal(ours, theirs):
            is_equal = False
            difference = (ours.double() - theirs.double()).abs().max().item()
            largest = max(largest, math.inf if math.isnan(difference) else difference)
    return is_equal, largest


def stage_spans(chain: LayerChain) -> list[CloudSpan]:
    """Every span between the chain's large parts: a few dozen, whatever the model's size."""
    parts = [layer.block.partition(".")[0] for layer in chain.layers]
    inner = [i for i in range(1, len(parts)) if parts[i] != parts[i - 1]]
    return _all_spans((0, *inner, chain.num_layers))


def all_spans(chain: LayerChain) -> list[CloudSpan]:
    """Every span at block grain, and every single cut at fine grain, robot or cloud first."""
    fine = [CloudSpan(cut, chain.num_layers) for cut in range(chain.num_layers)]
    fine += [CloudSpan(0, cut) for cut in range(1, chain.num_layers)]
    return sorted({*_all_spans(chain.block_boundaries), *fine})


def _all_spans(boundaries: tuple[int, ...]) -> list[CloudSpan]:
    return sorted({CloudSpan(a, b) for a in boundaries for b in boundaries if a <= b})


def made_up_inputs(chain: LayerChain, *, seed: int) -> dict[str, torch.Tensor]:
    """Return random inputs of a chain; needs no tokenizer and no camera."""
    generator = torch.Generator().manual_seed(seed)
    dims = {name: size for phase in reversed(chain.program) for name, size in phase.dims.items()}
    table = next(w for layer in chain.layers for w in layer.weights if w.use == "table")
    high = {"uint8": 256, "int64": table.shape[0]}
    inputs = {}
    for name in chain.inputs:
        spec = chain.tensors[name]
        shape, dtype = spec.bound(dims), torch_dtype(spec.dtype)
        inputs[name] = (
            torch.randint(high[spec.dtype], shape, generator=generator, dtype=dtype)
            if spec.dtype in high
            else torch.randn(shape, generator=generator).to(dtype)
        )
    return inputs
