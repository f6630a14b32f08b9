# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from roboecc_ros.supervisor import Patience, ProcessSpec, Supervisor, last_line

QUICK = Patience(interrupt_s=5.0, terminate_s=0.3, kill_s=5.0)
DEADLINE_S = 10.0
# Writes when it is ready and, on SIGINT, when it ends; then the test knows the order.
POLITE = """
import signal, sys, time
log = open(sys.argv[1], "a", buffering=1)
def end(*_):
    log.write(f"end {sys.argv[2]}\\n")
    sys.exit(0)
signal.signal(signal.SIGINT, end)
log.write(f"ready {sys.argv[2]}\\n")
print("hello from", sys.argv[2], flush=True)
while True:
    time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def wait_for(claim, what):
    deadline_s = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < deadline_s, f"not in time: {what}"
        time.sleep(0.01)


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def polite(name, journal, **changes):
    return ProcessSpec(name, (sys.executable, "-c", POLITE, str(journal), name), **changes)


def program(name, code, **changes):
    return ProcessSpec(name, (sys.executable, "-c", code), **changes)


def test_processes_end_in_reverse_order_and_the_last_one_before_all_others(tmp_path):
    journal = tmp_path / "journal"
    journal.touch()
    specs = [polite("first", journal, order=0), polite("manager", journal, order=100)]
    with Supervisor(specs, tmp_path, print, QUICK) as supervisor:
        wait_for(lambda: journal.read_text().count("ready") == 2, "both are ready")
        pids = [supervisor.pid(spec.name) for spec in specs]
    assert [line for line in journal.read_text().splitlines() if "end" in line] == [
        "end manager",
        "end first",
    ]
    assert supervisor.exit_codes == {"first": 0, "manager": 0}
    assert not any(map(is_alive, pids))


def test_a_process_that_ignores_signals_is_killed(tmp_path):
    patience = Patience(interrupt_s=0.2, terminate_s=0.2, kill_s=5.0)
    with Supervisor([program("deaf", STUBBORN)], tmp_path, print, patience) as supervisor:
        wait_for(lambda: last_line(tmp_path / "deaf.log") == "ready", "it ignores signals")
        pid = supervisor.pid("deaf")
    assert supervisor.exit_codes == {"deaf": -signal.SIGKILL}
    assert not is_alive(pid)


def test_children_of_a_process_are_ended_with_it(tmp_path):
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with Supervisor([program("parent", code)], tmp_path, print, QUICK):
        wait_for(lambda: last_line(tmp_path / "parent.log").isdecimal(), "the child is there")
        child = int(last_line(tmp_path / "parent.log"))
    wait_for(lambda: not is_alive(child), "the child is gone")


def test_the_end_of_an_essential_process_ends_the_watch_with_its_last_words(tmp_path):
    said = []
    code = "import sys; sys.stderr.write('no such model\\n'); sys.exit(1)"
    with Supervisor([program("edge", code)], tmp_path, said.append, QUICK) as supervisor:
        assert supervisor.watch(lambda: False) is False
    assert said == ["edge ended with exit code 1: no such model"]


def test_the_end_of_another_process_is_told_once_and_the_watch_goes_on(tmp_path):
    said = []
    killed = "import os; os.kill(os.getpid(), 9)"
    specs = [program("cloud", killed, is_essential=False)]
    deadline_s = time.monotonic() + 1.0
    with Supervisor(specs, tmp_path, said.append, QUICK) as supervisor:
        assert supervisor.watch(lambda: time.monotonic() > deadline_s) is True
    assert said == ["cloud ended with signal SIGKILL"]


def test_output_of_an_echoed_process_is_shown_line_by_line(tmp_path):
    said = []
    specs = [program("manager", "print('one'); print('two')", is_echoed=True)]
    with Supervisor(specs, tmp_path, said.append, QUICK) as supervisor:
        supervisor.watch(lambda: False)
    assert said[:2] == ["one", "two"]


def test_a_program_that_is_not_there_leaves_nothing_running(tmp_path):
    journal = tmp_path / "journal"
    missing = ProcessSpec("none", ("/no/such/program",), order=1)
    supervisor = Supervisor([polite("first", journal), missing], tmp_path, print, QUICK)
    with pytest.raises(FileNotFoundError), supervisor:
        pass
    assert not is_alive(supervisor.pid("first"))


def test_environment_reaches_the_process_with_the_supervisors_id(tmp_path):
    code = "import os; print(os.environ['COLOUR'], os.environ['ROBOECC_SUPERVISOR_PID'])"
    specs = [program("one", code, environment={"COLOUR": "blue"})]
    with Supervisor(specs, tmp_path, lambda _line: None, QUICK) as supervisor:
        supervisor.watch(lambda: False)
    assert last_line(tmp_path / "one.log") == f"blue {os.getpid()}"


def test_last_line_skips_empty_ones_and_survives_bytes_that_are_no_text(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe words\n\n \n")
    assert last_line(log).endswith("words")
    log.write_bytes(b"")
    assert last_line(log) == ""


def test_each_process_has_a_session_of_its_own(tmp_path):
    journal = tmp_path / "journal"
    journal.touch()
    with Supervisor([polite("one", journal)], tmp_path, print, QUICK) as supervisor:
        wait_for(lambda: "ready" in journal.read_text(), "it is ready")
        assert os.getsid(supervisor.pid("one")) == supervisor.pid("one")


def test_last_words_of_an_echoed_process_are_shown_once(tmp_path):
    said = []
    code = "import sys; sys.stderr.write('no such model\\n'); sys.exit(1)"
    specs = [program("manager", code, is_echoed=True)]
    with Supervisor(specs, tmp_path, said.append, QUICK) as supervisor:
        assert supervisor.watch(lambda: False) is False
    assert said == ["no such model", "manager ended with exit code 1"]
