# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`roboecc fake-piper`: a PIPER for everyone without one."""

from __future__ import annotations

import signal
import threading
import time
from typing import Annotated, Literal

import typer

from roboecc_core.cli.output import JsonFlag, console, print_json
from roboecc_core.errors import ConfigError

DEFAULT_PORT = 29536


def fake_piper(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")
    ] = DEFAULT_PORT,
    pose: Annotated[
        Literal["rest", "ready"], typer.Option(help="Where the arm stands at power-on.")
    ] = "rest",
    firmware: Annotated[str, typer.Option(help="What it says it runs.")] = "S-V1.8-2",
    feedback_hz: Annotated[
        int,
        typer.Option(min=50, max=200, help="Joint feedback; fewer spare a slow machine's reader."),
    ] = 200,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="NAME@SECONDS: begin a fault so long after the start; repeatable."),
    ] = None,
    tell: Annotated[
        str, typer.Option(help="Say this to a running fake arm and end: state, fault NAME, mark.")
    ] = "",
    *,
    as_json: JsonFlag = False,
) -> None:
    """Answer a PIPER's CAN frames over slcan on a TCP socket until Ctrl-C. Needs no arm.

    Any program that uses piper_sdk connects to it with bus type `slcan` and the channel that
    is printed. Faults: none, silence, bus_off, power_loss, teach, enable_timeout,
    stuck_drive=J, status=NAME, error=JOINT, driver=J:BIT, unplug.

    Example: `roboecc fake-piper`

    In another terminal: `roboecc fake-piper --tell "fault silence"`
    """
    from roboecc_core.arm import piper
    from roboecc_core.arm.fake_adapter import FakeAdapter
    from roboecc_core.arm.fake_adapter import tell as tell_fake
    from roboecc_core.arm.fake_piper import FakePiper
    from roboecc_core.arm.piper_codes import Firmware

    if tell:
        print_json(tell_fake(host, port, tell))
        return
    if Firmware.parsed(firmware) is None:
        raise ConfigError(f"firmware is {firmware!r}; expected a version such as S-V1.8-2")
    schedule = sorted(_scheduled(text) for text in fault or [])
    joints = piper.READY_JOINTS_RAD if pose == "ready" else piper.REST_JOINTS_RAD
    arm = FakePiper(joints, firmware=firmware)
    for _, name in schedule:
        FakePiper().inject(name)  # refuse a wrong name now, not in the middle of a run
    adapter = FakeAdapter(arm, host=host, port=port, clock=time.monotonic, feedback_hz=feedback_hz)
    ready = {
        "bustype": "slcan",
        "channel": f"socket://{host}:{adapter.port}",
        "port": adapter.port,
        "pose": pose,
        "firmware": firmware,
    }
    if as_json:
        print_json(ready)
    else:
        console.print(f"fake PIPER at {ready['channel']} (bus type slcan); Ctrl-C ends")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    started_s = time.monotonic()

    def should_stop() -> bool:
        while schedule and time.monotonic() - started_s >= schedule[0][0]:
            arm.inject(schedule.pop(0)[1])
        return stop.is_set()

    adapter.run(should_stop)
    adapter.close()


def _scheduled(text: str) -> tuple[float, str]:
    name, _, seconds = text.partition("@")
    try:
        return float(seconds or 0.0), name
    except ValueError:
        raise ConfigError(f"fault {text!r}: expected NAME@SECONDS, e.g. silence@2.5") from None
