r"""Waiting for a store: Ctrl-C ends it, and nothing else."""

from __future__ import annotations

import signal

import pytest

PROGRAM = """
import asyncio
import random
import signal
from types import SimpleNamespace

from fsspec.asyn import get_loop

from temporaldata_video._bytes.protocols.common import wait_for


def interrupt(*_):
    raise KeyboardInterrupt


async def answer():
    await asyncio.sleep(0.0005)
    return "answer"


system = SimpleNamespace(loop=get_loop())
signal.signal(signal.SIGALRM, interrupt)
chance, interrupts = random.Random(0), 0
for _ in range(2000):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1.5e-3))
            assert wait_for(system, answer) == "answer"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupts += 1
print(interrupts > 0, wait_for(system, answer))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers of the system")
def test_ctrl_c_is_never_another_error_and_stops_no_later_request(run_script):
    said, _ = run_script(PROGRAM)
    assert said == "True answer\n"
