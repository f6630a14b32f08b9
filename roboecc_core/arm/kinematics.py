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
from collections.abc import Sequence

import numpy as np
import pinocchio

from roboecc_core.arm import piper
from roboecc_core.arm.piper import Vector

# Cost of 1 rad of wrong orientation, in metres of wrong position. At 0.03 a tool that the
# limit of joint5 keeps 0.3 rad from vertical costs about 1 mm of position.
DEFAULT_ORIENTATION_WEIGHT_M = 0.03

_MAX_ITERATIONS = 60  # 5 to 10 are usual from a neighbouring pose
_POSITION_TOLERANCE_M = 1e-7
_ORIENTATION_TOLERANCE_RAD = 1e-6
_EXACT_M = 1e-4
_EXACT_RAD = 1.75e-3
_SMALLEST_DAMPING, _LARGEST_DAMPING = 1e-9, 1e2
_MAX_ITERATION_RAD = 0.3  # keeps the search on the branch that it started from
_SMALLEST_PROGRESS = 1e-9  # relative fall of the cost below which the search has settled
_SINGULAR_BELOW = 0.02  # smallest singular value (m/rad, 1) that counts as singular
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
        self._weights = np.array([1.0] * 3 + [orientation_weight_m] * 3)
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

        Levenberg-Marquardt on position error and weighted orientation error; a joint that
        pushes against its limit is left out of the step. A target out of reach gives the
        best compromise, never an error.

        Args:
            target: finite tool pose in the base frame.
            q_start: `(6,)` rad, clipped to the limits first.
        """
        start = np.clip(np.asarray(q_start, dtype=np.float64), self._lower, self._upper)
        solution = self._descend(target, start)
        if solution.is_exact or self.smallest_singular_value(start) > _SINGULAR_BELOW:
            return solution
        ready = np.array(piper.READY_JOINTS_RAD)
        retry = self._descend(target, start + _NUDGE * (ready - start))
        return min(solution, retry, key=self._cost_of)

    def _descend(self, target: Pose, start: Vector) -> IkSolution:
        joints, damping = start, 1e-4
        error = self._error(joints, target)
        iterations = 0
        while iterations < _MAX_ITERATIONS and not _is_small(error):
            iterations += 1
            trial = self._trial(joints, error, damping)
            trial_error = self._error(trial, target)
            cost, trial_cost = self._cost(error), self._cost(trial_error)
            if trial_cost < cost:
                joints, error, damping = trial, trial_error, damping * 0.1
                if cost - trial_cost < _SMALLEST_PROGRESS * cost:
                    break
            elif damping > _LARGEST_DAMPING:
                break
            else:
                damping *= 10.0
        position, orientation = np.linalg.norm(error[:3]), np.linalg.norm(error[3:])
        return IkSolution(joints, float(position), float(orientation), iterations)

    def _trial(self, joints: Vector, error: Vector, damping: float) -> Vector:
        jacobian = self._weights[:, None] * self._jacobian(joints)  # (6, 6)
        residual = self._weights * error
        pull = jacobian.T @ residual
        is_held = ((joints >= self._upper) & (pull > 0)) | ((joints <= self._lower) & (pull < 0))
        jacobian[:, is_held] = 0.0
        normal = jacobian.T @ jacobian + max(damping, _SMALLEST_DAMPING) * np.eye(piper.NUM_JOINTS)
        change = np.linalg.solve(normal, jacobian.T @ residual)
        share = min(1.0, _MAX_ITERATION_RAD / max(float(np.abs(change).max()), 1e-12))
        return np.clip(joints + share * change, self._lower, self._upper)

    def _error(self, joints: Vector, target: Pose) -> Vector:
        placement = self._placement(joints, self._tool)
        error = np.empty(6)
        error[:3] = target.translation - placement.translation
        error[3:] = pinocchio.log3(target.rotation @ placement.rotation.T)
        return error

    def _cost(self, error: Vector) -> float:
        weighted = self._weights * error
        return float(weighted @ weighted)

    def _cost_of(self, solution: IkSolution) -> float:
        orientation_m = self._weights[3] * solution.orientation_error_rad
        return float(solution.position_error_m**2 + orientation_m**2)

    def _jacobian(self, joints: Vector) -> Vector:
        frame = pinocchio.ReferenceFrame.LOCAL_WORLD_ALIGNED
        return np.array(
            pinocchio.computeFrameJacobian(self._model, self._data, joints, self._tool, frame)
        )

    def _frame_pose(self, joints: Sequence[float] | Vector, frame_index: int) -> Pose:
        placement = self._placement(np.asarray(joints, dtype=np.float64), frame_index)
        return Pose(placement.translation, placement.rotation)

    def _placement(self, joints: Vector, frame_index: int) -> pinocchio.SE3:
        pinocchio.forwardKinematics(self._model, self._data, joints)
        return pinocchio.updateFramePlacement(self._model, self._data, frame_index)


def _is_small(error: Vector) -> bool:
    position, orientation = np.linalg.norm(error[:3]), np.linalg.norm(error[3:])
    return bool(position < _POSITION_TOLERANCE_M and orientation < _ORIENTATION_TOLERANCE_RAD)
