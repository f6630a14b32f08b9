# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Where the PIPER's tool is for given joints, and which joints bring it somewhere.

The pinocchio model is built from the DH table, not from a URDF, so that one table drives
control, simulation and RViz. Every pose is that of the tool tip in the arm's base frame, in
metres and as a rotation matrix; Euler angles are never used because the arm's rest pose
(pitch 85 deg) is next to their singularity.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pinocchio

from roboecc_core.arm import closed_form, piper
from roboecc_core.arm.piper import Vector

# Cost of 1 rad of wrong orientation, in metres of wrong position. At 0.03 a tool that the
# limit of joint5 keeps 0.3 rad from vertical costs about 1 mm of position.
DEFAULT_ORIENTATION_WEIGHT_M = 0.03

_MAX_ITERATIONS = 10  # 3 to 6 are usual; the next action goes on from a rough compromise
_POSITION_TOLERANCE_M = 1e-7
_ORIENTATION_TOLERANCE_RAD = 1e-6
_EXACT_M = 1e-4
_EXACT_RAD = 1.75e-3
_SMALLEST_DAMPING, _LARGEST_DAMPING = 1e-9, 1e2
_MAX_ITERATION_RAD = 0.3  # keeps the search on the branch that it started from
_SMALLEST_PROGRESS = 1e-3  # relative fall of the cost below which a compromise has settled
_NEAR_RAD = 0.5  # an exact solution this near is on the same branch
_SINGULAR_BELOW = 0.02  # smallest singular value (m/rad, 1) that counts as singular
_BASE_AXES = pinocchio.ReferenceFrame.LOCAL_WORLD_ALIGNED  # base axes, at the tool tip
_STUCK_SHARE = 0.25  # a singular start that keeps this much of the cost deserves a retry
_NUDGE = 0.05  # part of the way towards the ready pose that leaves a singular start


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A tool pose in the base frame: `translation` (3,) m, `rotation` (3, 3)."""

    translation: Vector
    rotation: Vector

    def __post_init__(self) -> None:
        for name, shape in (("translation", (3,)), ("rotation", (3, 3))):
            value = np.array(getattr(self, name), dtype=np.float64).reshape(shape)
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def moved_by(self, action: Sequence[float] | Vector) -> Pose:
        """Return this pose after an action's change in the base frame.

        Args:
            action: at least six numbers: translation in m, then rotation vector in rad. The
                rotation is composed about the base frame's axes through the tool tip.
        """
        change = np.asarray(action, dtype=np.float64)
        turn = pinocchio.exp3(change[3:6])
        return Pose(self.translation + change[:3], turn @ self.rotation)

    def distance_to(self, other: Pose) -> tuple[float, float]:
        """Return how far `other` is: metres and radians."""
        turn = pinocchio.log3(other.rotation @ self.rotation.T)
        offset = other.translation - self.translation
        return float(np.linalg.norm(offset)), float(np.linalg.norm(turn))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class IkSolution:
    """The best joints found, `(6,)` rad within the limits, and what error they leave."""

    joints: Vector
    position_error_m: float
    orientation_error_rad: float
    iterations: int

    @property
    def is_exact(self) -> bool:
        """True within 0.1 mm and 0.1 deg, well under the arm's repeatability."""
        is_at_place = self.position_error_m < _EXACT_M
        return is_at_place and self.orientation_error_rad < _EXACT_RAD


def build_model() -> pinocchio.Model:
    """Return the six-joint pinocchio model of the DH table with frames `flange` and `tool0`."""
    model = pinocchio.Model()
    model.name = "piper"
    parent = 0
    for index, row in enumerate(piper.DH_TABLE):
        parent = model.addJoint(
            parent,
            pinocchio.JointModelRZ(),
            pinocchio.SE3(row.placement()),
            piper.JOINT_NAMES[index],
        )
    model.lowerPositionLimit = np.array(piper.JOINT_LOWER_RAD)
    model.upperPositionLimit = np.array(piper.JOINT_UPPER_RAD)
    for name, offset_m in (("flange", 0.0), ("tool0", piper.FLANGE_TO_TIP_M)):
        placement = pinocchio.SE3(np.eye(3), np.array([0.0, 0.0, offset_m]))
        kind = pinocchio.FrameType.OP_FRAME
        model.addFrame(pinocchio.Frame(name, parent, 0, placement, kind))
    return model


