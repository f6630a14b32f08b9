# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The far end of the wire without a model: answers each request with so many bytes.

`python -m roboecc_core.cli.bench_echo ENDPOINT SIZE...`; the sizes are those of a step's
answers, in order, and come round again with the next step. Ends when stdin does.
"""

from __future__ import annotations

import itertools
import sys

from roboecc_core.data_plane.transport import Reply
from roboecc_core.data_plane.transport.zenoh import ZenohServer

ROBOT = "bench"


def main(endpoint: str, sizes: list[int]) -> None:
    """Serve until stdin ends."""
    answers = itertools.cycle([bytes(size) for size in sizes])

    def answer(_robot: str, _request: bytes | memoryview, reply: Reply) -> None:
        reply(next(answers))

    server = ZenohServer(endpoint, [ROBOT])
    server.serve(answer)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.close()


if __name__ == "__main__":
    main(sys.argv[1], [int(size) for size in sys.argv[2:]])
