# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""zenoh between real processes over loopback TCP: death, return, stalls, bad input."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from roboecc_core.data_plane.transport.zenoh import ZenohServer, ZenohTransport
from roboecc_core.errors import ConfigError, StepTimeoutError, TransportError

MARGIN_S = 0.05  # how late after its deadline an exchange may end
CLOUD = textwrap.dedent(
    """
    import sys, threading
    from roboecc_core.data_plane.transport.zenoh import ZenohServer

    def handle(robot, request, reply):
        if bytes(request[:6]) != b"silent":
            reply(bytes(request[:100]))
        else:
            kept.append(reply)  # neither answered nor dropped

    kept = []
    server = ZenohServer(sys.argv[1], ["piper"])
    server.serve(handle)
    print("up", flush=True)
    threading.Event().wait()
    """
)


@pytest.fixture
def endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp/127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def start_cloud(endpoint):
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", CLOUD, endpoint], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def transport(endpoint):
    link = ZenohTransport(endpoint, "piper", connect_timeout_s=0.0)
    yield link
    link.close()


def wait_until_reachable(link, limit_s):
    started_s = time.monotonic()
    while not link.is_reachable and time.monotonic() - started_s < limit_s:
        time.sleep(0.005)  # nothing to wait on from outside; bounded by limit_s
    assert link.is_reachable
    return time.monotonic() - started_s


def test_exchange_returns_the_answer_to_its_own_request(start_cloud, transport):
    start_cloud()
    wait_until_reachable(transport, 1.0)
    for size_bytes in (1, 64, 150_000, 2_330_000):
        request = bytes([size_bytes % 251]) * size_bytes
        assert transport.exchange(request, timeout_s=5.0) == request[:100]


def test_construction_succeeds_and_exchange_fails_at_once_when_cloud_is_absent(endpoint):
    started_s = time.monotonic()
    link = ZenohTransport(endpoint, "piper", connect_timeout_s=0.1)
    assert time.monotonic() - started_s < 0.1 + MARGIN_S
    started_s = time.monotonic()
    with pytest.raises(TransportError, match=r"no cloud at .* serves robot 'piper'"):
        link.exchange(b"x", timeout_s=5.0)
    assert time.monotonic() - started_s < MARGIN_S
    link.notify(b"x")
    link.close()


def test_construction_succeeds_when_the_host_name_cannot_be_resolved():
    link = ZenohTransport("tcp/no-such-host.invalid:7447", "piper", connect_timeout_s=0.1)
    with pytest.raises(TransportError):
        link.exchange(b"x", timeout_s=1.0)
    link.close()


def test_link_comes_up_within_a_second_when_cloud_starts_late(start_cloud, transport):
    start_cloud()
    assert wait_until_reachable(transport, 1.0) < 1.0
    assert transport.exchange(b"hello", timeout_s=1.0) == b"hello"


def test_link_survives_kill_of_the_cloud_in_mid_exchange(start_cloud, transport):
    cloud = start_cloud()
    wait_until_reachable(transport, 1.0)
    killer = threading.Timer(0.2, cloud.kill)
    killer.start()
    started_s = time.monotonic()
    with pytest.raises(TransportError):
        transport.exchange(b"silent", timeout_s=2.0)
    assert time.monotonic() - started_s < 2.0 + MARGIN_S
    killer.join()
    cloud.wait()
    start_cloud()
    wait_until_reachable(transport, 1.0)
    assert transport.exchange(b"again", timeout_s=1.0) == b"again"


def test_exchange_times_out_on_time_when_the_cloud_is_silent(start_cloud, transport):
    start_cloud()
    wait_until_reachable(transport, 1.0)
    started_s = time.monotonic()
    with pytest.raises(StepTimeoutError, match=r"within 0\.100 s"):
        transport.exchange(b"silent", timeout_s=0.1)
    assert time.monotonic() - started_s < 0.1 + MARGIN_S
    assert transport.exchange(b"next", timeout_s=1.0) == b"next"


def test_nothing_blocks_past_its_deadline_when_the_link_stalls(start_cloud, transport):
    cloud = start_cloud()
    wait_until_reachable(transport, 1.0)
    cloud.send_signal(signal.SIGSTOP)  # the kernel still accepts bytes, until it is full
    for _ in range(4):
        started_s = time.monotonic()
        with pytest.raises(TransportError):
            transport.exchange(bytes(4_000_000), timeout_s=0.1)
        transport.notify(b"cancel")
        assert time.monotonic() - started_s < 0.1 + MARGIN_S
    cloud.send_signal(signal.SIGCONT)
    deadline_s = time.monotonic() + 5.0
    while time.monotonic() < deadline_s:
        try:
            assert transport.exchange(b"back", timeout_s=0.5) == b"back"
            break
        except TransportError:
            time.sleep(0.05)
    else:
        pytest.fail("the link did not recover from a stall")


