# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated arm, table and camera: joint targets in, joint states and images out.

It behaves like the real arm's driver: it takes position targets and knows nothing of actions,
policies or ROS. Time moves only when `step_until` says so, so the caller decides whether it is
the wall's, a lockstep's or a replay's.
"""

from __future__ import annotations

import atexit
import dataclasses
import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from roboecc_core.arm import piper
from roboecc_core.arm.piper import Point, Vector
from roboecc_core.errors import ConfigError
from roboecc_core.sim import rendering, scene

Image = npt.NDArray[np.uint8]

_MIN_IMAGE_PX, _MAX_IMAGE_PX = 16, 2048

# Where things are put: in front of the arm, where the tool still reaches the table pointing
# down (x up to 0.49 m, piper.md section 3) and the camera sees all of it.
_PLACE_X_M = (0.21, 0.36)
_PLACE_Y_M = (-0.16, 0.16)
_APART_M = 0.15  # mango to plate, centre to centre: 8 cm of plate, room for the open gripper
_MAX_DRAWS = 1000  # about one in three fits


@dataclasses.dataclass(frozen=True, slots=True)
class JointState:
    """Names as in `piper.STATE_NAMES`; six angles in rad, then the gripper's opening in m."""

    names: tuple[str, ...]
    positions: tuple[float, ...]
    velocities: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectPose:
    """An object's centre (m) and orientation (quaternion x, y, z, w) in the base frame."""

    position_m: Point
    orientation_xyzw: tuple[float, float, float, float]


