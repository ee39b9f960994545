r"""Runs a module of this package as a server that ends with who started it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def running(module: str, *arguments: object) -> Iterator[str]:
    r"""Starts a server and yields its url; ends it afterwards.

    Args:
        module: name of the module, whose ``main`` calls :func:`announce`.
        *arguments: its command line.
    """
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY))
    program = f"import sys, tests.servers.{module} as m; m.main(*sys.argv[1:])"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"{command} did not start; see what it wrote to stderr")
        yield url
    finally:
        process.kill()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


def announce(port: int) -> None:
    r"""Tells the one who started this server that it listens, and ends when they end."""
    print(f"http://127.0.0.1:{port}", flush=True)
    threading.Thread(target=_end_with_stdin, daemon=True).start()


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)
