# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The committed URDF is the generator's, and describes the same arm as the DH table."""

from pathlib import Path

import numpy as np
import pinocchio
import pytest

from roboecc_core.arm import piper
from roboecc_core.arm.kinematics import PiperKinematics
from roboecc_core.arm.piper_urdf import urdf_text

URDF = Path(__file__).resolve().parents[3] / "urdf" / "piper.urdf"


@pytest.fixture(scope="module")
def model():
    return pinocchio.buildModelFromUrdf(str(URDF))


def test_committed_urdf_equals_the_generated_one():
    assert URDF.read_text(encoding="utf-8") == urdf_text()


def test_urdf_forward_kinematics_equals_the_dh_table(model):
    data, kinematics = model.createData(), PiperKinematics()
    rng = np.random.default_rng(0)
    for _ in range(20):
        joints = rng.uniform(piper.JOINT_LOWER_RAD, piper.JOINT_UPPER_RAD)
        pinocchio.framesForwardKinematics(model, data, np.concatenate([joints, np.zeros(3)]))
        placement, tip = data.oMf[model.getFrameId("tool0")], kinematics.forward(joints)
        np.testing.assert_allclose(placement.translation, tip.translation, atol=1e-9)
        np.testing.assert_allclose(placement.rotation, tip.rotation, atol=1e-9)


def test_urdf_limits_are_the_arms(model):
    np.testing.assert_allclose(model.lowerPositionLimit[:6], piper.JOINT_LOWER_RAD)
    np.testing.assert_allclose(model.upperPositionLimit[:6], piper.JOINT_UPPER_RAD)
    np.testing.assert_allclose(model.lowerPositionLimit[6:], [0.0, 0.0, -0.035])
    np.testing.assert_allclose(model.upperPositionLimit[6:], [0.07, 0.035, 0.0])


def test_urdf_has_the_joint_names_that_drivers_publish(model):
    assert set(piper.STATE_NAMES) <= set(model.names)
