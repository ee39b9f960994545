r"""A server of Azure Blob Storage: Azurite, a program of Node.js."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

# The account that Azurite has for everybody; its key is in Microsoft's documentation.
ACCOUNT = "devstoreaccount1"
KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
    "K1SZFPTOtr/KBHBeksoGMGw=="
)


def find_azurite() -> str | None:
    r"""Returns the path of the program, where it is installed."""
    return shutil.which("azurite-blob")


@contextmanager
def serve_azure() -> Iterator[str]:
    r"""Runs a server without containers, and yields its connection string."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [find_azurite(), "--inMemoryPersistence", "--blobPort", str(port), "--silent"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([*command, "--skipApiVersionCheck"], **quiet)
    try:
        _wait_for(port)
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )
    finally:
        server.kill()
        server.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("Azurite did not start within 30 seconds")
