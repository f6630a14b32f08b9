# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The cloud's part of the split model as a managed node."""

from __future__ import annotations

import dataclasses
import sys
import threading

from roboecc_cloud_bridge.early_server import EarlyServer
from roboecc_core.backends.catalog import OpenedModel, use_threads
from roboecc_core.data_plane.cloud_server import CloudServer
from roboecc_core.data_plane.transport.zenoh import ZenohServer
from roboecc_core.data_plane.transport.zenoh_config import checked_endpoint
from roboecc_ros import parameters
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node
from roboecc_ros.segment_loader import SegmentLoader, open_named
from roboecc_ros.worker import Worker


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    listen: str = described("tcp/0.0.0.0:7447", "where robots connect to, tcp/HOST:PORT")
    robots: str = described("robot", "names of the robots that may connect, comma-separated")
    model: str = described("nano", "nano, or a checkpoint folder in OpenVLA's layout")
    seed: int = described(0, "of a built-in model's weights", bounds=(0, 2**31 - 1))
    layers: str = described("all", "layers held here: all, or START:STOP,...")
    device: str = described("auto", "auto (CUDA if there is one), cpu, cuda, cuda:1, ...")
    threads: int = described(0, "CPU threads of the model; 0: torch's choice", bounds=(0, 256))


class CloudBridgeNode(ManagedNode):
    """Listens from activation on; serves as soon as the weights are loaded."""

    def __init__(self) -> None:
        super().__init__("cloud_bridge")
        self._opened: OpenedModel | None = None
        self._loader: SegmentLoader | None = None
        self._server: EarlyServer | None = None
        self._cloud: CloudServer | None = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Open the model, begin to load its weights."""
        self._settings = p = parameters.declare(self, Parameters)
        robots = [name.strip() for name in p.robots.split(",")]
        checked_endpoint(p.listen)
        use_threads(p.threads)
        self._opened = open_named(p.model, seed=p.seed, device=p.device)
        self._server = EarlyServer(ZenohServer(p.listen, robots))
        self._loader = SegmentLoader(self, self._opened, p.layers)

    def activate(self) -> None:
        """Listen."""
        if self._server:
            self._server.open()
        self.diagnostics.report(Level.WARN, "waiting for the model", about="server")
        self._worker = Worker("serving", self._serve, self.fail)

    def deactivate(self) -> None:
        """Stop listening."""
        if self._worker:
            self._worker.stop()
        if self._cloud:
            self._cloud.close()
        elif self._server:
            self._server.close()
        self._worker = self._cloud = None

    def cleanup(self) -> None:
        """Forget the model."""
        if self._loader:
            self._loader.stop()
        self._opened = self._loader = self._server = None

    def _serve(self, stop: threading.Event) -> None:
        """Runs on a thread of its own, which ends when the server's threads have begun."""
        opened, server = self._opened, self._server
        segment = self._loader.wait(stop) if self._loader else None
        if segment is None or opened is None or server is None or stop.is_set():
            return
        self._cloud = CloudServer(segment, server, model_id=opened.model_id)
        self._cloud.start()
        words = f"serving {self._settings.robots} on {self._settings.listen}"
        self.diagnostics.report(Level.OK, words, about="server")


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(CloudBridgeNode)


if __name__ == "__main__":
    sys.exit(main())
