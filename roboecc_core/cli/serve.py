# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc serve`: the cloud without ROS."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from roboecc_core.cli.output import JsonFlag, console, print_json, progress_console
from roboecc_core.planning.selection import parse_layers
from roboecc_core.planning.structure import layer_ranges

if TYPE_CHECKING:
    from roboecc_core.backends.catalog import OpenedModel
    from roboecc_core.data_plane.segment import Segment


def serve(
    model: Annotated[str, typer.Option(help="Built-in model or checkpoint folder.")] = "nano",
    seed: Annotated[int, typer.Option(help="Seed of a built-in model's weights.")] = 0,
    listen: Annotated[
        str, typer.Option(help="zenoh endpoint to listen on; a robot connects to it.")
    ] = "tcp/127.0.0.1:7447",
    robots: Annotated[
        str, typer.Option(help="Names of the robots that may connect, comma-separated.")
    ] = "robot",
    layers: Annotated[str, typer.Option(help="Layers to hold: all, or START:STOP,...")] = "all",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda[:N].")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    unnorm_key: Annotated[
        str, typer.Option(help="Whose action statistics to use, where there are several.")
    ] = "",
    threads: Annotated[int, typer.Option(min=0, help="torch threads; 0 = torch's own.")] = 0,
    *,
    as_json: JsonFlag = False,
) -> None:
    """Hold a model's layers and serve any span inside them until Ctrl-C. Needs no ROS.

    Listens on this machine only unless told otherwise; the link is not encrypted yet.

    Example: `roboecc serve`

    For two robots:
    `roboecc serve --model ~/openvla-7b --listen tcp/0.0.0.0:7447 --robots arm1,arm2`
    """
    from roboecc_core.backends.catalog import open_model, use_threads
    from roboecc_core.data_plane.cloud_server import CloudServer
    from roboecc_core.data_plane.transport.zenoh import ZenohServer

    use_threads(threads)
    opened = open_model(model, seed=seed, device=device, dtype=dtype, unnorm_key=unnorm_key)
    transport = ZenohServer(listen, [name.strip() for name in robots.split(",")])
    segment = _load(opened, layers)
    server = CloudServer(segment, transport, model_id=opened.model_id)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    ready = {
        "listen": listen,
        "model": segment.chain.model,
        "model_id": opened.manifest.model_id,
        "layers": layer_ranges(segment.resident),
        "device": str(opened.device),
        "gib": segment.resident_bytes / 2**30,
    }
    if as_json:
        print_json(ready)
    else:
        console.print(
            f"serving {ready['model']} {opened.manifest.model_id[:8]}… layers {ready['layers']} "
            f"({ready['gib']:.3f} GiB on {ready['device']}) at {listen}; Ctrl-C ends"
        )
    stop.wait()
    server.close()


def _load(opened: OpenedModel, layers: str) -> Segment:
    wanted = parse_layers(layers, opened.model.chain)
    with Progress(console=progress_console, transient=True) as bar:
        task = bar.add_task("loading layers", total=len(wanted))
        return opened.load(wanted, lambda done, _total: bar.update(task, completed=done))