class Simulation:
    """One simulated robot cell, placed at random from a seed.

    One owner thread an instance: it holds an OpenGL context that belongs to the thread of the
    first `render`. Use it in a `with` block or call `close`.

    Args:
        seed: decides where mango and plate lie; equal seeds give equal runs.
        image_size_px: width and height of the image.
        start_joints: `(6,)` rad, where the arm stands at time 0.
        gripper_m: how far the gripper is open at time 0.
        has_shadows: draw them; on llvmpipe 22 ms of CPU a frame at 224 px, without 6 ms.

    Raises:
        ConfigError: a value is out of range, or nothing here can render.
    """

    def __init__(
        self,
        seed: int,
        *,
        image_size_px: int = 224,
        start_joints: Sequence[float] = piper.READY_JOINTS_RAD,
        gripper_m: float = piper.GRIPPER_STROKE_M,
        has_shadows: bool = True,
    ) -> None:
        if not _MIN_IMAGE_PX <= image_size_px <= _MAX_IMAGE_PX:
            raise ConfigError(
                f"image size is {image_size_px} px; expected {_MIN_IMAGE_PX} to {_MAX_IMAGE_PX}"
            )
        self._mujoco = rendering.load_mujoco()
        self._image_size_px = image_size_px
        self._has_shadows = has_shadows
        self._model = self._mujoco.MjModel.from_xml_string(scene.scene_xml())
        self._model.vis.global_.offwidth = image_size_px
        self._model.vis.global_.offheight = image_size_px
        self._data = self._mujoco.MjData(self._model)
        self._renderer: Any = None
        names = (*piper.JOINT_NAMES, *scene.FINGER_JOINTS)
        joints = [self._model.joint(name) for name in names]
        self._positions_at = np.array([joint.qposadr[0] for joint in joints])
        self._speeds_at = np.array([joint.dofadr[0] for joint in joints])
        self._set_start(np.random.default_rng(seed), start_joints, gripper_m)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def time_s(self) -> float:
        """Simulated time since the start."""
        return float(self._data.time)

    def step_until(self, time_s: float) -> None:
        """Run physics up to `time_s`; a time that has passed already does nothing.

        Raises:
            ConfigError: the time is not finite.
        """
        if not math.isfinite(time_s):
            raise ConfigError(f"cannot simulate until {time_s} s; expected a finite time")
        num_steps = max(0, round((time_s - self.time_s) / scene.TIMESTEP_S))
        if num_steps:
            self._mujoco.mj_step(self._model, self._data, num_steps)

    def set_joint_targets(self, joints: Sequence[float], gripper_m: float) -> None:
        """Set what the servos drive to; they clip it to the joint limits.

        Args:
            joints: `(6,)` rad.
            gripper_m: opening between the fingers, m.

        Raises:
            ConfigError: a value is not finite or one is missing; the old targets stay.
        """
        targets = _targets(joints, gripper_m)
        self._data.ctrl[:] = targets

    def joint_state(self) -> JointState:
        """Return what the arm's encoders say now."""
        return JointState(
            piper.STATE_NAMES,
            _with_opening(self._data.qpos[self._positions_at]),
            _with_opening(self._data.qvel[self._speeds_at]),
        )

    def object_poses(self) -> dict[str, ObjectPose]:
        """Return where mango and plate are now, by name."""
        poses = {}
        for name in scene.OBJECTS:
            body = self._data.body(name)
            x, y, z = map(float, body.xpos)
            qw, qx, qy, qz = map(float, body.xquat)
            poses[name] = ObjectPose((x, y, z), (qx, qy, qz, qw))
        return poses

    def render(self) -> Image:
        """Return the camera's image now, `(H, W, 3)` uint8 RGB, a new array.

        Raises:
            ConfigError: the chosen OpenGL does not work here.
        """
        if self._renderer is None:
            self._renderer = self._new_renderer()
        self._renderer.update_scene(self._data, camera=scene.CAMERA)
        image: Image = self._renderer.render()
        return image.copy()

    def camera_matrix(self) -> Vector:
        """Return the intrinsic matrix `(3, 3)` in pixels; the camera has no distortion."""
        focal_px = self._image_size_px / 2 / math.tan(scene.CAMERA_FOVY_RAD / 2)
        centre_px = self._image_size_px / 2
        return np.array([[focal_px, 0.0, centre_px], [0.0, focal_px, centre_px], [0.0, 0.0, 1.0]])

    def close(self) -> None:
        """Free the OpenGL context; a later `render` would make a new one."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
            atexit.unregister(self.close)

    def _new_renderer(self) -> Any:
        size = self._image_size_px
        try:
            renderer = self._mujoco.Renderer(self._model, size, size)
        except (ImportError, AttributeError, RuntimeError, OSError) as error:
            raise rendering.unusable(error) from error
        shadow = self._mujoco.mjtRndFlag.mjRND_SHADOW
        renderer.scene.flags[shadow] = self._has_shadows
        atexit.register(self.close)  # a context that outlives EGL prints errors at exit
        return renderer

    def _set_start(
        self, rng: np.random.Generator, joints: Sequence[float], gripper_m: float
    ) -> None:
        targets = _targets(joints, gripper_m)
        controls = self._model.actuator_ctrlrange
        targets = np.clip(targets, controls[:, 0], controls[:, 1])
        self._data.qpos[self._positions_at] = targets
        self._data.ctrl[:] = targets
        mango_xy, plate_xy = _drawn_places(rng)
        self._place(scene.MANGO, mango_xy, scene.MANGO_HALF_AXES_M[2], rng)
        self._place(scene.PLATE, plate_xy, scene.PLATE_BASE_HALF_HEIGHT_M, rng)
        self._mujoco.mj_forward(self._model, self._data)

    def _place(self, name: str, xy: Vector, z_m: float, rng: np.random.Generator) -> None:
        yaw = rng.uniform(-math.pi / 2, math.pi / 2)
        address = self._model.body(name).jntadr[0]
        first = self._model.jnt_qposadr[address]
        quaternion_wxyz = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
        self._data.qpos[first : first + 7] = (*xy, z_m, *quaternion_wxyz)


def _drawn_places(rng: np.random.Generator) -> tuple[Vector, Vector]:
    """Return two points `(2,)` m on the table that are far enough apart."""
    lower, upper = np.array([_PLACE_X_M, _PLACE_Y_M]).T
    for _ in range(_MAX_DRAWS):
        mango, plate = rng.uniform(lower, upper, (2, 2))
        if np.linalg.norm(mango - plate) >= _APART_M:
            return mango, plate
    raise AssertionError("the table has room for mango and plate")


def _targets(joints: Sequence[float], gripper_m: float) -> Vector:
    """Return the eight servo targets: six joints, two fingers."""
    values = (*joints, gripper_m)
    if len(values) != len(piper.STATE_NAMES) or not all(map(math.isfinite, values)):
        raise ConfigError(
            f"joint targets are {values}; expected 6 finite angles in rad and the gripper in m"
        )
    return np.array([*joints, gripper_m / 2, gripper_m / 2], dtype=np.float64)


def _with_opening(values: Vector) -> tuple[float, ...]:
    """Return six joints' values and the sum of the two fingers'."""
    num_joints = piper.NUM_JOINTS
    opening = float(values[num_joints] + values[num_joints + 1])
    return (*map(float, values[:num_joints]), opening)
