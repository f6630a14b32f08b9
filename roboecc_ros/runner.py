# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A node as a process: start, spin, stop cleanly, and an exit code that means something.

0: stopped by SIGINT or SIGTERM. 1: a ConfigError, told in exactly one line. 2: a defect, with its
traceback. Nodes never call sys.exit; a worker thread that cannot go on calls `node.fail`.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from roboecc_core.errors import ConfigError
from roboecc_ros.lifecycle import one_line
from roboecc_ros.supervisor import SUPERVISOR_VARIABLE

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_JOIN_TIMEOUT_S = 5.0
_PR_SET_PDEATHSIG = 1  # prctl(2)
_log = logging.getLogger(__name__)


class _Ending:
    """Where the main thread waits for the reason to end; any thread, or a signal, gives it.

    The kernel may run a signal's handler on any thread, and Python's part of it runs on the
    main thread only when that is awake: hence the wake-up descriptor.
    """

    def __init__(self) -> None:
        self._outcomes: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._reader, self._writer = socket.socketpair()
        self._writer.settimeout(0.0)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self.put(None))

    def put(self, outcome: Exception | None) -> None:
        """End with this error, or with None because that is wanted."""
        self._outcomes.put(outcome)  # reentrant: a signal may interrupt another put
        with contextlib.suppress(BlockingIOError):  # then there is enough to wake up from
            self._writer.send(b"\0")

    def get(self) -> Exception | None:
        """Wait for the first outcome. Main thread only."""
        while self._outcomes.empty():
            self._reader.recv(1)
        return self._outcomes.get()

    def close(self) -> None:
        """Ignore signals from now on: a second Ctrl-C must not spoil the exit code."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._reader.close()
        self._writer.close()


class _RosoutHandler(logging.Handler):
    """Hands Python's log records to a node's logger."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # Apart, because rclpy pins the severity of each calling line.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


def run_node(make_node: Callable[[], Any], arguments: Sequence[str] | None = None) -> int:
    """Run a node until a signal or a fatal error; return the process's exit code.

    Besides an rclpy node's own, it needs `on_fatal` (set here; any thread may call it with an
    error), `start()` (the executor runs), `prepare_stop()` (it still runs) and `close()` (it has
    stopped).
    """
    _die_with_supervisor()
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    ending = _Ending()
    try:
        node = make_node()
    except ConfigError as error:
        sys.stderr.write(f"{one_line(error)}\n")
        rclpy.try_shutdown()
        return 1
    except Exception:  # noqa: BLE001  logged whole
        logging.basicConfig()
        _log.exception("the node cannot be made")
        rclpy.try_shutdown()
        return 2
    node.on_fatal = ending.put
    forward_logging(node)
    try:
        return _exit_code(_spin(node, ending), node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
        ending.close()


def forward_logging(node: Any) -> None:
    """Send the core's log records of INFO and above to rosout."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _RosoutHandler)]:
        root.removeHandler(handler)
    root.addHandler(_RosoutHandler(node.get_logger()))
    for package in ("roboecc_core", "roboecc_edge", "roboecc_ros", "roboecc_cloud_bridge"):
        logging.getLogger(package).setLevel(logging.INFO)


def _spin(node: Any, ending: _Ending) -> Exception | None:
    """Serve the node on a thread of its own, so that this one hears signals at once."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            ending.put(None)
        except Exception as error:  # noqa: BLE001  logged whole
            _log.exception("a callback failed")
            ending.put(error)

    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    node.start()
    outcome = ending.get()
    node.prepare_stop()
    executor.shutdown(timeout_sec=_JOIN_TIMEOUT_S)
    thread.join(_JOIN_TIMEOUT_S)
    node.close()
    return outcome


def _exit_code(outcome: Exception | None, node: Any) -> int:
    if outcome is None:
        return 0
    if isinstance(outcome, ConfigError):
        node.get_logger().fatal(one_line(outcome))
        return 1
    _log.error("ended by %s", type(outcome).__name__, exc_info=outcome)
    return 2


def _die_with_supervisor() -> None:
    """Ask the kernel for a SIGTERM when the supervisor that started this process is gone."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(supervisor):  # it was gone before
        raise SystemExit(1)
