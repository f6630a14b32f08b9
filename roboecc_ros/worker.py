# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""One thread of a node, with an end and with somebody who hears of its errors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Worker:
    """Runs `work(stop)` on a daemon thread until it returns; it must when `stop` is set.

    Args:
        name: of the thread.
        work: called once, on the new thread.
        on_error: is handed what `work` raises before it was asked to stop, on the new thread.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[threading.Event], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._work = work
        self._on_error = on_error
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ask the thread to end and wait for it; return whether it did. Any other thread."""
        self._stop.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _log.warning("thread %s did not end within %.1f s", self._thread.name, timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work(self._stop)
        except Exception as error:  # noqa: BLE001  the guard of a thread: handed over whole
            if self._stop.is_set():  # who would hear of it is going away
                _log.warning("thread %s ended with %r", self._thread.name, error)
                return
            self._on_error(error)
