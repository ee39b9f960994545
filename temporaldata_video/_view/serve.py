r"""Answers the page of one recording, on this machine and to those with its token alone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .cameras import Camera, picture
from .tracks import Track
from .wire import pack

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
# The names by which a browser on this machine asks. Another one is that of a site which has
# its name lead here.
_HOSTS = {HOST.encode(), b"localhost"}
_MOST_PIXELS = 8192
_ASSETS = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    # Bokeh styles its elements in place.
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_BEAT_SECONDS = 0.25


class Watchers:
    r"""The pages that are open.

    Args:
        count: how many; :obj:`None` before the first one.
        dismissed: whether they shall go.
    """

    def __init__(self) -> None:
        self.count: int | None = None
        self.dismissed = False

    async def beats(self) -> AsyncIterator[str]:
        r"""Yields empty lines to a page, and counts it as long as it listens."""
        from asyncio import sleep

        self.count = (self.count or 0) + 1
        try:
            while not self.dismissed:
                yield ":\n\n"
                await sleep(_BEAT_SECONDS)
        finally:
            self.count -= 1


def make_app(
    token: str,
    session: dict[str, Any],
    cameras: list[Camera],
    tracks: list[Track],
    watchers: Watchers,
) -> Any:
    r"""Returns the ASGI application of one recording.

    Args:
        token: the first part of all paths that are answered.
        session: what the page asks first.
        cameras: whose pictures are answered.
        tracks: whose samples are answered.
        watchers: told of pages that open and close.
    """
    from anyio import CapacityLimiter
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route

    # A camera's frames are read one after the other, so that its decoder goes on where it
    # stands. Rows may read one file, which one thread at a time may do.
    turns = [CapacityLimiter(1) for _ in cameras]
    turn_of_tracks = CapacityLimiter(1)

    def start(request: Request) -> Response:
        return JSONResponse(session)

    async def frame(request: Request) -> Response:
        camera = int(_number(request, "camera", 0, len(cameras) - 1))
        time = _number(request, "time")
        width = int(_number(request, "width", 16, _MOST_PIXELS))
        read = partial(picture, cameras[camera], time, width)
        return await _answer(read, turns[camera])

    async def track(request: Request) -> Response:
        row = tracks[int(_number(request, "track", 0, len(tracks) - 1))]
        start = _number(request, "start")
        end = _number(request, "end", start + 1e-9)
        pixels = int(_number(request, "pixels", 16, _MOST_PIXELS))
        return await _answer(partial(_packed, row, (start, end), pixels), turn_of_tracks)

    def alive(request: Request) -> Response:
        return StreamingResponse(watchers.beats(), media_type="text/event-stream")

    answers: dict[str, Any] = {"session": start, "frame": frame, "track": track}
    answers["alive"] = alive
    answers |= {name: _asset(*asset) for name, asset in _assets().items()}
    routes = [Route(f"/{token}/{name}", answer) for name, answer in answers.items()]
    return _guarded(Starlette(routes=routes), token)


def _packed(row: Track, extent: tuple[float, float], pixels: int) -> bytes:
    facts, arrays = row.read(extent, pixels)
    return pack(facts, **arrays)


def _assets() -> dict[str, tuple[bytes, str]]:
    from importlib.resources import files

    from bokeh.resources import Resources

    folder = files(__package__)
    assets = {
        name: ((folder / file).read_bytes(), kind) for name, (file, kind) in _ASSETS.items()
    }
    bokeh = "\n".join(Resources("inline", components=["bokeh"]).js_raw)
    return assets | {"bokeh.js": (bokeh.encode(), "text/javascript")}


def _asset(body: bytes, kind: str) -> Callable[[Request], Response]:
    from starlette.responses import Response

    return lambda request: Response(body, media_type=kind)


async def _answer(read: Callable[[], bytes], turn: CapacityLimiter) -> Response:
    from anyio.to_thread import run_sync
    from starlette.responses import Response

    try:
        body = await run_sync(read, limiter=turn)
        return Response(body, media_type="application/octet-stream")
    # Whatever is wrong with the recording, the page says it.
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return Response(text, 500, media_type="text/plain")


def _number(request: Request, name: str, low: float = -1e300, high: float = 1e300) -> float:
    from starlette.exceptions import HTTPException

    text = request.query_params.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise HTTPException(
            400, f"{name} must be a number from {low:g} to {high:g}, got {text!r}."
        )
    return value


def _guarded(app: Any, token: str) -> Any:
    # The same answer to all that lack the token, whatever they ask for.
    from starlette.responses import PlainTextResponse

    async def guard(scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        answer = app
        host = dict(scope["headers"]).get(b"host", b"").rpartition(b":")[0]
        given = scope["path"].split("/")[1]
        if host not in _HOSTS:
            answer = PlainTextResponse("This host is not served.", 403)
        elif not secrets.compare_digest(given.encode(), token.encode()):
            answer = PlainTextResponse("Open the address that the viewer printed.", 404)
        await answer(scope, receive, send_with_headers)

    return guard
