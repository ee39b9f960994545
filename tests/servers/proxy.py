r"""A proxy before a real server: it logs each request, and delays or spoils some."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from .process import announce, running

_CONTROL = "/-proxy-/"
_LONGEST_WAIT_SECONDS = 300.0  # nothing but a hang comes near
# moto takes no object from nobody, and does not check who it is.
_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/eu-west-1/s3"}


@dataclass
class Behaviour:
    r"""What the proxy does to requests.

    Args:
        delay: seconds that each request waits before it is passed on.
        fault_rate: which part of the matching requests is spoilt.
        faults: how they are spoilt, chosen at random: ``"drop"`` closes the connection
            without an answer, ``"truncate"`` in the middle of the body, ``"stall"`` keeps
            it open in the middle of the body without a byte more, ``"hang"`` neither passes
            a request on nor answers it, and a number answers with that status.
        script: faults of the next matching requests in their order, ``""`` for none; the
            rate counts when it is used up.
        matching: regular expression; requests whose ``"METHOD /path"`` it is found in can
            be spoilt.
        replace_after: as many matching requests are answered before the object at
            ``replace_path`` is replaced by the contents of ``replace_file``; -1 for never.
        replace_path: the path in the url.
        replace_file: a local path.
        bandwidth: bytes a second of a connection, 0 for no limit.
        closed: seconds for which a status that is a fault asks not to try again; matching
            requests that come earlier are answered with 429.
        together: as many requests wait for one another; one that no other comes to is
            passed on with the fault ``"alone"``.
        seed: of the random numbers.
    """

    delay: float = 0.0
    fault_rate: float = 0.0
    faults: tuple[str, ...] = ("drop", "503", "truncate")
    script: tuple[str, ...] = ()
    matching: str = ""
    replace_after: int = -1
    replace_path: str = ""
    replace_file: str = ""
    bandwidth: float = 0.0
    closed: int = 0
    together: int = 1
    seed: int = 0


class Request(NamedTuple):
    r"""A request that the proxy has seen.

    Args:
        method: such as ``"GET"``.
        path: path and query of the url.
        range: first and last byte asked for as in the header, or ``""``.
        status: of the answer, 0 if there was none.
        sent: bytes of the body that were sent.
        fault: what was done to it, or ``""``.
    """

    method: str
    path: str
    range: str
    status: int
    sent: int
    fault: str


@dataclass(frozen=True)
class Proxy:
    r"""A proxy that runs.

    Args:
        url: where it listens.
    """

    url: str

    def behave(self, **behaviour: Any) -> None:
        r"""Sets the fields of :obj:`Behaviour`, all others back to their defaults, and
        forgets the requests seen so far."""
        self._ask("behave", json.dumps(asdict(Behaviour(**behaviour))).encode())

    def forget(self) -> None:
        r"""Forgets the requests seen so far."""
        self._ask("forget", b"")

    def requests(self, containing: str = "") -> list[Request]:
        r"""Returns the requests seen, in the order in which they came.

        Args:
            containing: leave out those whose ``"METHOD path"`` lacks this.
        """
        seen = [Request(*entry) for entry in json.loads(self._ask("requests"))]
        return [r for r in seen if containing in f"{r.method} {r.path}"]

    def _ask(self, name: str, data: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.url + _CONTROL + name, data, timeout=30) as answer:
            return answer.read()


@contextmanager
def serve_proxy(target: str) -> Iterator[Proxy]:
    r"""Runs a proxy that passes everything on to the server at the url ``target``."""
    with running("proxy", target) as url:
        yield Proxy(url)


class _Relay:
    # The server process: one handler for all requests, and the answers to the tests.

    def __init__(self, target: str) -> None:
        self.target = target
        self.set_behaviour(Behaviour())

    def set_behaviour(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.random = random.Random(behaviour.seed)
        self.script = list(behaviour.script)
        self.until_replaced = behaviour.replace_after
        self.closed_until = 0.0
        self.waiting: list[asyncio.Event] = []
        self.seen: list[list[Any]] = []

    async def others(self, entry: list[Any]) -> None:
        r"""Waits until as many requests are here as are to be passed on together."""
        came = asyncio.Event()
        self.waiting.append(came)
        if len(self.waiting) >= self.behaviour.together:
            for other in self.waiting:
                other.set()
            self.waiting = []
        try:
            await asyncio.wait_for(came.wait(), _LONGEST_WAIT_SECONDS)
        except TimeoutError:
            self.waiting.remove(came)
            entry[5] = "alone"

    async def control(self, request: Any) -> Any:
        from aiohttp import web

        match request.match_info["name"]:
            case "behave":
                told = await request.json()
                known = {f.name for f in fields(Behaviour)}
                self.set_behaviour(Behaviour(**{k: told[k] for k in known}))
            case "forget":
                self.seen = []
        return web.json_response(self.seen)

    def next_fault(self, line: str) -> str:
        behaviour = self.behaviour
        if not re.search(behaviour.matching, line):
            return ""
        if time.monotonic() < self.closed_until:
            return "429"
        if self.script:
            return self.script.pop(0)
        if self.random.random() < behaviour.fault_rate:
            return self.random.choice(behaviour.faults)
        return ""

    async def replace(self, line: str) -> None:
        if self.until_replaced < 0 or not re.search(self.behaviour.matching, line):
            return
        self.until_replaced -= 1
        if self.until_replaced < 0:
            with open(self.behaviour.replace_file, "rb") as file:
                url = self.target + self.behaviour.replace_path
                async with self.session.put(
                    url, data=file.read(), headers=_SIGNED
                ) as answer:
                    answer.raise_for_status()

    async def relay(self, request: Any) -> Any:
        from aiohttp import web

        line = f"{request.method} {request.path_qs}"
        entry = [
            request.method,
            request.path_qs,
            request.headers.get("Range", ""),
            0,
            0,
            "",
        ]
        self.seen.append(entry)
        fault = entry[5] = self.next_fault(line)
        await self.others(entry)
        await asyncio.sleep(self.behaviour.delay)
        await self.replace(line)
        if fault == "drop":
            request.transport.close()
            return web.Response()
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault.isdecimal():
            entry[3], closed = int(fault), self.behaviour.closed
            self.closed_until = max(self.closed_until, time.monotonic() + closed)
            return web.Response(
                status=int(fault),
                text="<Error><Code>Spoilt</Code></Error>",
                headers={"Retry-After": str(closed)} if closed else {},
            )
        async with self.session.request(
            request.method,
            self.target + request.raw_path,
            headers=request.headers,
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as answer:
            entry[3] = answer.status
            return await self.send(request, answer, fault, entry)

    async def send(self, request: Any, answer: Any, fault: str, entry: list[Any]) -> Any:
        from aiohttp import web

        headers = answer.headers.copy()
        for name in ("Transfer-Encoding", "Connection"):
            headers.popall(name, None)
        response = web.StreamResponse(status=answer.status, headers=headers)
        if fault in ("truncate", "stall"):
            length = int(headers.get("Content-Length", 0))
            await response.prepare(request)
            await response.write(await answer.content.read(length // 2))
            entry[4] = length // 2
            if fault == "stall":
                await asyncio.sleep(3600)
            request.transport.close()
            return response
        await response.prepare(request)
        async for piece in answer.content.iter_chunked(1 << 20):
            if self.behaviour.bandwidth:
                await asyncio.sleep(len(piece) / self.behaviour.bandwidth)
            await response.write(piece)
            entry[4] += len(piece)
        await response.write_eof()
        return response

    async def serve(self) -> None:
        import aiohttp
        from aiohttp import web

        self.session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        app = web.Application(client_max_size=1 << 40)
        app.router.add_route("*", _CONTROL + "{name}", self.control)
        app.router.add_route("*", "/{path:.*}", self.relay)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        announce(site._server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()


def main(target: str) -> None:
    r"""The server process."""
    asyncio.run(_Relay(target).serve())
