# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The simulation at wall-clock pace: when to step it, when to show it."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Sequence

from roboecc_core.errors import ConfigError
from roboecc_core.sim.simulation import Simulation

TICK_HZ = 100.0
OBJECTS_HZ = 10.0
_LATEST_S = 0.1  # a simulation that falls further behind slows down instead of leaping

_log = logging.getLogger(__name__)
Show = Callable[[Simulation], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Shows:
    """What is called on the loop's thread: every tick, and now and then."""

    tick: Show
    image: Show
    objects: Show


class SimLoop:
    """`run` belongs to one thread, which owns the simulation; any thread sets `targets`."""

    def __init__(self, simulation: Simulation, shows: Shows, *, image_rate_hz: float) -> None:
        self.targets: Sequence[float] | None = None
        self._simulation = simulation
        self._shows = shows
        self._image_period_s = 1.0 / image_rate_hz

    def run(self, stop: threading.Event) -> None:
        """Let time pass until `stop`, from wherever the simulation stands."""
        simulation = self._simulation
        start_s = time.monotonic() - simulation.time_s
        image_s = objects_s = simulation.time_s
        try:
            while not stop.is_set():
                late_s = time.monotonic() - start_s - simulation.time_s
                if late_s > _LATEST_S:
                    start_s += late_s - 1.0 / TICK_HZ
                self._step_until(time.monotonic() - start_s)
                if simulation.time_s >= image_s:
                    image_s = max(image_s + self._image_period_s, simulation.time_s)
                    self._shows.image(simulation)
                if simulation.time_s >= objects_s:
                    objects_s = simulation.time_s + 1.0 / OBJECTS_HZ
                    self._shows.objects(simulation)
                due_s = start_s + simulation.time_s + 1.0 / TICK_HZ
                stop.wait(max(due_s - time.monotonic(), 0.0))
        finally:
            simulation.close()  # its OpenGL context belongs to this thread

    def _step_until(self, time_s: float) -> None:
        targets, self.targets = self.targets, None
        if targets is not None:
            try:
                self._simulation.set_joint_targets(targets[:-1], targets[-1])
            except ConfigError as error:
                _log.warning("ignored a joint command: %s", error)
        self._simulation.step_until(time_s)
        self._shows.tick(self._simulation)
