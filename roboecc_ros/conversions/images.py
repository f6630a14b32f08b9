# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Images and their calibration."""

from __future__ import annotations

import array
import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, Image

from roboecc_core.errors import ConfigError
from roboecc_ros.conversions.stamps import CAMERA_FRAME

RgbImage = npt.NDArray[np.uint8]

_ENCODINGS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}  # bytes a pixel


@functools.cache
def _bridge() -> Any:
    from cv_bridge import CvBridge  # noqa: PLC0415  loads OpenCV

    return CvBridge()


def image_from_msg(message: Image) -> RgbImage:
    """Return the pixels as RGB `(height, width, 3)`.

    Raises:
        ConfigError: the encoding is not one of the 8-bit ones, or the data does not fit the size.
    """
    if message.encoding not in _ENCODINGS:
        raise ConfigError(
            f"image has encoding {message.encoding!r}; expected one of {', '.join(_ENCODINGS)}"
        )
    row_bytes = message.width * _ENCODINGS[message.encoding]
    if (
        not row_bytes
        or message.step != row_bytes
        or len(message.data) != row_bytes * message.height
    ):
        raise ConfigError(
            f"image of {message.width}x{message.height} {message.encoding} has rows of "
            f"{message.step} bytes and {len(message.data)} in all; expected rows of {row_bytes}"
        )
    pixels: RgbImage = _bridge().imgmsg_to_cv2(message, "rgb8")
    return pixels


def image_to_msg(pixels: RgbImage, stamp: Any, frame_id: str = CAMERA_FRAME) -> Image:
    """Return an rgb8 message of `(height, width, 3)` RGB."""
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, step=3 * width, encoding="rgb8")
    message.data = array.array("B", pixels.tobytes())  # cv_bridge calls a deprecated tostring()
    message.header.stamp, message.header.frame_id = stamp, frame_id
    return message


def camera_info_to_msg(
    size_px: tuple[int, int], matrix: npt.NDArray[np.float64] | None, stamp: Any
) -> CameraInfo:
    """Return the calibration of a camera without distortion.

    Args:
        size_px: width, height.
        matrix: intrinsic `(3, 3)` in pixels; None for an uncalibrated one (K all zero).
        stamp: the image's.
    """
    width, height = size_px
    message = CameraInfo(width=width, height=height)
    message.header.stamp, message.header.frame_id = stamp, CAMERA_FRAME
    if matrix is not None:
        message.distortion_model, message.d = "plumb_bob", [0.0] * 5
        message.k = matrix.flatten().tolist()
        message.r = np.eye(3).flatten().tolist()
        message.p = np.hstack([matrix, np.zeros((3, 1))]).flatten().tolist()
    return message
