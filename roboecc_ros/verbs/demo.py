# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc demo`: the main job, start to finish, with a table, a bag and a report."""

from __future__ import annotations

import dataclasses
import os
import platform
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from roboecc_core.backends.chains import chain_of
from roboecc_core.cli.output import JsonFlag, console, print_json, progress_console
from roboecc_core.errors import RoboEccError
from roboecc_core.planning.selection import parse_span
from roboecc_ros.bringup import BringupArguments, NodeSpec, endpoint, robot_nodes
from roboecc_ros.processes import process_of
from roboecc_ros.supervisor import Supervisor

if TYPE_CHECKING:
    from roboecc_core.reports.run_summary import RunRecord
    from roboecc_ros.run_observer import RunObserver

_FIRST_STEP_TIMEOUT_S = 120.0  # processes start, weights load; about 15 s on two idle cores
_STALL_TIMEOUT_S = 20.0  # no step for so long: something is wrong, and diagnostics say what


def demo(
    steps: Annotated[int, typer.Option(min=1, help="Steps of the policy to run.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and scene.")] = 0,
    span: Annotated[
        str, typer.Option(help="Layers that the cloud runs, START:STOP; names and n are allowed.")
    ] = "embed:n",
    out: Annotated[str, typer.Option(help="Folder for bag, report and logs.")] = "",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Split a small VLA between two processes and let it move a simulated PIPER.

    Cloud, robot and simulation are processes of their own; the link is TCP on this machine.
    The weights are random: this shows the system at work, not a skill.

    Example: `roboecc demo --steps 200`
    """
    parse_span(span, chain_of(BringupArguments().model))  # before any process is started
    folder = Path(out or f"runs/demo-{time.strftime('%Y%m%d-%H%M%S')}")
    folder.mkdir(parents=True, exist_ok=True)
    arguments = BringupArguments(
        seed=seed,
        span=span,
        spans=span,
        port=_free_port(),
        threads=1,
        arm_log=str(folder / "arm.jsonl"),
    )
    nodes = robot_nodes(arguments)
    run = _run(nodes, folder, steps)
    document = _document(run, arguments, nodes, folder)
    _write_report(run, document, arguments, folder)
    if as_json:
        print_json(document)
    else:
        _print_table(document)


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """What the run left: its record and the camera's first and last frame."""

    record: RunRecord
    images: tuple[Any, Any]
    rmw: str


def _run(nodes: tuple[NodeSpec, ...], folder: Path, steps: int) -> _Run:
    """Bring everything up, watch `steps` steps, take everything down.

    Raises:
        RoboEccError: a process ended or no steps came; says what the nodes said last.
    """
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    processes = [process_of(spec, folder / "logs") for spec in nodes]
    complaints: list[str] = []
    with _observing(folder / "bag") as (observer, rmw), _progress(steps) as bar:
        task = bar.add_task("starting processes", total=steps)
        watch = _Watch(observer, steps, bar, task)
        with Supervisor(processes, folder / "logs", complaints.append) as supervisor:
            is_well = supervisor.watch(watch.is_over)
        if not is_well or observer.num_steps < steps:
            raise RoboEccError(
                f"the demo failed: {_reason(complaints, observer.troubles)} "
                f"(logs: {folder / 'logs'})"
            )
        return _Run(observer.record(steps), observer.images(), rmw)


def _reason(complaints: list[str], troubles: list[str]) -> str:
    """Return what a person needs of all that was said: what was fatal, else what is wrong now."""
    fatal = [line.partition("]: ")[2] for line in complaints if "[FATAL]" in line]
    ended = [line for line in complaints if " ended with " in line]
    return "; ".join(fatal or [*ended, *troubles] or ["no step came"])


class _Watch:
    """Says when the run is over: enough steps, or too long without one."""

    def __init__(self, observer: RunObserver, steps: int, bar: Progress, task: Any) -> None:
        self._observer, self._steps, self._bar, self._task = observer, steps, bar, task
        self._seen = 0
        self._deadline_s = time.monotonic() + _FIRST_STEP_TIMEOUT_S

    def is_over(self) -> bool:
        seen, now_s = self._observer.num_steps, time.monotonic()
        if seen > self._seen:
            self._seen, self._deadline_s = seen, now_s + _STALL_TIMEOUT_S
            done = min(seen, self._steps)
            self._bar.update(self._task, completed=done, description="steps")
        return seen >= self._steps or now_s > self._deadline_s


@contextmanager
def _observing(bag: Path) -> Iterator[tuple[RunObserver, str]]:
    """Watch and record the graph on a thread of its own."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.utilities import get_rmw_implementation_identifier

    from roboecc_ros.bag import RUN_TOPICS, BagRecorder
    from roboecc_ros.run_observer import RunObserver
    from roboecc_ros.worker import Worker

    rclpy.init()
    node = rclpy.create_node("demo_observer")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    recorder = BagRecorder(node, bag, RUN_TOPICS)
    observer = RunObserver(node)

    def spin(stop: threading.Event) -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)

    worker = Worker("observer", spin, observer.fail)
    try:
        yield observer, get_rmw_implementation_identifier()
    finally:
        worker.stop()
        recorder.close()
        node.destroy_node()
        rclpy.shutdown()


def _document(
    run: _Run, arguments: BringupArguments, nodes: tuple[NodeSpec, ...], folder: Path
) -> dict[str, Any]:
    """Return the JSON document of the contract."""
    from roboecc_core.reports.run_summary import summary

    chain = chain_of(arguments.model, seed=arguments.seed)
    return {
        "processes": len(nodes) + 1,
        "rmw": run.rmw,
        "transport": "zenoh",
        "model": chain.model,
        "num_layers": chain.num_layers,
        **summary(run.record),
        "success": None,  # random weights have no skill to judge
        "report": str(folder / "report.html"),
        "bag": str(folder / "bag"),
    }


def _write_report(
    run: _Run, document: dict[str, Any], arguments: BringupArguments, folder: Path
) -> None:
    from roboecc_core.reports.run_report import write_run_report

    facts = {
        "model": f"{document['model']}, {document['num_layers']} layers, random weights, seed "
        f"{arguments.seed}",
        "instruction": arguments.instruction,
        "spans used": ", ".join(f"[{a}, {b})" for a, b in document["spans"]),
        "link": f"zenoh over {endpoint(arguments)}, shared memory off",
        "processes": f"{document['processes']}, {document['rmw']}",
        "memory": f"cloud {document['cloud_gib']:.4f} GiB, robot {document['edge_gib']:.4f} GiB",
        "a step sends": f"{document['bytes_up']} bytes up, {document['bytes_down']} down, "
        f"{document['round_trips']} round trips (medians)",
        "success": "not judged: the weights are random",
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}",
        "bag": document["bag"],
    }
    first, last = run.images
    write_run_report(folder / "report.html", run.record, facts, first_image=first, last_image=last)


def _print_table(document: dict[str, Any]) -> None:
    table = Table(title=f"{document['steps']} steps of {document['model']}")
    for column in ("stage", "median ms", "p95 ms"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, median in document["stage_ms"].items():
        table.add_row(stage, f"{median:.2f}", f"{document['stage_p95_ms'][stage]:.2f}")
    total = document["step_ms"]
    table.add_section()
    table.add_row("step", f"{total['median']:.2f}", f"{total['p95']:.2f}", style="bold")
    console.print(table)
    spans = ", ".join(f"[{a}, {b})" for a, b in document["spans"])
    console.print(f"cloud spans of {document['num_layers']} layers: {spans}", markup=False)
    console.print(
        f"{document['bytes_up']} bytes up, {document['bytes_down']} down, "
        f"{document['round_trips']} round trips a step (medians)"
    )
    console.print(
        f"{document['actions_applied']} actions applied, {document['action_hz']:.1f} a second "
        "(real-time control wants 30)"
    )
    console.print("success: not judged, the weights are random")
    console.print(f"report  {document['report']}\nbag     {document['bag']}")


def _progress(steps: int) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.completed:.0f}}/{steps}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=progress_console, transient=True)


def _free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
