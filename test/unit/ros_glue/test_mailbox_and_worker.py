# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import queue
import threading

import pytest

from roboecc_ros.mailbox import Mailbox
from roboecc_ros.worker import Worker

TIMEOUT_S = 5.0


def test_mailbox_keeps_the_newest_and_counts_the_others():
    box = Mailbox()
    for item in (1, 2, 3):
        box.put(item)
    assert box.take(timeout_s=0.0) == 3
    assert box.num_dropped == 2
    assert box.take(timeout_s=0.0) is None


def test_mailbox_wakes_the_taker():
    box, taken = Mailbox(), queue.SimpleQueue()
    taker = threading.Thread(target=lambda: taken.put(box.take(timeout_s=TIMEOUT_S)))
    taker.start()
    box.put("image")
    assert taken.get(timeout=TIMEOUT_S) == "image"
    taker.join(TIMEOUT_S)


def test_mailbox_clear_forgets_item_and_count():
    box = Mailbox()
    box.put(1)
    box.put(2)
    box.clear()
    assert (box.take(timeout_s=0.0), box.num_dropped) == (None, 0)


def test_worker_ends_when_it_is_asked_to():
    worker = Worker("patient", lambda stop: stop.wait(), pytest.fail)
    assert worker.stop(TIMEOUT_S)


def test_worker_hands_its_error_over():
    errors = queue.SimpleQueue()

    def work(_stop):
        raise ValueError("broken")

    worker = Worker("broken", work, errors.put)
    assert str(errors.get(timeout=TIMEOUT_S)) == "broken"
    assert worker.stop(TIMEOUT_S)


def test_worker_says_when_it_does_not_end(caplog):
    release = threading.Event()
    worker = Worker("deaf", lambda _stop: release.wait(), pytest.fail)
    assert not worker.stop(0.01)
    assert "deaf" in caplog.text
    release.set()
    assert worker.stop(TIMEOUT_S)
