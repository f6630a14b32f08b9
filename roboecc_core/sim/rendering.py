# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The one place that imports MuJoCo, after choosing how it renders without a display.

MuJoCo reads `MUJOCO_GL` while it is imported and never again, so the choice must come first:
the user's own `MUJOCO_GL` when set, else EGL when a device answers, else OSMesa. Everything
else gets the module from `load_mujoco`.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from types import ModuleType

from roboecc_core.errors import ConfigError

PACKAGES = "libegl1 and libgl1-mesa-dri (EGL) or libosmesa6 (OSMesa)"

_EGL_LIBRARY = "libEGL.so.1"
_OSMESA_LIBRARIES = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")
_EGL_PLATFORM_DEVICE = 0x313F  # EGL_EXT_platform_device, the one that MuJoCo uses
_MAX_DEVICES = 16


def load_mujoco() -> ModuleType:
    """Return the mujoco module, able to render headless.

    Leaves `MUJOCO_GL` set in this process's environment (and so in its children's).

    Raises:
        ConfigError: no way to render works, or mujoco is not installed.
    """
    if "mujoco" not in sys.modules:
        os.environ["MUJOCO_GL"] = os.environ.get("MUJOCO_GL") or choose_backend()
    try:
        return importlib.import_module("mujoco")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the simulation needs {error.name}, which is not installed; run 'make setup' or "
            "pip install 'mujoco>=3.10,<4'"
        ) from error
    except (ImportError, AttributeError, RuntimeError, OSError) as error:
        raise unusable(error) from error  # PyOpenGL reports a missing library as any of these


def choose_backend() -> str:
    """Return `egl` or `osmesa`, whichever works here.

    Raises:
        ConfigError: neither does.
    """
    if has_egl_device():
        return "egl"
    if has_osmesa():
        return "osmesa"
    raise ConfigError(
        f"the simulation cannot render: neither EGL nor OSMesa was found; install {PACKAGES}"
    )


def unusable(error: Exception) -> ConfigError:
    """Return the error that says that the chosen backend failed with `error`."""
    backend = os.environ.get("MUJOCO_GL", "")
    return ConfigError(
        f"the simulation cannot render with MUJOCO_GL={backend}: {error}; unset MUJOCO_GL or "
        f"install {PACKAGES}"
    )


def has_osmesa() -> bool:
    """Return True when OSMesa's library is installed."""
    return any(_library(name) is not None for name in _OSMESA_LIBRARIES)


def has_egl_device() -> bool:
    """Return True when EGL is installed and one of its devices can be initialised.

    The library alone says little: without a driver behind it (libgl1-mesa-dri or a GPU's)
    it finds no device, and MuJoCo would fail only when it first renders.
    """
    egl = _library(_EGL_LIBRARY)
    if egl is None:
        return False
    find = egl.eglGetProcAddress
    find.restype, find.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    query_at = find(b"eglQueryDevicesEXT")
    display_at = find(b"eglGetPlatformDisplayEXT")
    if not query_at or not display_at:
        return False
    query = ctypes.CFUNCTYPE(
        ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
    )(query_at)
    display_of = ctypes.CFUNCTYPE(
        ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p
    )(display_at)
    devices, count = (ctypes.c_void_p * _MAX_DEVICES)(), ctypes.c_int(0)
    if not query(_MAX_DEVICES, devices, ctypes.byref(count)):
        return False
    displays = (display_of(_EGL_PLATFORM_DEVICE, devices[i], None) for i in range(count.value))
    return any(_is_usable(egl, display) for display in displays)


def _is_usable(egl: ctypes.CDLL, display: int | None) -> bool:
    """Initialise a display. It is not terminated: MuJoCo will use the very same one."""
    initialise = egl.eglInitialize
    initialise.restype = ctypes.c_uint
    initialise.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    return bool(display) and bool(initialise(display, None, None))


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None
