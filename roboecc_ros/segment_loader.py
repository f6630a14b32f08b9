# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Opens a model in the foreground, which is quick, and loads its weights in the background."""

from __future__ import annotations

import threading
from pathlib import Path

from roboecc_core.backends.catalog import OpenedModel, open_model
from roboecc_core.backends.checkpoint import MANIFEST_NAME
from roboecc_core.data_plane.segment import Segment
from roboecc_core.errors import CheckpointError
from roboecc_core.planning.nano import NANO
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.model_structure import parse_layers
from roboecc_ros.worker import Worker

_ABOUT = "model"


class _StoppedError(Exception):
    """The node is cleaned up while it still loads."""


def open_named(name: str, *, seed: int, device: str, unnorm_key: str = "") -> OpenedModel:
    """Open a model for a node's configuration: never reads all weights.

    Raises:
        ConfigError, CheckpointError: as `open_model`; also when there is no manifest, because
            making one reads every weight.
    """
    if name != NANO:
        manifest = Path(name).expanduser() / MANIFEST_NAME
        if manifest.parent.is_dir() and not manifest.exists():
            raise CheckpointError(
                f"{str(manifest)!r} does not exist; write it once with 'roboecc models digest "
                f"{name}'"
            )
    return open_model(name, seed=seed, device=device, unnorm_key=unnorm_key)


class SegmentLoader:
    """Loads some layers on a thread and tells /diagnostics how far it is.

    A damaged weight ends the process, in one line.

    Raises:
        ConfigError: `layers` names none of the model.
    """

    def __init__(self, node: ManagedNode, opened: OpenedModel, layers: str) -> None:
        self.segment: Segment | None = None
        self._node = node
        self._opened = opened
        self._indices = parse_layers(layers, opened.model.chain)
        self._is_done = threading.Event()
        self._stop = threading.Event()
        node.diagnostics.report(Level.WARN, "loading weights", about=_ABOUT)
        self._worker = Worker("loading", self._load, node.fail)

    def wait(self, stop: threading.Event) -> Segment | None:
        """Return the segment when it is loaded; None when `stop` is set before. Any thread."""
        while not self._is_done.wait(0.05):
            if stop.is_set():
                return None
        return self.segment

    def stop(self) -> None:
        """Give up loading."""
        self._stop.set()
        self._worker.stop()

    def _load(self, _stop: threading.Event) -> None:
        try:
            segment = self._opened.load(self._indices, self._progress)
        except _StoppedError:
            return
        self.segment = segment
        self._node.diagnostics.report(
            Level.OK,
            f"{len(self._indices)} layers loaded",
            about=_ABOUT,
            model_id=self._opened.manifest.model_id,
            gib=f"{segment.resident_bytes / 2**30:.3f}",
            device=self._opened.device,
        )
        self._is_done.set()

    def _progress(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _StoppedError
        percent = f"{100 * done / total:.0f}"
        diagnostics = self._node.diagnostics
        diagnostics.report(Level.WARN, "loading weights", about=_ABOUT, percent=percent)
