# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated cell: owns MuJoCo, behaves like a camera and an arm's driver, makes /clock."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from rosgraph_msgs.msg import Clock

from roboecc_core.sim import scene
from roboecc_core.sim.simulation import Simulation
from roboecc_edge.sim_loop import Shows, SimLoop
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node
from roboecc_ros.worker import Worker

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
    has_shadows: bool = described(
        default=False, description="draw shadows; an image then costs three times as much"
    )


class SimNode(ManagedNode):
    """Wires messages to a SimLoop."""

    def __init__(self) -> None:
        super().__init__("sim")
        self._simulation: Simulation | None = None
        self._loop: SimLoop | None = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Build the scene and make sure that it can be drawn here."""
        self._settings = p = parameters.declare(self, Parameters)
        simulation = Simulation(p.seed, image_size_px=p.image_size_px, has_shadows=p.has_shadows)
        simulation.render()
        simulation.close()  # the thread that runs it makes a context of its own
        self._simulation = simulation
        self._images = self.add_publisher(qos.IMAGE)
        self._infos = self.add_publisher(qos.CAMERA_INFO)
        self._joint_states = self.add_publisher(qos.JOINT_STATES)
        self._objects = self.add_publisher(qos.OBJECTS)
        self._clocks = self.add_publisher(qos.CLOCK)

    def activate(self) -> None:
        """Let time run."""
        if self._simulation is None:
            return
        shows = Shows(self._show_tick, self._show_image, self._show_objects)
        rate_hz = self._settings.image_rate_hz
        self._loop = SimLoop(self._simulation, shows, image_rate_hz=rate_hz)
        self.add_subscription(qos.JOINT_COMMAND, self._on_command)
        self._worker = Worker("simulation", self._loop.run, self.fail)

    def deactivate(self) -> None:
        """Stop time."""
        if self._worker:
            self._worker.stop()
        self._worker = self._loop = None

    def cleanup(self) -> None:
        """Forget the scene."""
        self._simulation = None

    def _on_command(self, message: Any) -> None:
        if self._loop:
            self._loop.targets = conversions.joints_from_msg(message)

    def _show_tick(self, simulation: Simulation) -> None:
        """Runs on the simulation's thread, as the next two do."""
        stamp, state = conversions.stamp(simulation.time_s), simulation.joint_state()
        self._clocks.publish(Clock(clock=stamp))
        self._joint_states.publish(
            conversions.joint_state_to_msg(state.names, state.positions, state.velocities, stamp)
        )

    def _show_image(self, simulation: Simulation) -> None:
        stamp, pixels = conversions.stamp(simulation.time_s), simulation.render()
        size_px = (pixels.shape[1], pixels.shape[0])
        matrix = simulation.camera_matrix()
        self._images.publish(conversions.image_to_msg(pixels, stamp))
        self._infos.publish(conversions.camera_info_to_msg(size_px, matrix, stamp))

    def _show_objects(self, simulation: Simulation) -> None:
        poses, stamp = simulation.object_poses(), conversions.stamp(simulation.time_s)
        self._objects.publish(conversions.objects_to_msg(poses, _SIZES_M, stamp))
        time_s = f"{simulation.time_s:.1f}"
        self.diagnostics.report(Level.OK, "running", about="simulation", time_s=time_s)


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(SimNode)


if __name__ == "__main__":
    sys.exit(main())
