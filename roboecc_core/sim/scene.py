# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The simulated table as MJCF text: PIPER, orange mango, steel plate, fixed camera.

The arm comes from the same DH table and primitives as control and URDF. The world frame is
the arm's base frame, its origin on the table's top. Only primitives, so nothing is downloaded
and a frame renders in milliseconds without a GPU. Text in, text out: MuJoCo is not needed.
"""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

from roboecc_core.arm import piper
from roboecc_core.arm.piper import Box, Rod, Vector

CAMERA = "camera"
MANGO = "mango"
PLATE = "plate"
OBJECTS = (MANGO, PLATE)
FINGER_JOINTS = ("joint7", "joint8")

TIMESTEP_S = 0.002  # stable with the finger contacts; about 20 us of CPU each
MANGO_HALF_AXES_M = (0.034, 0.026, 0.026)  # piper.md section 4; 52 mm fits the 70 mm gripper
PLATE_RADIUS_M = 0.08
PLATE_BASE_HALF_HEIGHT_M = 0.002

_RIM_PIECES = 20
_RIM_HEIGHT_M = 0.012
_COLLIDING_LINKS = ("gripper_base", "link7", "link8")  # the arm's own links never touch here

# Servo stiffness, own choice: on a ramp of 1 rad/s the joint lags kv / kp = 0.04 rad behind.
_JOINT_SERVO = {"kp": "250", "kv": "10", "forcerange": "-30 30"}
_FINGER_SERVO = {"kp": "900", "kv": "30", "forcerange": "-12 12"}

_WORLD = """
<mujoco model="roboecc_table">
  <compiler angle="radian" autolimits="true"/>
  <option integrator="implicitfast" cone="elliptic" impratio="10"/>
  <visual>
    <headlight ambient="0.38 0.38 0.38" diffuse="0.32 0.32 0.32" specular="0.1 0.1 0.1"/>
    <quality shadowsize="1024" offsamples="0" numslices="20" numstacks="12"/>
    <map znear="0.02" zfar="20"/>
  </visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="0.80 0.84 0.88"
      rgb2="0.52 0.57 0.63" width="64" height="384"/>
    <texture name="wood" type="2d" builtin="flat" rgb1="0.60 0.47 0.35" mark="random"
      markrgb="0.55 0.42 0.31" random="0.3" width="256" height="32"/>
    <texture name="tiles" type="2d" builtin="checker" rgb1="0.44 0.46 0.49"
      rgb2="0.40 0.42 0.45" width="128" height="128"/>
    <material name="table" texture="wood" texrepeat="1 4" specular="0.15" shininess="0.2"/>
    <material name="floor" texture="tiles" texrepeat="12 12" specular="0.0"/>
    <material name="mango" rgba="0.98 0.53 0.06 1" specular="0.35" shininess="0.5"/>
    <material name="stem" rgba="0.25 0.38 0.12 1"/>
    <material name="steel" rgba="0.74 0.77 0.80 1" specular="0.9" shininess="0.8"/>
    <material name="steel_inside" rgba="0.62 0.65 0.69 1" specular="0.9" shininess="0.8"/>
  </asset>
  <default>
    <geom condim="4" friction="1.0 0.01 0.001" solref="0.005 1"/>
    <default class="arm">
      <geom density="700" contype="0" conaffinity="0"/>
      <joint armature="0.05" damping="1.5"/>
    </default>
    <default class="hand">
      <geom density="700" contype="1" conaffinity="1" friction="1.6 0.02 0.001"/>
    </default>
  </default>
  <worldbody>
    <light pos="0.6 -0.7 1.6" dir="-0.25 0.45 -1" directional="true" diffuse="0.55 0.54 0.5"
      specular="0.3 0.3 0.3"/>
    <geom name="floor" type="plane" size="4 4 0.1" pos="0 0 -0.75" material="floor"/>
    <geom name="table" type="box" size="0.50 0.60 0.02" pos="0.32 0 -0.02" material="table"/>
    <camera name="camera" mode="fixed"/>
    <body name="mango">
      <freejoint/>
      <geom type="ellipsoid" mass="0.15" material="mango" condim="6" friction="1.6 0.02 0.004"/>
      <geom type="cylinder" size="0.0025 0.004" pos="0.036 0 0" euler="0 1.5708 0" mass="0.001"
        material="stem" contype="0" conaffinity="0"/>
    </body>
    <body name="plate">
      <freejoint/>
      <geom type="cylinder" mass="0.25" material="steel_inside"/>
    </body>
  </worldbody>
  <contact><exclude body1="link7" body2="link8"/></contact>
  <actuator/>
