# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Images from a video file or a V4L2 device; any other camera's driver replaces this node."""

from __future__ import annotations

import dataclasses
import math
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2

from roboecc_core.errors import ConfigError
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node
from roboecc_ros.worker import Worker

_RETRY_S = 1.0
_SILENT_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    source: str = described("/dev/video0", "video file, device, or a device's number")
    image_rate_hz: float = described(20.0, "images a second at most", bounds=(0.1, 120.0))
    is_looped: bool = described(
        default=True, description="begin a video file again at its end", name="loop"
    )


class CameraNode(ManagedNode):
    """One thread owns the capture, because reading an image may block."""

    def __init__(self) -> None:
        super().__init__("camera")
        self._capture: Any = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Open the source, so that a wrong one is refused."""
        self._settings = parameters.declare(self, Parameters)
        self._capture = _opened(self._settings.source)
        self._images = self.add_publisher(qos.IMAGE)
        self._infos = self.add_publisher(qos.CAMERA_INFO)

    def activate(self) -> None:
        """Begin to read."""
        self._worker = Worker("camera", self._run, self.fail)

    def deactivate(self) -> None:
        """Stop reading."""
        if self._worker:
            self._worker.stop()
        self._worker = None

    def cleanup(self) -> None:
        """Close the source."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _run(self, stop: threading.Event) -> None:
        period_s = 1.0 / self._settings.image_rate_hz
        due_s = image_s = time.monotonic()
        while not stop.is_set():
            pixels = self._read()
            now_s = time.monotonic()
            if pixels is None:
                if now_s - image_s > _SILENT_S:
                    words = f"{self._settings.source} gives no images; trying again"
                    self.diagnostics.report(Level.ERROR, words, about="camera")
                stop.wait(_RETRY_S)
                self._reopen()
                due_s = time.monotonic()
                continue
            image_s = now_s
            self._publish(pixels)
            self.diagnostics.report(Level.OK, "running", about="camera")
            due_s = max(due_s + period_s, now_s)
            stop.wait(due_s - now_s)

    def _read(self) -> Any:
        """Return the next image as RGB, None when there is none now."""
        is_read, pixels = self._capture.read()
        if not is_read and self._settings.is_looped and Path(self._settings.source).is_file():
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            is_read, pixels = self._capture.read()
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if is_read else None

    def _reopen(self) -> None:
        is_ended_file = Path(self._settings.source).is_file() and not self._settings.is_looped
        if is_ended_file:
            return
        self._capture.release()
        try:
            self._capture = _opened(self._settings.source)
        except ConfigError as error:
            self.get_logger().debug(str(error))

    def _publish(self, pixels: Any) -> None:
        stamp = self.get_clock().now().to_msg()
        height, width = pixels.shape[:2]
        self._images.publish(conversions.image_to_msg(pixels, stamp))
        self._infos.publish(conversions.camera_info_to_msg((width, height), None, stamp))


def _opened(source: str) -> Any:
    """Return an open capture. Raises ConfigError when there is nothing to open."""
    place = f"/dev/video{source}" if source.isdecimal() else source
    if not Path(place).exists():
        raise ConfigError(f"camera source {place!r} does not exist; expected a file or a device")
    capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    if not capture.isOpened() or not math.isfinite(capture.get(cv2.CAP_PROP_FRAME_WIDTH)):
        capture.release()
        raise ConfigError(
            f"camera source {place!r} cannot be opened; expected a video that OpenCV reads, or a "
            "V4L2 device that nobody else uses"
        )
    return capture


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(CameraNode)


if __name__ == "__main__":
    sys.exit(main())
