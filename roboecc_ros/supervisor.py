# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Processes that start together, are watched, and end together, none left behind.

Each runs in a session of its own, so that a Ctrl-C in the terminal reaches only the supervisor,
which takes the others down in reverse order: SIGINT, then SIGTERM, then SIGKILL. Should the
supervisor itself be killed, the kernel ends them (runner.py). Knows no ROS.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SUPERVISOR_VARIABLE = "ROBOECC_SUPERVISOR_PID"
_POLL_PERIOD_S = 0.05
_LAST_BYTES = 4096  # of a log, to find its last line in


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process.

    Attributes:
        name: of its log file and in messages.
        command: program and arguments.
        order: lower ones are started first and ended last.
        is_essential: whether its end ends everything.
        is_echoed: whether its output is shown, too.
        environment: besides the inherited one.
    """

    name: str
    command: tuple[str, ...]
    order: int = 0
    is_essential: bool = True
    is_echoed: bool = False
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long, s, each signal is given to work."""

    interrupt_s: float = 15.0  # the lifecycle manager takes all nodes down
    terminate_s: float = 2.0
    kill_s: float = 5.0


@dataclasses.dataclass(slots=True)
class _Running:
    spec: ProcessSpec
    process: subprocess.Popen[bytes]
    log: Path
    num_echoed_bytes: int = 0
    is_reported: bool = False


class Supervisor:
    """Use it in a `with` block: whatever happens inside, all processes are gone after it.

    Args:
        specs: what to run.
        log_folder: gets one file a process.
        say: shows one line to the user.
        patience: with processes that shall end.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        log_folder: Path,
        say: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        self._specs = sorted(specs, key=lambda one: one.order)
        self._folder = log_folder
        self._say = say
        self._patience = patience or Patience()
        self._running: list[_Running] = []

    def __enter__(self) -> Self:
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def exit_codes(self) -> dict[str, int | None]:
        """By name; None while a process runs; negative: the signal that ended it."""
        return {one.spec.name: one.process.poll() for one in self._running}

    def pid(self, name: str) -> int:
        """Return the process id of a started process."""
        return next(one.process.pid for one in self._running if one.spec.name == name)

    def watch(self, until: Callable[[], bool]) -> bool:
        """Wait until `until()` or until an essential process ends; return whether all is well."""
        while not until():
            for running in self._running:
                self._echo(running)
                if running.process.poll() is None or running.is_reported:
                    continue
                running.is_reported = True
                self._echo(running)  # what it said between the last look and its end
                self._say(self._obituary(running))
                if running.spec.is_essential:
                    return False
            time.sleep(_POLL_PERIOD_S)
        return True

    def stop(self) -> None:
        """End every process, the last started first; returns when all are gone."""
        groups = itertools.groupby(reversed(self._running), key=lambda one: one.spec.order)
        by_order = [list(group) for _, group in groups]
        if by_order:  # the lifecycle manager first, while the others still listen to it
            self._end(by_order[0])
            self._end([one for group in by_order[1:] for one in group])
        for running in self._running:
            self._echo(running)

    def _start_all(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for spec in self._specs:
            log = self._folder / f"{spec.name}.log"
            environment = {**os.environ, **spec.environment, SUPERVISOR_VARIABLE: str(os.getpid())}
            with log.open("wb") as output:
                process = subprocess.Popen(
                    spec.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
            self._running.append(_Running(spec, process, log))

    def _end(self, group: Sequence[_Running]) -> None:
        patience = self._patience
        steps = (
            (signal.SIGINT, patience.interrupt_s),
            (signal.SIGTERM, patience.terminate_s),
            (signal.SIGKILL, patience.kill_s),
        )
        for number, timeout_s in steps:
            alive = [one for one in group if one.process.poll() is None]
            for running in alive:
                os.killpg(running.process.pid, number)
            deadline_s = time.monotonic() + timeout_s
            for running in alive:
                _wait(running.process, deadline_s - time.monotonic())
        for running in group:  # what a process left behind in its session
            with_children = running.process.pid
            try:
                os.killpg(with_children, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _echo(self, running: _Running) -> None:
        if not running.spec.is_echoed:
            return
        with running.log.open("rb") as log:
            log.seek(running.num_echoed_bytes)
            whole, newline, _ = log.read().rpartition(b"\n")
        running.num_echoed_bytes += len(whole) + len(newline)
        for line in whole.decode(errors="replace").splitlines():
            self._say(line)

    def _obituary(self, running: _Running) -> str:
        code = running.process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        has_last_words = code > 0 and not running.spec.is_echoed  # else shown, or not its choice
        last = last_line(running.log) if has_last_words else ""
        return f"{running.spec.name} ended with {how}" + (f": {last}" if last else "")


def last_line(log: Path) -> str:
    """Return the last line of a log file that is not empty, or ""."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _LAST_BYTES, 0))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    try:
        process.wait(max(timeout_s, 0.0))
    except subprocess.TimeoutExpired:
        return
