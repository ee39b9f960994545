r"""Writes the proxies of a video, and compares them with what went into them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..._base.container import scaler_version
from ..._base.progress import progress_bar
from ..._base.proxy_names import ProxyKind
from ..._base.uris import frame_index_uri, protocol_of, shown_uri
from ..._build.file_index import build_segment
from ..._bytes.local import LocalStore
from ..._decode.read_file import VideoFile, forget, read_frames
from ..._index.packets import SegmentIndex
from ..._pixels.convert import OutputFormat
from ..._plugin.manager import resolve_proxy
from ..._plugin.place import Uris, locate
from ..._sidecar.proxy_record import ProxyRecord
from ..._sidecar.sidecar_write import write_sidecar
from ..._video.arguments import check_whole, checked_output
from ..._video.part import VideoPart
from ..._video.proxies import open_proxy, proxy_kind, rows_digest
from ..._video.recording import Recording
from ..._video.saved import index_id_of, saved_fingerprint
from ...errors import FrameIndexError, SourceError, VideoError
from ...types import ObjectStore, PixelType
from ..reencoding.pictures import compare_pictures
from ..reencoding.write_errors import writing
from .proxy_file import ProxyEncoding, ProxyFile, proxy_encoding

DEFAULT_CRF, DEFAULT_GOP = 18, 12
# Bytes of pictures that are held at a time.
_CHUNK_BYTES = 32 * 1024 * 1024
# Rows and columns of the grid on which pictures are sampled.
_GRID = 8


@dataclass(frozen=True)
class ProxyReport:
    r"""What the proxies of a video are.

    Args:
        uris: the proxies, one for each file of the video.
        written: how many of them were made now; the others were fresh.
        frames: number of frames.
        lost: how many of these do not decode.
        bytes_before: size of the video.
        bytes_after: size of the proxies.
        psnr: peak signal-to-noise ratio in dB of those made now, estimated on 64 samples of
            each frame; infinite for lossless ones, all of whose pixels were compared.
        seconds: how long it took.
    """

    uris: tuple[str, ...]
    written: int
    frames: int
    lost: int
    bytes_before: int
    bytes_after: int
    psnr: float
    seconds: float


def write_proxy(
    uri: Uris,
    size: tuple[int, int],
    *,
    gray: bool = False,
    dtype: PixelType = "uint8",
    lossless: bool = True,
    crf: int | None = None,
    gop: int | None = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> ProxyReport:
    r"""Keeps the frames of a video at the size at which they are looked at.

    Frame k of the proxy is frame k of the video under ``resize``. So the proxy needs no
    clock: a :obj:`LazyVideo` with that ``resize``, ``colorspace`` and ``dtype`` reads its
    pixels there by itself, with the same timestamps, windows and masks. A frame that does
    not decode is black in the proxy, and still an error or masked when it is read.

    The proxy is written aside, read back and compared, and only then takes its place:
    ``cam.mp4.224x224.proxy`` beside ``cam.mp4``, or where a plugin's ``resolve_proxy``
    says. It knows its video: after that changed, it is not used. One that is fresh is kept,
    so that a call that was interrupted goes on where it stopped.

    Args:
        uri: the video, as for :func:`write_index`. Each of its files gets a proxy.
        size: ``(height, width)`` in pixels, as ``resize`` of :obj:`LazyVideo`.
        gray: keep one channel, as of ``colorspace="G"``.
        dtype: of the pixels: ``"uint8"``, ``"uint16"``, or ``"auto"`` for uint16 where
            samples of the video have more than 8 bits.
        lossless: keep every pixel, each frame by itself. Otherwise the proxy is H.264,
            with a tenth of the bytes or less; it is read only with ``proxy="lossy"``.
        crf: constant rate factor of a lossy proxy, 0 to 51; less gives better pictures and
            a larger file. 18 by default.
        gop: frames from one key frame of a lossy proxy to the next; 12 by default.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the video's index lies; beside it by default.
        overwrite: make fresh ones anew, too.
        progress: show a progress bar.

    Returns:
        What was made.

    Raises:
        ValueError: if an argument is wrong.
        StaleIndexError: if the index is of another video.
        VideoError: if there is no place for the proxy, or it is not what went into it.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> report = tv.write_proxy(clip, (32, 48), progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4", resize=(32, 48))
        >>> video.slice(1.0, 1.5).cost().from_proxy
        15
    """
    started = time.perf_counter()
    if size is None:
        raise ValueError("size must be a tuple (height, width), got None.")
    output = checked_output(size, "G" if gray else "RGB", "NCHW", dtype)
    if lossless and (crf is not None or gop is not None):
        raise ValueError("crf and gop are of lossy proxies; pass lossless=False with them.")
    crf, gop = DEFAULT_CRF if crf is None else crf, DEFAULT_GOP if gop is None else gop
    check_whole("crf", crf, 0, 51)
    check_whole("gop", gop, 1)
    place = locate(uri, store=store, storage_options=storage_options, index_uri=index_uri)
    part = VideoPart(place)
    part.reader.head(place.uri)  # an index alone is no video
    output = Recording((part,), output).settled_output
    kind = proxy_kind(output, lossless)
    if kind.deep and not lossless:
        raise ValueError(
            "lossy proxies have 8 bits per sample. Pass lossless=True, or dtype='uint8'."
        )
    encoding = proxy_encoding(kind, crf, gop)
    quality = "" if lossless else f"crf {crf}, gop {gop}"
    files = list({file.uri: file for file, _ in part.files}.values())
    jobs = [_Job(part, f, kind, output, encoding, quality, _path(f, kind)) for f in files]
    fresh = {} if overwrite else {job.path: _fresh(job) for job in jobs}
    todo = [job for job in jobs if not fresh.get(job.path)]
    made, done = [], 0
    total = 2 * sum(len(job.file.packets) for job in todo)
    with progress_bar(f"{Path(place.uri).name} {kind.name}", total, progress) as show:
        for job in todo:

            def advance(n: int, before: int = done) -> None:
                if show is not None:
                    show(before + n)

            with writing(f"the proxy {str(job.path)!r}"):
                made.append(_make(job, advance))
            done += 2 * len(job.file.packets)
    proxies = [open_proxy(part, job.file, kind, str(job.path)) for job in jobs]
    return ProxyReport(
        uris=tuple(proxy.uri for proxy in proxies),
        written=len(made),
        frames=sum(len(proxy.packets) for proxy in proxies),
        lost=sum(len(proxy.proxy.lost) for proxy in proxies if proxy.proxy),
        bytes_before=sum(part.reader.head(file.uri).size for file in files),
        bytes_after=sum(job.path.stat().st_size for job in jobs),
        psnr=min(made, default=float("inf")),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, eq=False)
class _Job:
    # One proxy that is to be made.
    part: VideoPart
    file: VideoFile
    kind: ProxyKind
    output: OutputFormat
    encoding: ProxyEncoding
    quality: str  # of a lossy one
    path: Path


@dataclass
class _Seen:
    # What went into a proxy, to compare what comes out of it.
    lost: dict[int, str] = field(default_factory=dict)
    digests: list[bytes] = field(default_factory=list)
    samples: list[np.ndarray] = field(default_factory=list)


def _path(file: VideoFile, kind: ProxyKind) -> Path:
    uri = resolve_proxy(file.uri, kind.name)
    if uri is None:
        raise VideoError(
            f"there is no place for a proxy of {shown_uri(file.uri)!r}: beside remote "
            f"videos none is looked for. A plugin's resolve_proxy can name a place on this "
            f"machine."
        )
    if protocol_of(uri):
        raise VideoError(
            f"proxies are written to this machine, and resolve_proxy names "
            f"{shown_uri(uri)!r}."
        )
    return Path(uri)


def _fresh(job: _Job) -> bool:
    try:
        found = open_proxy(job.part, job.file, job.kind, str(job.path))
    except (FrameIndexError, SourceError):  # it holds nothing that is not in the video
        return False
    encoding = found.proxy.encoding if found.proxy else ""
    if encoding != job.quality:
        raise VideoError(
            f"there is a proxy {found.uri!r} of {encoding} already; pass overwrite=True to "
            f"replace it."
        )
    return True


def _make(job: _Job, advance: Callable[[int], None]) -> float:
    job.path.parent.mkdir(parents=True, exist_ok=True)
    aside = job.path.with_name(f"{job.path.name}.part")
    try:
        seen = _write(job, aside, advance)
        n = len(job.file.packets)
        index, psnr = _read_back(job, aside, seen, lambda k: advance(n + k))
        os.replace(aside, job.path)
    finally:
        aside.unlink(missing_ok=True)
    _write_index(job, index, seen.lost)
    return psnr


def _write(job: _Job, aside: Path, advance: Callable[[int], None]) -> _Seen:
    seen = _Seen()
    with ProxyFile(aside, job.kind, job.encoding) as file:
        for pictures, failed in _pictures(job.file, job.output, job.kind):
            seen.lost |= failed
            for picture in pictures:
                file.write(picture)
                _note(seen, picture, job.kind)
            advance(len(seen.samples))
    return seen


def _read_back(
    job: _Job, aside: Path, seen: _Seen, advance: Callable[[int], None]
) -> tuple[SegmentIndex, float]:
    store = LocalStore()
    index = build_segment(store, str(aside))
    if len(index) != len(seen.samples):
        raise VideoError(
            f"the proxy of {shown_uri(job.file.uri)!r} has {len(index)} frames and should "
            f"have {len(seen.samples)}; it is no good."
        )
    copy = VideoFile(str(aside), index, store)
    as_stored = OutputFormat(None, job.output.colorspace, "NCHW", job.output.dtype)
    back = _Seen()
    for pictures, failed in _pictures(copy, as_stored, job.kind):
        for row, why in failed.items():
            raise VideoError(
                f"frame {row} of the proxy of {shown_uri(job.file.uri)!r} does not decode "
                f"({why}); it is no good."
            )
        for picture in pictures:
            _note(back, picture, job.kind)
        advance(len(back.samples))
    for row, (ours, theirs) in enumerate(zip(back.digests, seen.digests)):
        if ours != theirs:
            raise VideoError(
                f"frame {row} of the proxy of {shown_uri(job.file.uri)!r} has other "
                f"pixels; it is no good."
            )
    depth = 16 if job.kind.deep else 8
    psnr = compare_pictures(np.stack(seen.samples), np.stack(back.samples), depth)
    return index, psnr


def _pictures(
    file: VideoFile, output: OutputFormat, kind: ProxyKind
) -> Iterator[tuple[np.ndarray, dict[int, str]]]:
    # All frames of a file as users read them, some at a time, and those that are none.
    shape = 1 if kind.gray else 3, kind.height, kind.width
    dtype = output.sample_dtype
    step = min(256, max(1, _CHUNK_BYTES // (prod(shape) * dtype.itemsize)))
    for first in range(0, len(file.packets), step):
        rows = np.arange(first, min(first + step, len(file.packets)))
        pictures = np.zeros((len(rows), *shape), dtype)
        by_row = dict(zip(rows.tolist(), pictures))
        failed = read_frames(file, rows, output, by_row.__getitem__)
        pictures[[row - first for row in failed]] = 0
        yield pictures, failed
    forget(file)


def _note(seen: _Seen, picture: np.ndarray, kind: ProxyKind) -> None:
    # Of RGB, green is nearest to what the eye takes for brightness.
    channel = picture[len(picture) // 2]
    rows, columns = (
        (np.arange(_GRID) * side + side // 2) // _GRID for side in channel.shape
    )
    seen.samples.append(channel[np.ix_(rows, columns)].ravel().astype(np.uint16))
    if kind.lossless:
        seen.digests.append(hashlib.blake2b(picture.tobytes(), digest_size=16).digest())


def _write_index(job: _Job, index: SegmentIndex, lost: Mapping[int, str]) -> None:
    # The proxy counts from here on. It has no clock, which is that of its video.
    file, part = job.file, job.part
    video = saved_fingerprint(part.reader, file.uri, file.packets.fingerprint)
    assert video is not None  # it was read just now
    record = ProxyRecord(
        job.kind.name,
        video,
        index_id_of(part.index),
        rows_digest(file.packets),
        scaler_version(),
        job.quality,
        lost,
    )
    times = np.full(len(index), np.nan)
    path = str(job.path)
    write_sidecar(
        frame_index_uri(path), [path], [index], times, proxy=record, overwrite=True
    )
