# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How fast the arm's part is: inverse kinematics, the command loop, the way to the joints.

Runs on the machine that it is about; what `roboecc bench arm` prints.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np

from roboecc_core.arm import piper
from roboecc_core.arm.arm_controller import ActionInForce, ArmController, JointCommand
from roboecc_core.arm.kinematics import PiperKinematics, Pose
from roboecc_core.arm.outlet import Outlet
from roboecc_core.arm.piper import Vector
from roboecc_core.arm.safety import Limits

LOOP_HZ = 200.0
_ACTION_HZ = 10.0
_LONGEST_MOVE_M, _LARGEST_TURN_RAD = 0.03, 0.15  # of an action, as the scripted expert's
_STEP_RAD = 0.004  # visible in the first feedback cycle after it
_VISIBLE_RAD = 5e-5  # three units of the feedback's resolution
_LOST_S = 0.5
_BETWEEN_STEPS_S = 0.05


@dataclasses.dataclass(frozen=True, slots=True)
class IkFigures:
    """Of every solve, in s, the time that passed and the thread's share of it on a core.

    The latter is what an idle machine would show. `exact_share` reached their pose within
    0.1 mm and 0.1 deg.
    """

    seconds: Vector
    cpu_seconds: Vector
    exact_share: float


def random_moves(count: int, seed: int) -> Iterator[tuple[Pose, Vector]]:
    """Yield action-sized moves from random joints in the workspace: target and start.

    Nothing is left out: where a joint is at its limit, some targets cannot be reached.
    """
    rng, kinematics, limits = np.random.default_rng(seed), PiperKinematics(), Limits()
    while count:
        joints = rng.uniform(piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD)
        if limits.breach_m(*kinematics.tip_and_wrist(joints)) > 0:
            continue
        move, turn = rng.normal(size=(2, 3))
        move *= _LONGEST_MOVE_M * rng.random() / np.linalg.norm(move)
        turn *= _LARGEST_TURN_RAD * rng.random() / np.linalg.norm(turn)
        yield kinematics.forward(joints).moved_by([*move, *turn]), joints
        count -= 1


def measure_ik(count: int, seed: int) -> IkFigures:
    """Time so many solves one by one."""
    kinematics, num_exact = PiperKinematics(), 0
    seconds, cpu_seconds = np.empty(count), np.empty(count)
    for index, (target, start) in enumerate(random_moves(count, seed)):
        begun_s, cpu_begun_s = time.perf_counter(), time.thread_time()
        solution = kinematics.solve(target, start)
        cpu_seconds[index] = time.thread_time() - cpu_begun_s
        seconds[index] = time.perf_counter() - begun_s
        num_exact += solution.is_exact
    return IkFigures(seconds, cpu_seconds, num_exact / count)


def measure_loop(duration_s: float, send: Callable[[JointCommand], object]) -> Vector:
    """Run the command loop at 200 Hz and return how late each tick began, in s.

    Every tick turns an action into a command and hands it to `send`. The actions move the tool
    to and fro by a few millimetres around the ready pose, where the arm has to be.
    """
    controller, late = ArmController(PiperKinematics()), []
    measured = (*piper.READY_JOINTS_RAD, 0.03)
    begun_s = time.monotonic()
    for tick in range(round(duration_s * LOOP_HZ)):
        due_s = begun_s + tick / LOOP_HZ
        time.sleep(max(0.0, due_s - time.monotonic()))
        now_s = time.monotonic()
        late.append(now_s - due_s)
        index = int((now_s - begun_s) * _ACTION_HZ)
        started_s = begun_s + index / _ACTION_HZ
        way_m = 0.004 if index // 2 % 2 == 0 else -0.004
        action = (0.0, way_m, 0.0, 0.0, 0.0, 0.0, 0.4)
        acting = ActionInForce(0, index, action, 1 / _ACTION_HZ, started_s)
        command = controller.tick(now_s, measured, acting)
        if command is not None:
            send(command)
    return np.array(late)


def measure_round_trips(outlet: Outlet, count: int) -> Vector:
    """Return the times in s from a command until feedback shows the joint move.

    Steps joint1 to and fro. The outlet is enabled and nobody else commands it. A real arm adds
    its own delay; the fake one answers in its next cycle of 5 ms.
    """
    seconds: list[float] = []
    feedback = outlet.enable()
    joints, direction = feedback.joints, 1.0
    for _ in range(count):
        joints = (joints[0] + direction * _STEP_RAD, *joints[1:])
        before = outlet.feedback()
        begun_s = time.monotonic()
        outlet.send(JointCommand(joints, feedback.gripper_m, "", "action"))
        while before is not None and time.monotonic() - begun_s < _LOST_S:
            now = outlet.feedback()
            if now is not None and abs(now.joints[0] - before.joints[0]) > _VISIBLE_RAD:
                seconds.append(time.monotonic() - begun_s)
                break
            time.sleep(1e-4)
        direction = -direction
        time.sleep(_BETWEEN_STEPS_S * (1 + 0.1 * (len(seconds) % 7)))  # no step with the cycle
    return np.array(seconds)