class PiperKinematics:
    """Forward and inverse kinematics of the tool tip.

    Holds pinocchio's scratch memory: one owner thread an instance. It keeps no state between
    calls, so any number of instances may exist.
    """

    def __init__(self, *, orientation_weight_m: float = DEFAULT_ORIENTATION_WEIGHT_M) -> None:
        self._model = build_model()
        self._data = self._model.createData()
        self._flange = self._model.getFrameId("flange")
        self._tool = self._model.getFrameId("tool0")
        self._orientation_weight_m = orientation_weight_m
        self._smallest_cost = (
            min(_POSITION_TOLERANCE_M, orientation_weight_m * _ORIENTATION_TOLERANCE_RAD) ** 2
        )
        self._lower = np.array(piper.JOINT_LOWER_RAD)
        self._upper = np.array(piper.JOINT_UPPER_RAD)

    def forward(self, joints: Sequence[float] | Vector) -> Pose:
        """Return the tool tip's pose for joints `(6,)` rad."""
        return self._frame_pose(joints, self._tool)

    def flange(self, joints: Sequence[float] | Vector) -> Pose:
        """Return the flange's pose, the one that the arm itself reports as its end pose."""
        return self._frame_pose(joints, self._flange)

    def tip_and_wrist(self, joints: Sequence[float] | Vector) -> tuple[Vector, Vector]:
        """Return the positions, each (3,) m, of the tool tip and of the wrist (joint5)."""
        tip = self.forward(joints).translation
        return tip, np.array(self._data.oMi[5].translation)

    def smallest_singular_value(self, joints: Sequence[float] | Vector) -> float:
        """Return the Jacobian's smallest singular value (rows m/rad and 1); 0 is singular."""
        jacobian = self._jacobian(np.asarray(joints, dtype=np.float64))
        return float(np.linalg.svd(jacobian, compute_uv=False)[-1])

    def solve(self, target: Pose, q_start: Sequence[float] | Vector) -> IkSolution:
        """Return the joints near `q_start` whose tool pose is nearest to `target`.

        The exact solution where one is near; else Levenberg-Marquardt on position error and
        weighted orientation error, in which a joint that pushes against its limit is left out
        of the step. A target out of reach gives the best compromise, never an error. The arm's
        posture is never changed: half a turn of the shoulder is no answer to a small action.

        Args:
            target: finite tool pose in the base frame.
            q_start: `(6,)` rad, clipped to the limits first.
        """
        start = self._clipped(np.asarray(q_start, dtype=np.float64))
        exact, distance_rad = _nearest_exact(target, start)
        if exact is not None and distance_rad < _NEAR_RAD:
            return self._solution(exact, target, 0)
        solution = self._descend(target, start)
        is_stuck = self._cost_of(solution) > _STUCK_SHARE * self._cost_at(start, target)
        if not is_stuck or self.smallest_singular_value(start) > _SINGULAR_BELOW:
            return solution
        ready = np.array(piper.READY_JOINTS_RAD)
        retry = self._descend(target, start + _NUDGE * (ready - start))
        return min(solution, retry, key=self._cost_of)

    def solve_anywhere(self, target: Pose, q_start: Sequence[float] | Vector) -> IkSolution:
        """Return the exact joints nearest to `q_start`, however far, else as `solve` does.

        For a pose to drive to, not for an action: the way there may swing the whole arm.
        """
        start = self._clipped(np.asarray(q_start, dtype=np.float64))
        exact, _ = _nearest_exact(target, start)
        return self.solve(target, start) if exact is None else self._solution(exact, target, 0)

    def _descend(self, target: Pose, start: Vector) -> IkSolution:
        joints, damping, relief, iterations = start, 1e-4, 0.1, 0
        error, jacobian = self._weighted(joints, target)
        cost = float(error @ error)
        while iterations < _MAX_ITERATIONS and cost > self._smallest_cost:
            iterations += 1
            trial = self._trial(joints, (error, jacobian), damping)
            trial_error, trial_jacobian = self._weighted(trial, target)
            progress = cost - float(trial_error @ trial_error)
            if progress > 0:
                has_settled = progress < _SMALLEST_PROGRESS * cost
                joints, error, jacobian, cost = trial, trial_error, trial_jacobian, cost - progress
                damping, relief = max(damping * relief, _SMALLEST_DAMPING), 0.1
                if has_settled:
                    break
            elif damping > _LARGEST_DAMPING:
                break
            else:
                damping, relief = damping * 10.0, 1.0  # less would only be refused again
        return self._solution(joints, target, iterations)

    def _trial(self, joints: Vector, linear: tuple[Vector, Vector], damping: float) -> Vector:
        """Return the joints one damped step further; who meets a limit stops there."""
        error, jacobian = linear
        normal, pull = jacobian.T @ jacobian, jacobian.T @ error
        normal.flat[:: piper.NUM_JOINTS + 1] += damping
        change = np.linalg.solve(normal, pull)
        wanted = joints + change
        stopped = self._clipped(wanted)
        is_free = stopped == wanted
        if not is_free.all():  # the others make up for what the stopped ones cannot do
            fixed = np.where(is_free, 0.0, stopped - joints)
            normal[~is_free] = 0.0
            pull = np.where(is_free, pull - normal @ fixed, 0.0)
            normal[:, ~is_free] = 0.0
            normal.flat[:: piper.NUM_JOINTS + 1] += ~is_free
            change = fixed + np.linalg.solve(normal, pull)
        furthest = max(map(abs, change.tolist()))
        share = min(1.0, _MAX_ITERATION_RAD / max(furthest, 1e-12))
        return self._clipped(joints + share * change)

    def _weighted(self, joints: Vector, target: Pose) -> tuple[Vector, Vector]:
        """Return the weighted error `(6,)` m and its Jacobian `(6, 6)` m/rad, in one pass."""
        jacobian = self._jacobian(joints)
        placement = self._data.oMf[self._tool]
        error = np.empty(6)
        error[:3] = target.translation - placement.translation
        error[3:] = pinocchio.log3(target.rotation @ placement.rotation.T)
        error[3:] *= self._orientation_weight_m
        jacobian[3:] *= self._orientation_weight_m
        return error, jacobian

    def _cost_at(self, joints: Vector, target: Pose) -> float:
        error, _ = self._weighted(joints, target)
        return float(error @ error)

    def _solution(self, joints: Vector, target: Pose, iterations: int) -> IkSolution:
        position_m, orientation_rad = self.forward(joints).distance_to(target)
        return IkSolution(joints, position_m, orientation_rad, iterations)

    def _clipped(self, joints: Vector) -> Vector:
        clipped: Vector = np.minimum(np.maximum(joints, self._lower), self._upper)
        return clipped

    def _cost_of(self, solution: IkSolution) -> float:
        orientation_m = self._orientation_weight_m * solution.orientation_error_rad
        return float(solution.position_error_m**2 + orientation_m**2)

    def _jacobian(self, joints: Vector) -> Vector:
        """Return the tool's Jacobian `(6, 6)`; leaves its placement in pinocchio's memory."""
        jacobian: Vector = pinocchio.computeFrameJacobian(
            self._model, self._data, joints, self._tool, _BASE_AXES
        )
        return jacobian

    def _frame_pose(self, joints: Sequence[float] | Vector, frame_index: int) -> Pose:
        placement = self._placement(np.asarray(joints, dtype=np.float64), frame_index)
        return Pose(placement.translation, placement.rotation)

    def _placement(self, joints: Vector, frame_index: int) -> pinocchio.SE3:
        pinocchio.forwardKinematics(self._model, self._data, joints)
        return pinocchio.updateFramePlacement(self._model, self._data, frame_index)


def _nearest_exact(target: Pose, start: Vector) -> tuple[Vector | None, float]:
    """Return the exact joints nearest to `start`, and the largest joint's way there in rad."""
    near = start.tolist()
    nearest, least_rad = None, math.inf
    for joints in closed_form.solutions(target.translation, target.rotation, start):
        distance_rad = max(abs(one - other) for one, other in zip(joints, near, strict=True))
        if distance_rad < least_rad:
            nearest, least_rad = joints, distance_rad
    return None if nearest is None else np.array(nearest), least_rad
