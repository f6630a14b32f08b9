# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated cell: physics, placement, servos and the picture."""

import math

import numpy as np
import pytest

from roboecc_core.arm import piper
from roboecc_core.arm.kinematics import PiperKinematics, Pose
from roboecc_core.errors import ConfigError
from roboecc_core.sim.simulation import Simulation


@pytest.fixture
def simulation():
    with Simulation(3, has_shadows=False) as started:
        yield started


def orange_share(image):
    red, green, blue = (image[..., channel].astype(int) for channel in range(3))
    return np.mean((red > 150) & (red > green + 60) & (green > blue + 40))


@pytest.mark.parametrize("has_shadows", [True, False])
def test_render_shows_the_mango_on_a_lit_table(has_shadows):
    with Simulation(3, has_shadows=has_shadows) as simulation:
        image = simulation.render()
    assert (image.shape, image.dtype) == ((224, 224, 3), np.uint8)
    assert 40 < image.mean() < 200
    assert image.std() > 20
    assert 0.001 < orange_share(image) < 0.05


def test_render_returns_an_image_of_its_own_each_time(simulation):
    before = simulation.render()
    kept = before.copy()
    simulation.set_joint_targets((1.0, 1.0, -1.0, 0.0, 0.5, 0.0), 0.0)
    simulation.step_until(0.5)
    after = simulation.render()
    np.testing.assert_array_equal(before, kept)
    assert np.mean(before != after) > 0.05


def test_camera_matrix_projects_the_mango_onto_orange_pixels(simulation):
    image = simulation.render()
    focal_px, centre_px = simulation.camera_matrix()[0, 0], simulation.camera_matrix()[0, 2]
    camera = simulation._data.camera("camera")
    mango = np.array(simulation.object_poses()["mango"].position_m)
    right, up, back = camera.xmat.reshape(3, 3).T
    ray = mango - camera.xpos
    column = centre_px + focal_px * (ray @ right) / -(ray @ back)
    row = centre_px - focal_px * (ray @ up) / -(ray @ back)
    patch = image[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3]
    assert orange_share(patch) > 0.9


def test_equal_seeds_give_equal_runs_and_pictures():
    runs = []
    for seed in (7, 7):
        with Simulation(seed, image_size_px=64, has_shadows=False) as simulation:
            simulation.set_joint_targets((0.2, 1.3, -1.0, 0.1, 0.9, 0.2), 0.02)
            simulation.step_until(0.2)
            state = (simulation.joint_state(), simulation.object_poses())
            runs.append((state, simulation.render()))
    assert runs[0][0] == runs[1][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    assert Simulation(8).object_poses() != Simulation(7).object_poses()


def test_objects_lie_apart_within_reach_for_any_seed():
    for seed in range(10):
        poses = Simulation(seed).object_poses()
        mango, plate = (np.array(poses[name].position_m) for name in ("mango", "plate"))
        assert np.linalg.norm(mango[:2] - plate[:2]) >= 0.15
        for place in (mango, plate):
            assert 0.2 < place[0] < 0.37
            assert abs(place[1]) < 0.17


def test_objects_and_arm_rest_when_nothing_is_asked(simulation):
    before, joints = simulation.object_poses(), simulation.joint_state().positions
    simulation.step_until(2.0)
    for name, pose in simulation.object_poses().items():
        np.testing.assert_allclose(pose.position_m, before[name].position_m, atol=2e-3)
    np.testing.assert_allclose(simulation.joint_state().positions, joints, atol=2e-3)


def test_step_until_advances_simulated_time_and_never_goes_back(simulation):
    simulation.step_until(0.1)
    assert simulation.time_s == pytest.approx(0.1)
    simulation.step_until(0.05)
    assert simulation.time_s == pytest.approx(0.1)


def test_joint_state_has_the_drivers_names_and_starts_where_asked():
    simulation = Simulation(0, start_joints=piper.REST_JOINTS_RAD, gripper_m=0.02)
    state = simulation.joint_state()
    assert state.names == (*piper.JOINT_NAMES, "gripper")
    assert state.positions == pytest.approx([0.0] * 6 + [0.02])
    assert state.velocities == (0.0,) * 7


def test_servos_reach_their_targets(simulation):
    targets = (0.4, 1.2, -0.8, 0.2, 0.7, -0.5)
    simulation.set_joint_targets(targets, 0.03)
    simulation.step_until(2.0)
    state = simulation.joint_state()
    np.testing.assert_allclose(state.positions, [*targets, 0.03], atol=3e-3)
    np.testing.assert_allclose(state.velocities, 0.0, atol=1e-2)


def test_gripper_lifts_the_mango(simulation):
    kinematics = PiperKinematics()
    mango = simulation.object_poses()["mango"]
    yaw = 2 * math.atan2(mango.orientation_xyzw[2], mango.orientation_xyzw[3])
    down = Pose(np.array([*mango.position_m[:2], 0.1]), np.diag([-1.0, 1.0, -1.0]))
    above = kinematics.solve(down.moved_by([0, 0, 0, 0, 0, yaw]), piper.READY_JOINTS_RAD).joints
    low = kinematics.solve(
        kinematics.forward(above).moved_by([0, 0, -0.076, 0, 0, 0]), above
    ).joints
    for joints, gripper_m, until_s in (
        (above, 0.07, 1.0),
        (low, 0.07, 2.0),
        (low, 0.0, 2.5),
        (above, 0.0, 3.5),
    ):
        simulation.set_joint_targets(joints, gripper_m)
        simulation.step_until(until_s)
    assert simulation.object_poses()["mango"].position_m[2] > 0.08
    assert 0.04 < simulation.joint_state().positions[6] < 0.06


@pytest.mark.parametrize("targets", [(math.nan, 0, 0, 0, 0, 0), (0.0,) * 5])
def test_set_joint_targets_refuses_nonsense_and_keeps_the_old_ones(simulation, targets):
    before = simulation.joint_state().positions
    with pytest.raises(ConfigError, match="expected 6 finite angles"):
        simulation.set_joint_targets(targets, 0.07)
    simulation.step_until(0.2)
    np.testing.assert_allclose(simulation.joint_state().positions, before, atol=2e-3)


def test_simulation_refuses_an_impossible_size_or_time(simulation):
    with pytest.raises(ConfigError, match="image size is 4 px"):
        Simulation(0, image_size_px=4)
    with pytest.raises(ConfigError, match="expected a finite time"):
        simulation.step_until(math.inf)


def test_render_names_the_packages_when_opengl_fails(simulation, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("no context")

    monkeypatch.setattr(simulation._mujoco, "Renderer", fail)
    with pytest.raises(ConfigError, match="no context; unset MUJOCO_GL or install libegl1"):
        simulation.render()


def test_close_may_be_called_twice(simulation):
    simulation.render()
    simulation.close()
    simulation.close()