</mujoco>
"""

CAMERA_POSITION_M = (0.68, -0.42, 0.60)  # near and steep: 0.8 m from the middle of the work
_CAMERA_LOOKS_AT_M = (0.21, 0.0, 0.12)
CAMERA_FOVY_RAD = math.radians(45.0)


def scene_xml() -> str:
    """Return the whole MJCF model as text."""
    root = ET.fromstring(_WORLD)  # noqa: S314 - our own text, above
    world = _found(root, "worldbody")
    _set_camera(_found(world, "camera"))
    mango = _found(world, f"body[@name='{MANGO}']/geom")
    mango.set("size", _numbers(*MANGO_HALF_AXES_M))
    plate = _found(world, f"body[@name='{PLATE}']")
    _found(plate, "geom").set("size", _numbers(PLATE_RADIUS_M, PLATE_BASE_HALF_HEIGHT_M))
    _add_rim(plate)
    for name, rgb in piper.COLOURS.items():
        colours = {"rgba": _numbers(*rgb, 1.0), "specular": "0.4", "shininess": "0.5"}
        ET.SubElement(_found(root, "asset"), "material", {"name": name, **colours})
    _add_arm(world)
    _add_actuators(_found(root, "actuator"))
    _found(root, "option").set("timestep", _numbers(TIMESTEP_S))
    return ET.tostring(root, encoding="unicode")


def _add_arm(world: ET.Element) -> None:
    body = ET.SubElement(world, "body", name="base_link", childclass="arm", gravcomp="1")
    _add_shapes(body, "base_link")
    for index, row in enumerate(piper.DH_TABLE):
        body = _add_body(body, f"link{index + 1}", row.placement())
        limits = _numbers(piper.JOINT_LOWER_RAD[index], piper.JOINT_UPPER_RAD[index])
        name = piper.JOINT_NAMES[index]
        ET.SubElement(body, "joint", name=name, axis="0 0 1", range=limits)
        _add_shapes(body, f"link{index + 1}")
    hand = ET.SubElement(body, "body", name="gripper_base", gravcomp="1")
    _add_shapes(hand, "gripper_base")
    tip = _numbers(0.0, 0.0, piper.FLANGE_TO_TIP_M)
    ET.SubElement(hand, "site", name="tool0", pos=tip, size="0.002", rgba="0 0 0 0")
    stroke = _numbers(0.0, piper.GRIPPER_STROKE_M / 2)
    for joint, link, axis in (("joint7", "link7", "0 1 0"), ("joint8", "link8", "0 -1 0")):
        finger = ET.SubElement(hand, "body", name=link, pos=tip, gravcomp="1")
        slide = {"type": "slide", "axis": axis, "range": stroke, "armature": "0.1"}
        ET.SubElement(finger, "joint", {"name": joint, "damping": "2", **slide})
        _add_shapes(finger, link)


def _add_body(parent: ET.Element, name: str, placement: Vector) -> ET.Element:
    axes = _numbers(*placement[:3, 0], *placement[:3, 1])
    position = _numbers(*placement[:3, 3])
    return ET.SubElement(parent, "body", name=name, pos=position, xyaxes=axes, gravcomp="1")


def _add_shapes(body: ET.Element, link: str) -> None:
    common = {"class": "hand"} if link in _COLLIDING_LINKS else {}
    for shape in piper.LINK_SHAPES[link]:
        ET.SubElement(body, "geom", {**_geometry(shape), "material": shape.colour, **common})


def _geometry(shape: Rod | Box) -> dict[str, str]:
    if isinstance(shape, Box):
        half = _numbers(*(side / 2 for side in shape.size_m))
        return {"type": "box", "pos": _numbers(*shape.centre_m), "size": half}
    return {
        "type": "capsule" if shape.has_round_ends else "cylinder",
        "fromto": _numbers(*shape.start_m, *shape.end_m),
        "size": _numbers(shape.radius_m),
    }


def _add_rim(plate: ET.Element) -> None:
    """Add the slanted rim as a ring of flat boxes, each of them light."""
    half_width = PLATE_RADIUS_M * math.tan(math.pi / _RIM_PIECES) * 1.12
    for piece in range(_RIM_PIECES):
        angle = 2 * math.pi * piece / _RIM_PIECES
        x, y = PLATE_RADIUS_M * math.cos(angle), PLATE_RADIUS_M * math.sin(angle)
        outward = (math.cos(angle) * 0.8, math.sin(angle) * 0.8, 0.6)
        along = (-math.sin(angle), math.cos(angle), 0.0)
        geometry = {
            "type": "box",
            "size": _numbers(0.011, half_width, 0.0012),
            "pos": _numbers(x, y, _RIM_HEIGHT_M / 2),
            "xyaxes": _numbers(*outward, *along),
        }
        ET.SubElement(plate, "geom", {**geometry, "material": "steel", "mass": "0.004"})


def _add_actuators(actuators: ET.Element) -> None:
    for index, joint in enumerate(piper.JOINT_NAMES):
        limits = _numbers(piper.JOINT_LOWER_RAD[index], piper.JOINT_UPPER_RAD[index])
        servo = {"name": joint, "joint": joint, "ctrlrange": limits, **_JOINT_SERVO}
        ET.SubElement(actuators, "position", servo)
    for joint in FINGER_JOINTS:
        limits = _numbers(0.0, piper.GRIPPER_STROKE_M / 2)
        servo = {"name": joint, "joint": joint, "ctrlrange": limits, **_FINGER_SERVO}
        ET.SubElement(actuators, "position", servo)


def _set_camera(camera: ET.Element) -> None:
    """Aim the camera: MuJoCo cameras look along their -z, x to the right, y up."""
    back = [at - to for at, to in zip(CAMERA_POSITION_M, _CAMERA_LOOKS_AT_M, strict=True)]
    right = (-back[1], back[0], 0.0)  # world's z cross back
    up = (
        back[1] * right[2] - back[2] * right[1],
        back[2] * right[0] - back[0] * right[2],
        back[0] * right[1] - back[1] * right[0],
    )
    camera.set("pos", _numbers(*CAMERA_POSITION_M))
    camera.set("xyaxes", _numbers(*right, *up))
    camera.set("fovy", _numbers(math.degrees(CAMERA_FOVY_RAD)))  # always degrees


def _found(element: ET.Element, path: str) -> ET.Element:
    child = element.find(path)
    if child is None:
        raise AssertionError(f"the scene's own text has no {path}")
    return child


def _numbers(*values: float) -> str:
    return " ".join(f"{value:.12g}" for value in values)
