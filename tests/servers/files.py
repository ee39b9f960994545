r"""An HTTP server over a folder: aiohttp's static files, with ranges and etags."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .process import announce, running


@dataclass(frozen=True)
class FileServer:
    r"""A server that runs.

    Args:
        url: where it listens; a file's url is this, a slash and its name.
        folder: what it serves.
    """

    url: str
    folder: Path

    def put(self, name: str, data: bytes) -> str:
        r"""Stores a file in one step and returns its url."""
        target = self.folder / name
        aside = target.with_name(target.name + ".new")
        aside.write_bytes(data)
        os.replace(aside, target)
        return f"{self.url}/{name}"


@contextmanager
def serve_files(folder: Path) -> Iterator[FileServer]:
    r"""Serves the files of a folder."""
    with running("files", folder) as url:
        yield FileServer(url, folder)


def main(path: str) -> None:
    r"""The server process."""
    folder = Path(path)
    from aiohttp import web

    async def put(request: web.Request) -> web.Response:
        data = await request.read()
        FileServer("", folder).put(request.match_info["name"], data)
        return web.Response(status=201)

    app = web.Application(client_max_size=1 << 40)
    app.router.add_put("/{name}", put)
    app.router.add_static("/", folder)
    listening = socket.create_server(("127.0.0.1", 0))
    announce(listening.getsockname()[1])
    web.run_app(app, sock=listening, print=None, loop=asyncio.new_event_loop())
