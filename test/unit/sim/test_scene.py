# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The MJCF text is a model whose arm is the DH table's arm."""

import numpy as np
import pytest

from roboecc_core.arm import piper
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.sim import rendering, scene


@pytest.fixture(scope="module")
def mujoco():
    return rendering.load_mujoco()


@pytest.fixture(scope="module")
def model(mujoco):
    return mujoco.MjModel.from_xml_string(scene.scene_xml())


def test_scene_forward_kinematics_equals_the_dh_table(mujoco, model):
    data, kinematics = mujoco.MjData(model), PiperKinematics()
    rng = np.random.default_rng(0)
    for _ in range(10):
        joints = rng.uniform(piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD)
        for name, angle in zip(piper.JOINT_NAMES, joints, strict=True):
            data.joint(name).qpos = angle
        mujoco.mj_kinematics(model, data)
        tip, site = kinematics.forward(joints), data.site("tool0")
        np.testing.assert_allclose(site.xpos, tip.translation, atol=1e-9)
        np.testing.assert_allclose(site.xmat.reshape(3, 3), tip.rotation, atol=1e-9)


def test_scene_limits_and_servos_are_the_arms(model):
    for index, name in enumerate(piper.JOINT_NAMES):
        limits = [piper.JOINT_LOWER_RAD[index], piper.JOINT_UPPER_RAD[index]]
        np.testing.assert_allclose(model.joint(name).range, limits, atol=1e-9)
        np.testing.assert_allclose(model.actuator(name).ctrlrange, limits, atol=1e-9)


def test_scene_camera_sees_the_working_area(mujoco, model):
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = data.camera(scene.CAMERA)
    right, up, back = camera.xmat.reshape(3, 3).T
    half_width = np.tan(scene.CAMERA_FOVY_RAD / 2)
    for point in ([0.21, -0.16, 0], [0.21, 0.16, 0], [0.36, -0.16, 0], [0.36, 0.16, 0.1]):
        ray = np.array(point) - camera.xpos
        depth = -ray @ back
        assert 0.4 < depth < 1.0
        assert max(abs(ray @ right), abs(ray @ up)) < 0.97 * half_width * depth