def test_exchange_hears_at_once_that_a_request_was_dropped(endpoint, transport):
    server = ZenohServer(endpoint, ["piper"])
    server.serve(lambda _robot, _request, _reply: None)
    wait_until_reachable(transport, 1.0)
    started_s = time.monotonic()
    with pytest.raises(TransportError, match="dropped a request"):
        transport.exchange(b"x", timeout_s=5.0)
    assert time.monotonic() - started_s < 1.0
    server.close()


def test_a_defect_in_the_handler_is_logged_and_told(endpoint, transport, caplog):
    def break_down(_robot, _request, _reply):
        raise ZeroDivisionError

    server = ZenohServer(endpoint, ["piper"])
    server.serve(break_down)
    wait_until_reachable(transport, 1.0)
    started_s = time.monotonic()
    with pytest.raises(TransportError, match="dropped a request"):
        transport.exchange(b"x", timeout_s=5.0)
    assert time.monotonic() - started_s < 1.0
    assert "ZeroDivisionError" in caplog.text
    server.close()


def test_server_tells_robots_apart_and_knows_only_the_listed_ones(endpoint):
    seen = []

    def handle(robot, request, reply):
        seen.append((robot, bytes(request)))
        reply(robot.encode())

    server = ZenohServer(endpoint, ["one", "two"])
    server.serve(handle)
    links = {name: ZenohTransport(endpoint, name) for name in ("one", "two")}
    for name, link in links.items():
        assert link.exchange(b"who", timeout_s=1.0) == name.encode()
    stranger = ZenohTransport(endpoint, "three", connect_timeout_s=0.1)
    with pytest.raises(TransportError, match="three"):
        stranger.exchange(b"who", timeout_s=1.0)
    assert seen == [("one", b"who"), ("two", b"who")]
    for link in (*links.values(), stranger):
        link.close()
        link.close()
    server.close()
    server.close()


def test_notify_reaches_the_server_without_an_answer(endpoint):
    arrived = threading.Event()
    server = ZenohServer(endpoint, ["piper"])
    server.serve(lambda _robot, request, _reply: arrived.set() if request == b"stop" else None)
    link = ZenohTransport(endpoint, "piper", is_urgent=True)
    link.notify(b"stop")
    assert arrived.wait(1.0)
    link.close()
    with pytest.raises(TransportError, match="closed"):
        link.exchange(b"x", timeout_s=1.0)
    link.notify(b"x")
    server.close()


def test_serve_says_what_to_do_when_the_port_is_in_use(endpoint, start_cloud):
    start_cloud()
    with pytest.raises(ConfigError) as caught:
        ZenohServer(endpoint, ["piper"]).serve(lambda *_: None)
    message = str(caught.value)
    assert "\n" not in message
    assert endpoint in message
    assert "Address already in use" in message
    assert "/root/" not in message
    assert "choose another" in message


@pytest.mark.parametrize(
    "endpoint",
    ["", "7447", "tcp/host", "tcp/host:0", "tcp/host:65536", "udp/host:7447", "tcp/a b:1",
     "tcp/host:7447;x=1", "tcp/host:7447#iface=eth0", "tcp//host:7447"],
)  # fmt: skip
def test_bad_endpoints_are_refused_before_anything_is_opened(endpoint):
    with pytest.raises(ConfigError, match="tcp/HOST:PORT"):
        ZenohTransport(endpoint, "piper")
    with pytest.raises(ConfigError, match="tcp/HOST:PORT"):
        ZenohServer(endpoint, ["piper"])


@pytest.mark.parametrize("robots", [[], ["a", "a"], ["a/b"], ["*"], [""], ["$x"]])
def test_bad_robot_names_are_refused(endpoint, robots):
    with pytest.raises(ConfigError, match="robot"):
        ZenohServer(endpoint, robots)


def test_process_ends_at_once_when_nobody_closes_the_link(start_cloud, endpoint):
    start_cloud()
    program = (
        "from roboecc_core.data_plane.transport.zenoh import ZenohTransport\n"
        f"link = ZenohTransport({endpoint!r}, 'piper')\n"
        "assert link.exchange(b'x', timeout_s=1.0) == b'x'\n"
        "link.notify(b'silent')\n"
    )
    started_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], timeout=10, check=True, capture_output=True, text=True
    )
    assert time.monotonic() - started_s < 3.0
    assert done.stderr == ""
