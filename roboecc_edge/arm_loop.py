# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The arm's control loop: at every tick the gate says what is valid, the controller how to move.

A thread of its own on an absolute schedule, so that neither ROS callbacks nor a slow log delay
it by more than their own length. The gate's clock is steady time, whatever /clock says.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from roboecc_core.arm.arm_controller import ActionInForce, ArmController, JointCommand
from roboecc_core.data_plane.action_gate import GatedAction
from roboecc_core.types import ActionChunk

TICK_HZ = 100.0
_LATEST_S = 0.1  # a tick that is later than this starts the schedule anew


class Gate(Protocol):
    """The action gate, or the test's broken one."""

    @property
    def reason(self) -> str:
        """Why the last `current` was None."""

    def offer(self, chunk: ActionChunk) -> None:
        """Take a chunk."""

    def current(self, now_s: float) -> GatedAction | None:
        """Return the action in force."""

    def reset(self) -> None:
        """Forget everything."""


class RepeatingGate:
    """What must never be used: it repeats the last actions for ever, however old they are.

    A test puts it in the gate's place to prove that its judge notices stale commands.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._newest: tuple[ActionChunk, float] | None = None
        self.reason = "no chunk yet"

    def offer(self, chunk: ActionChunk) -> None:
        """Take every chunk."""
        self._newest = (chunk, self._clock())

    def current(self, now_s: float) -> GatedAction | None:
        """Return one of the last chunk's actions, valid or not."""
        if self._newest is None:
            return None
        chunk, received_s = self._newest
        period_s = chunk.action_period_s
        count = max(math.floor((now_s - received_s) / period_s), 0)
        captured_s = received_s - chunk.age_s
        return GatedAction(
            step=chunk.step,
            index=count,
            action=chunk.actions[count % len(chunk.actions)],
            started_s=received_s + count * period_s,
            period_s=period_s,
            valid_until_s=captured_s + chunk.valid_for_s,
            captured_s=captured_s,
        )

    def reset(self) -> None:
        """Forget everything."""
        self._newest = None


@dataclasses.dataclass(frozen=True, slots=True)
class Tick:
    """One control period: what was sent, on whose behalf, and why if not."""

    now_s: float
    command: JointCommand
    action: GatedAction | None
    reason: str


class ArmLoop:
    """`run` belongs to one thread; any thread sets `measured_joints` and reads `last`.

    Args:
        gate: says what is valid.
        controller: says how to move; owned by the loop's thread.
        send: is handed every tick, on the loop's thread.
        log_path: file that gets one JSON line a tick, or "".
    """

    def __init__(
        self,
        gate: Gate,
        controller: ArmController,
        send: Callable[[Tick], None],
        log_path: str,
    ) -> None:
        self.measured_joints: Sequence[float] | None = None
        self.last: Tick | None = None
        self.num_action_ticks = 0
        self.num_ticks = 0
        self._gate = gate
        self._controller = controller
        self._send = send
        self._log_path = log_path

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop`."""
        path = Path(self._log_path or os.devnull)
        with path.open("a", encoding="utf-8", buffering=1) as log:
            self._run(stop, log)

    def _run(self, stop: threading.Event, log: TextIO) -> None:
        due_s = time.monotonic()
        while not stop.is_set():
            self._tick(time.monotonic(), log)
            due_s += 1.0 / TICK_HZ
            now_s = time.monotonic()
            if now_s - due_s > _LATEST_S:
                due_s = now_s
            stop.wait(max(due_s - now_s, 0.0))

    def _tick(self, now_s: float, log: TextIO) -> None:
        action = self._gate.current(now_s)
        in_force = None
        if action is not None:
            in_force = ActionInForce(
                action.step, action.index, action.action, action.period_s, action.started_s
            )
        command = self._controller.tick(now_s, self.measured_joints, in_force)
        if command is None:  # no joint state yet: an arm that may be anywhere is left alone
            return
        tick = Tick(now_s, command, action, "" if action else self._gate.reason)
        self._send(tick)
        self.num_ticks += 1
        self.num_action_ticks += command.mode == "action"
        self.last = tick
        if self._log_path:
            log.write(json.dumps(_entry(tick)) + "\n")


def _entry(tick: Tick) -> dict[str, object]:
    action = tick.action if tick.command.mode == "action" else None
    return {
        "t": tick.now_s,
        "mode": tick.command.mode,
        "step": action.step if action else None,
        "index": action.index if action else None,
        "joints": tick.command.joints,
        "gripper_m": tick.command.gripper_m,
        "valid_until": action.valid_until_s if action else None,
        "reason": tick.reason or tick.command.clipped_by,
    }
