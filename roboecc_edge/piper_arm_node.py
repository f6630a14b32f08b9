# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Action chunks in, joint commands for a PIPER driver out, nothing stale in between."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Any

from roboecc_core.arm.arm_controller import ArmController
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.data_plane.action_gate import ActionGate
from roboecc_core.errors import ConfigError
from roboecc_edge.arm_loop import ArmLoop, Gate, RepeatingGate, Tick
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.outlets import OUTLETS
from roboecc_ros.runner import run_node
from roboecc_ros.worker import Worker

GATE_OFF_VARIABLE = "ROBOECC_TEST_GATE_OFF"
_REPORT_PERIOD_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    outlet: str = described("sim", "which driver takes the commands", choices=tuple(OUTLETS))
    speed_percent: int = described(50, "of the motors, piper_ros only", bounds=(1, 100))
    is_moved_ready: bool = described(
        default=True,
        description="drive slowly to the ready pose before the first action",
        name="move_ready",
    )
    log_path: str = described("", "file for one JSON line a control period; empty: none")


class PiperArmNode(ManagedNode):
    """Wires messages to an ArmLoop."""

    def __init__(self) -> None:
        super().__init__("piper_arm")
        self._loop: ArmLoop | None = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Build the gate, begin the log."""
        self._settings = p = parameters.declare(self, Parameters)
        self._gate = self._new_gate()
        self._commands = self.add_publisher(qos.JOINT_COMMAND)
        self._arm_commands = self.add_publisher(qos.ARM_COMMAND)
        if p.log_path:
            try:
                Path(p.log_path).write_text("", encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"cannot write the arm's log: {error}") from error
        self._kinematics = PiperKinematics()

    def activate(self) -> None:
        """Start softly from where the arm is."""
        self._gate.reset()
        self._has_moved = False
        controller = ArmController(self._kinematics)
        if self._settings.is_moved_ready:
            controller.move_ready()
        self._loop = ArmLoop(self._gate, controller, self._send, self._settings.log_path)
        self.add_subscription(qos.JOINT_STATES, self._on_joint_state)
        self.add_subscription(
            qos.ACTION_CHUNK, lambda message: self._gate.offer(conversions.chunk_from_msg(message))
        )
        self.add_timer(_REPORT_PERIOD_S, self._report)
        self._worker = Worker("arm", self._loop.run, self.fail)

    def deactivate(self) -> None:
        """Stop commanding; the driver holds the last position."""
        if self._worker:
            self._worker.stop()
        self._worker = self._loop = None

    def _new_gate(self) -> Gate:
        if os.environ.get(GATE_OFF_VARIABLE) != "1":
            return ActionGate(time.monotonic)
        self.get_logger().warning(
            f"THE ACTION GATE IS OFF ({GATE_OFF_VARIABLE}=1): the arm repeats stale actions; "
            "for tests with a simulated arm only"
        )
        return RepeatingGate(time.monotonic)

    def _on_joint_state(self, message: Any) -> None:
        if self._loop:
            self._loop.measured_joints = conversions.joints_from_msg(message)

    def _send(self, tick: Tick) -> None:
        """Runs on the arm's thread."""
        p, stamp = self._settings, self.get_clock().now().to_msg()
        self._commands.publish(
            conversions.joint_command_to_msg(
                tick.command, OUTLETS[p.outlet], stamp, speed_percent=p.speed_percent
            )
        )
        self._arm_commands.publish(
            conversions.arm_command_to_msg(
                tick.command, tick.action, now_s=tick.now_s, stamp=stamp
            )
        )

    def _report(self) -> None:
        loop = self._loop
        if loop is None:
            return
        tick, share = loop.last, loop.num_action_ticks / max(loop.num_ticks, 1)
        loop.num_action_ticks = loop.num_ticks = 0
        self._has_moved = self._has_moved or share > 0.0
        level, words = Level.OK, "moving"
        if tick is None:
            level, words = Level.ERROR, "no joint states yet; the arm is not commanded"
        elif tick.command.mode == "ready":
            words = "moving to the ready pose"
        elif share == 0.0:
            level, words = Level.ERROR, "holding: no valid action"
            if not self._has_moved:
                level, words = Level.WARN, "waiting for the first action"
        reason = tick.reason if tick else ""
        percent = f"{100 * share:.0f}"
        self.diagnostics.report(
            level, words, about="arm", action_percent=percent, last_reason=reason
        )


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(PiperArmNode)


if __name__ == "__main__":
    sys.exit(main())
