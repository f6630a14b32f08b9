# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated cell at wall-clock pace: owns MuJoCo, behaves like camera and arm driver."""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from typing import Any

from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock

from roboecc_core.errors import ConfigError
from roboecc_core.sim import scene
from roboecc_core.sim.simulation import Simulation
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node
from roboecc_ros.worker import Worker

TICK_HZ = 100.0  # /clock and joint_states
_OBJECTS_PERIOD_S = 0.1
_LATEST_S = 0.1  # a simulation that falls behind further slows down instead of leaping
_PLATE_M = 2 * scene.PLATE_RADIUS_M
_SIZES_M = {
    scene.MANGO: tuple(2 * half for half in scene.MANGO_HALF_AXES_M),
    scene.PLATE: (_PLATE_M, _PLATE_M, 0.012),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    seed: int = described(0, "decides where mango and plate lie", bounds=(0, 2**31 - 1))
    image_rate_hz: float = described(20.0, "images a second", bounds=(0.1, 120.0))
    image_size_px: int = described(224, "width and height of the image", bounds=(16, 2048))
    has_shadows: bool = described(False, "draw shadows; an image then costs three times as much")


class SimNode(ManagedNode):
    """One thread owns the simulation; commands reach it through one attribute."""

    def __init__(self) -> None:
        super().__init__("sim")
        self._simulation: Simulation | None = None
        self._targets: tuple[float, ...] | None = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Build the scene and make sure that it can be drawn here."""
        self._settings = p = parameters.declare(self, Parameters)
        simulation = Simulation(p.seed, image_size_px=p.image_size_px, has_shadows=p.has_shadows)
        simulation.render()
        simulation.close()  # the thread that runs it makes a context of its own
        self._simulation = simulation
        topics = (qos.IMAGE, qos.CAMERA_INFO, qos.JOINT_STATES, qos.OBJECTS, qos.CLOCK)
        self._outputs = {topic.name: self.add_publisher(topic) for topic in topics}

    def activate(self) -> None:
        """Let time run."""
        self._targets = None
        self.add_subscription(qos.JOINT_COMMAND, self._on_command)
        self._worker = Worker("simulation", self._run, self.fail)

    def deactivate(self) -> None:
        """Stop time."""
        if self._worker:
            self._worker.stop()
        self._worker = None

    def cleanup(self) -> None:
        """Forget the scene."""
        self._simulation = None

    def _on_command(self, message: Any) -> None:
        self._targets = conversions.joints_from_msg(message)

    def _run(self, stop: threading.Event) -> None:
        simulation = self._simulation
        if simulation is None:
            return
        try:
            self._pace(simulation, stop)
        finally:
            simulation.close()

    def _pace(self, simulation: Simulation, stop: threading.Event) -> None:
        """Tick on an absolute schedule, with an image and the objects now and then."""
        start_s = time.monotonic() - simulation.time_s
        image_s = objects_s = simulation.time_s
        while not stop.is_set():
            now_s = time.monotonic() - start_s
            if now_s - simulation.time_s > _LATEST_S:
                start_s += now_s - simulation.time_s - 1 / TICK_HZ
                now_s = time.monotonic() - start_s
            self._tick(simulation, now_s)
            if simulation.time_s >= image_s:
                image_s = max(image_s + 1 / self._settings.image_rate_hz, simulation.time_s)
                self._publish_image(simulation)
            if simulation.time_s >= objects_s:
                objects_s = simulation.time_s + _OBJECTS_PERIOD_S
                poses, stamp = simulation.object_poses(), _stamp(simulation)
                self._send(qos.OBJECTS, conversions.objects_to_msg(poses, _SIZES_M, stamp))
                self.diagnostics.report(
                    Level.OK, "running", about="simulation", time_s=f"{simulation.time_s:.1f}"
                )
            due_s = start_s + simulation.time_s + 1 / TICK_HZ
            stop.wait(max(due_s - time.monotonic(), 0.0))

    def _tick(self, simulation: Simulation, now_s: float) -> None:
        targets, self._targets = self._targets, None
        if targets is not None:
            try:
                simulation.set_joint_targets(targets[:6], targets[6])
            except ConfigError as error:
                self.get_logger().warning(f"ignored a joint command: {error}")
        simulation.step_until(now_s)
        stamp, state = _stamp(simulation), simulation.joint_state()
        self._send(qos.CLOCK, Clock(clock=stamp))
        message = conversions.joint_state_to_msg(
            state.names, state.positions, state.velocities, stamp
        )
        self._send(qos.JOINT_STATES, message)

    def _publish_image(self, simulation: Simulation) -> None:
        stamp, pixels = _stamp(simulation), simulation.render()
        height, width = pixels.shape[:2]
        self._send(qos.IMAGE, conversions.image_to_msg(pixels, stamp))
        matrix = simulation.camera_matrix()
        info = conversions.camera_info_to_msg((width, height), matrix, stamp)
        self._send(qos.CAMERA_INFO, info)

    def _send(self, topic: qos.Topic, message: Any) -> None:
        self._outputs[topic.name].publish(message)


def _stamp(simulation: Simulation) -> Time:
    seconds, fraction = divmod(round(simulation.time_s * 1e9), 10**9)
    return Time(sec=seconds, nanosec=fraction)


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(SimNode)


if __name__ == "__main__":
    sys.exit(main())
