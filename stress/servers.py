r"""Reads a video from an HTTP server that misbehaves, in each way that is known."""

from __future__ import annotations

import gzip
import itertools
import re
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import temporaldata_video as tv
from temporaldata_video.errors import VideoError
from temporaldata_video.testing import make_clip, read_numbers

N_FRAMES = 120
# What one request may take, and how much longer an error may come.
REQUEST_SECONDS, PATIENCE_SECONDS = 3, 30.0


class _Handler(BaseHTTPRequestHandler):
    # Answers as a good server does, but for what the server's `fault` changes.
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.server.fault(self)

    def log_message(self, *arguments: object) -> None:
        pass

    @property
    def span(self) -> tuple[int, int]:
        size = len(self.server.data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, last = map(int, asked.groups()) if asked else (0, size - 1)
        return start, min(last + 1, size)

    def answer(self, status: int = 206, body: bytes | None = None, **headers: str) -> None:
        r"""Sends a range of the video; headers of the value ``""`` are left out."""
        start, stop = self.span
        data = self.server.data[start:stop] if body is None else body
        sent = {
            "Content_Length": str(len(data)),
            "Content_Range": f"bytes {start}-{stop - 1}/{len(self.server.data)}",
            "ETag": '"1"',
            **headers,
        }
        self.send_response(status)
        for name, value in sent.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def drip(self) -> None:
        start, stop = self.span
        self.answer(body=b"", Content_Length=str(stop - start))
        for byte in self.server.data[start:stop]:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(1.0)

    def cut(self) -> None:
        start, stop = self.span
        half = self.server.data[start : (start + stop + 1) // 2 - (stop - start > 1)]
        self.answer(body=half, Content_Length=str(stop - start))
        self.close_connection = True

    def unsized(self) -> None:
        self.answer(Content_Length="")
        self.close_connection = True

    def reset(self) -> None:
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fault: Callable[[_Handler], None]
    data: bytes

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # readers that have had enough


def _status(status: int, **headers: str) -> Callable[[_Handler], None]:
    return lambda handler: handler.answer(status, b"no", Content_Range="", **headers)


def _every_third(fault: Callable[[_Handler], None]) -> Callable[[_Handler], None]:
    number = itertools.count(1)
    return lambda handler: fault(handler) if next(number) % 3 == 0 else handler.answer()


_TAGS = itertools.count()
# Each makes of a request what a server of that kind makes of it.
FAULTS: dict[str, Callable[[_Handler], None]] = {
    "good": lambda h: h.answer(),
    "ignores ranges": lambda h: h.answer(200, h.server.data, Content_Range=""),
    "200 for a range": lambda h: h.answer(200),
    "another range": lambda h: h.answer(
        body=h.server.data[: h.span[1] - h.span[0]],
        Content_Range=f"bytes 0-{h.span[1] - h.span[0] - 1}/{len(h.server.data)}",
    ),
    "no range": lambda h: h.answer(Content_Range=""),
    "nonsense for a range": lambda h: h.answer(Content_Range="bytes here-there/much"),
    "another size each time": lambda h: h.answer(
        Content_Range=f"bytes {h.span[0]}-{h.span[1] - 1}/{10**6 + next(_TAGS)}"
    ),
    "short bodies": _Handler.cut,
    "bodies that are too short": lambda h: h.answer(
        body=h.server.data[h.span[0] : h.span[1]][:-1] or b"x"
    ),
    "gzip": lambda h: h.answer(
        body=gzip.compress(h.server.data[slice(*h.span)]), Content_Encoding="gzip"
    ),
    "to a file": _status(302, Location="file:///etc/passwd"),
    "to another host": _status(302, Location="http://127.0.0.1:9/cam.mp4"),
    "to itself": _status(302, Location="/cam.mp4"),
    "another etag each time": lambda h: h.answer(ETag=f'"{next(_TAGS)}"'),
    "weak etags": lambda h: h.answer(ETag='W/"1"'),
    "no etags": lambda h: h.answer(ETag=""),
    "no length": _Handler.unsized,
    "one byte a second": _Handler.drip,
    "never answers": lambda h: time.sleep(60),
    "resets": _Handler.reset,
    "resets at times": _every_third(_Handler.reset),
    "short bodies at times": _every_third(_Handler.cut),
    **{
        f"{status}": _status(status, Retry_After="30")
        for status in (400, 401, 403, 404, 408, 410, 416, 429, 500, 502, 503)
    },
    "503 at times": _every_third(_status(503, Retry_After="1")),
    "429 at times": _every_third(_status(429, Retry_After="1")),
}


@contextmanager
def serving(data: bytes, fault: Callable[[_Handler], None]) -> Iterator[str]:
    r"""Runs a server and yields the url of its video.

    Args:
        data: the video.
        fault: of :data:`FAULTS`.
    """
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.data, server.fault = data, fault
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/cam.mp4"
        server.shutdown()


def read_from(url: str, index: Path | None) -> str:
    r"""Returns what became of reading a video: ``"right"``, ``"wrong"``, ``"late"``, or the
    name of an error.

    Args:
        url: of the video.
        index: of the video; without it, one is built over the network.
    """
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            video = tv.LazyVideo.from_uri(url, index_uri=index)
            for first in (3, 70):
                wanted = [*range(first, first + 6)]
                if read_numbers(video.frames_at(wanted)).tolist() != wanted:
                    return "wrong"
        outcome = "right"
    except VideoError as error:
        outcome = type(error).__name__
    return outcome if time.monotonic() - began < PATIENCE_SECONDS else "late"


def read_from_all(faults: tuple[str, ...] = tuple(FAULTS)) -> Counter:
    r"""Returns what became of reading from a server of each kind, with an index and
    without, by kind and outcome.

    Args:
        faults: of :data:`FAULTS`.
    """
    found: Counter = Counter()
    before = tv.configuration().request_seconds
    tv.configure(request_seconds=REQUEST_SECONDS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            clip = make_clip(Path(folder, "cam.mp4"), N_FRAMES, size=(64, 96), gop=30)
            index = Path(folder, "cam.lance")
            tv.write_index(clip, index_uri=index, progress=False)
            for fault in faults:
                for known in (index, None):
                    with serving(clip.read_bytes(), FAULTS[fault]) as url:
                        found[f"{fault}: {read_from(url, known)}"] += 1
    finally:
        tv.configure(request_seconds=before)
    return found
