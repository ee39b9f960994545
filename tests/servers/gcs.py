r"""A server of Google Cloud Storage: gcp-storage-emulator, which knows the JSON API."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from .process import announce, running

BUCKET = "lab-bucket"


@contextmanager
def serve_gcs() -> Iterator[str]:
    r"""Runs a server with an empty bucket, and yields its url."""
    with running("gcs") as url:
        yield url


def main() -> None:
    r"""The server process."""
    import socket

    from gcp_storage_emulator.server import create_server

    logging.disable(logging.CRITICAL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET).start()
    announce(port)
