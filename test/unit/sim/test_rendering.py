# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which way to render is chosen, and what is said when there is none."""

import importlib
import sys

import pytest

from roboecc_core.errors import ConfigError
from roboecc_core.sim import rendering


@pytest.fixture
def without_mujoco(monkeypatch):
    """Pretend that mujoco was not imported yet, and do not import it."""
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    imported = object()
    monkeypatch.setattr(importlib, "import_module", lambda _name: imported)
    monkeypatch.setenv("MUJOCO_GL", "")
    return imported


@pytest.mark.parametrize(
    ("has_egl", "has_osmesa", "backend"),
    [(True, True, "egl"), (True, False, "egl"), (False, True, "osmesa")],
)
def test_choose_backend_prefers_egl(monkeypatch, has_egl, has_osmesa, backend):
    monkeypatch.setattr(rendering, "has_egl_device", lambda: has_egl)
    monkeypatch.setattr(rendering, "has_osmesa", lambda: has_osmesa)
    assert rendering.choose_backend() == backend


def test_choose_backend_names_the_packages_when_nothing_renders(monkeypatch):
    monkeypatch.setattr(rendering, "_library", lambda _name: None)
    with pytest.raises(ConfigError, match=r"libegl1 and libgl1-mesa-dri .* or libosmesa6"):
        rendering.choose_backend()


def test_load_mujoco_respects_the_users_choice(monkeypatch, without_mujoco):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    assert rendering.load_mujoco() is without_mujoco
    assert rendering.os.environ["MUJOCO_GL"] == "glfw"


def test_load_mujoco_sets_the_chosen_backend_first(monkeypatch, without_mujoco):
    monkeypatch.setattr(rendering, "choose_backend", lambda: "osmesa")
    assert rendering.load_mujoco() is without_mujoco
    assert rendering.os.environ["MUJOCO_GL"] == "osmesa"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("none", name="mujoco"), "needs mujoco, which is not installed"),
        (AttributeError("no eglQueryString"), "MUJOCO_GL=egl: no eglQueryString; unset"),
    ],
)
def test_load_mujoco_fails_with_one_clear_line(monkeypatch, error, message):
    def fail(_name):
        raise error

    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ConfigError, match=message):
        rendering.load_mujoco()
