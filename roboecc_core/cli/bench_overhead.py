# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc bench overhead`: what a split step costs beyond the model and the wire."""

from __future__ import annotations

import contextlib
import itertools
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboecc_core.cli.output import JsonFlag, console, print_json
from roboecc_core.errors import ConfigError, TransportError
from roboecc_core.types import CloudSpan

if TYPE_CHECKING:
    from roboecc_core.backends.catalog import OpenedModel
    from roboecc_core.data_plane.edge_session import EdgeSession, StepRecord
    from roboecc_core.data_plane.transport.zenoh import ZenohTransport
    from roboecc_core.reports.overhead import Round

_STEP_TIMEOUT_S = 120.0
_START_TIMEOUT_S = 120.0
_THREADS = 1  # a process; so the two sides never want the same core


class _Tape:
    """A transport that remembers what went over it in the last step."""

    def __init__(self, transport: ZenohTransport) -> None:
        self._transport = transport
        self.requests: list[bytes] = []
        self.answer_sizes: list[int] = []

    def exchange(self, request: bytes, *, timeout_s: float) -> bytes | memoryview:
        """Pass on and take note."""
        answer = self._transport.exchange(request, timeout_s=timeout_s)
        self.requests.append(bytes(request))
        self.answer_sizes.append(len(answer))
        return answer

    def notify(self, request: bytes) -> None:
        """Pass on."""
        self._transport.notify(request)

    def close(self) -> None:
        """Give the link up."""
        self._transport.close()

    def rewind(self) -> None:
        """Forget what went over it so far."""
        self.requests.clear()
        self.answer_sizes.clear()


def overhead(
    model: Annotated[
        str, typer.Option(help="Model or checkpoint folder; medium = random weights, ~1.4 s.")
    ] = "medium",
    span: Annotated[
        str, typer.Option(help="Cloud span a:b; empty = from the middle block of the decoder.")
    ] = "",
    runs: Annotated[int, typer.Option(min=3, help="How often to measure each.")] = 20,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda[:N].")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Time a step unsplit, split over two processes, and its frames over the wire alone.

    The three are measured in turn, so that what else the machine does strikes all alike;
    overhead = split - wire - unsplit, in percent of unsplit, with the 95 % interval of its
    median. One torch thread a process.

    Example: `roboecc bench overhead --runs 20`
    """
    from roboecc_core.backends.bench_models import medium_checkpoint
    from roboecc_core.backends.catalog import open_model, use_threads

    use_threads(_THREADS)
    name = str(medium_checkpoint()) if model == "medium" else model
    opened = open_model(name, device=device, dtype=dtype)
    chosen = _span(span, opened)
    document = _measure(name, opened, chosen, runs)
    if as_json:
        print_json(document)
        return
    console.print(
        "{model}, span {span}: unsplit {unsplit_ms:.1f} ms, split {split_ms:.1f} ms, wire "
        "{wire_ms:.2f} ms; overhead {overhead_percent:.2f} % (95 %: {interval95}), "
        "{runs} runs".format(**document)
    )


def _span(text: str, opened: OpenedModel) -> CloudSpan:
    chain = opened.model.chain
    if not text:
        blocks = [i for i in chain.block_boundaries[:-1] if chain.layers[i].stage == "backbone"]
        return CloudSpan(blocks[len(blocks) // 2], chain.num_layers)
    try:
        start, stop = map(int, text.split(":"))
    except ValueError:
        raise ConfigError(f"span is {text!r}; expected a:b, such as 45:77") from None
    return CloudSpan(start, stop).checked(chain.num_layers)


def _measure(name: str, opened: OpenedModel, span: CloudSpan, runs: int) -> dict[str, Any]:
    from roboecc_core.backends.families import family_of
    from roboecc_core.backends.split_check import made_up_inputs
    from roboecc_core.data_plane.edge_session import EdgeSession
    from roboecc_core.data_plane.segment import StepState
    from roboecc_core.reports.overhead import measure

    chain = opened.model.chain
    inputs = made_up_inputs(chain, seed=0)
    inputs = {key: tensor.to(opened.device) for key, tensor in inputs.items()}
    unsplit = family_of(opened.model.checkpoint).unsplit(opened.model)
    own = opened.load(frozenset(range(chain.num_layers)) - set(range(span.start, span.stop)))
    with contextlib.ExitStack() as stack:
        serve = ["roboecc_core.cli.main", "serve", "--model", name, "--threads", str(_THREADS)]
        layers = f"{span.start}:{span.stop}"
        serve += ["--layers", layers, "--robots", "bench", "--json"]
        serve += ["--device", str(opened.device), "--dtype", opened.dtype, "--listen"]
        tape = _Tape(stack.enter_context(_far_end(serve, [])))
        session = EdgeSession(own, tape, model_id=opened.model_id)
        numbers = itertools.count(1)
        records: list[StepRecord] = []

        def split() -> None:
            tape.rewind()
            deadline_s = time.monotonic() + _STEP_TIMEOUT_S
            state = StepState(dict(inputs))
            number = next(numbers)
            records.append(session.step(number, state, span, codec="raw", deadline_s=deadline_s))

        _say_hello(session)
        split()
        sizes = [str(size) for size in tape.answer_sizes]
        echo = stack.enter_context(_far_end(["roboecc_core.cli.bench_echo"], sizes))
        rounds = measure(lambda: unsplit.run(inputs), split, _wire(tape, echo), runs=runs)
    return {
        "model": chain.model,
        "span": [span.start, span.stop],
        **_figures(rounds),
        "stage_ms": {
            name: 1e3 * statistics.median(getattr(record, f"{name}_s") for record in records)
            for name in ("edge", "encode", "network", "cloud", "decode")
        },
        "round_trips": len(tape.requests),
        "bytes_up": sum(map(len, tape.requests)),
        "bytes_down": sum(tape.answer_sizes),
    }


def _figures(rounds: list[Round]) -> dict[str, Any]:
    from roboecc_core.reports.overhead import interval95

    overheads = [each.overhead_percent for each in rounds]
    return {
        "unsplit_ms": 1e3 * statistics.median(each.unsplit_s for each in rounds),
        "split_ms": 1e3 * statistics.median(each.split_s for each in rounds),
        "wire_ms": 1e3 * statistics.median(each.wire_s for each in rounds),
        "overhead_percent": statistics.median(overheads),
        "interval95": list(interval95(overheads)),
        "runs": len(rounds),
    }


def _wire(tape: _Tape, echo: ZenohTransport) -> Callable[[], None]:
    """Return a run of the last step's requests against the echo."""

    def run() -> None:
        for request in tape.requests:
            echo.exchange(request, timeout_s=_STEP_TIMEOUT_S)

    return run


def _say_hello(session: EdgeSession) -> None:
    """Wait until the cloud answers; it is connected before it has said what it holds."""
    give_up_s = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            session.hello()
        except TransportError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.05)
        else:
            return


@contextlib.contextmanager
def _far_end(module: list[str], arguments: list[str]) -> Iterator[ZenohTransport]:
    """Start a process that serves an endpoint, wait until it is ready, connect to it."""
    from roboecc_core.data_plane.transport.zenoh import ZenohTransport

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"tcp/127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", *module, endpoint, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise TransportError(f"{' '.join(command)!r} ended before it was ready")
            transport = ZenohTransport(endpoint, "bench", connect_timeout_s=_START_TIMEOUT_S)
            yield transport
            transport.close()
        finally:
            process.terminate()
            process.communicate(timeout=_START_TIMEOUT_S)
