r"""Finds the proxy of a file that holds the pixels asked for, if it is of that file."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .._base.container import scaler_version
from .._base.proxy_names import ProxyKind
from .._base.uris import frame_index_uri, is_local, shown_uri
from .._bytes.fetch import ranged
from .._bytes.fingerprint import matches
from .._decode.read_file import ProxyOf, VideoFile
from .._pixels.convert import OutputFormat
from .._plugin.manager import resolve_cache, resolve_proxy
from .._sidecar.proxy_record import ProxyRecord
from .._sidecar.sidecar import LanceFrameIndex
from ..errors import FrameIndexError, IndexNotFoundError, StaleIndexError, VideoError
from ..types import Fingerprint, SegmentPackets
from .part import VideoPart
from .saved import index_id_of, same_contents

_LOG = logging.getLogger(__name__)
ANY_KIND = "*"


def proxy_kind(output: OutputFormat, lossless: bool) -> ProxyKind:
    r"""Returns the kind of proxy that holds some pixels.

    Args:
        output: the pixels, with a ``resize`` and a settled dtype.
        lossless: whether they must be exact.
    """
    assert output.resize is not None  # proxies have a size of their own
    deep = output.dtype == "uint16"
    return ProxyKind(*output.resize, output.colorspace == "G", deep, lossless)


def find_proxy(part: VideoPart, file: VideoFile, kind: ProxyKind) -> VideoFile | None:
    r"""Returns a proxy to read in place of a file, :obj:`None` if there is none.

    One that is there and cannot be used is logged, since the file itself can be read.

    Args:
        part: the video of the file.
        file: one of its files.
        kind: the pixels that are wanted.
    """
    uri = resolve_proxy(file.uri, kind.name)
    if uri is None:
        return None
    try:
        return open_proxy(part, file, kind, uri)
    except IndexNotFoundError:
        return None
    except VideoError as error:
        _LOG.warning("the proxy %s is not used: %s", shown_uri(uri), error)
        return None


def open_proxy(part: VideoPart, file: VideoFile, kind: ProxyKind, uri: str) -> VideoFile:
    r"""Returns a proxy, which reads like the file that it stands for.

    Args:
        part: the video of the file.
        file: one of its files.
        kind: of the proxy.
        uri: where the proxy lies.

    Raises:
        IndexNotFoundError: if there is none.
        StaleIndexError: if it is of another file, or another version of it, or if it is
            to be exact and another version of FFmpeg made it.
        VideoError: if it cannot be read.
    """
    store = part.place.store_of(uri)
    index = LanceFrameIndex.open(frame_index_uri(uri), store)
    record, segments = index.proxy, index.segments
    if record is None or record.name != kind.name or len(segments) != 1:
        raise FrameIndexError(f"its index does not say that it is a {kind.name}.")
    if why := _why_stale(record, part, file, len(segments[0])):
        raise StaleIndexError(f"{why}. Make it anew: temporaldata-video proxy")
    known = segments[0].fingerprint
    if known is None or not matches(store, uri, known, store.head(uri)):
        raise StaleIndexError(
            "its file is another one than its index says. Make it anew: "
            "temporaldata-video proxy"
        )
    cache = resolve_cache(uri, store)
    stands_for = ProxyOf(file, record.lost, record.encoding)
    return VideoFile(uri, segments[0], ranged(store), cache, proxy=stands_for)


def _why_stale(record: ProxyRecord, part: VideoPart, file: VideoFile, n_frames: int) -> str:
    packets = file.packets
    if not _is_of(record.video, file):
        return "it is of another version of the video"
    same_rows = record.index_id and record.index_id == index_id_of(part.index)
    # Another index, as one with another clock, mostly has the same rows.
    if n_frames != len(packets) or not (same_rows or record.rows == rows_digest(packets)):
        return "the video was indexed anew since, and its frames are others"
    if not record.encoding and record.scaler != scaler_version():
        return (
            f"its pixels are of libswscale {record.scaler}, and those of "
            f"{scaler_version()}, which is here, may differ"
        )
    return ""


def _is_of(was: Fingerprint, file: VideoFile) -> bool:
    # By what the index says of the file, so that mostly no byte of it is read.
    now = file.packets.fingerprint
    if now is None:
        return matches(file.store, file.uri, was, file.store.head(file.uri))
    return same_contents(file.uri, was, now, file.store)


def rows_digest(packets: SegmentPackets) -> str:
    r"""Returns what tells the rows of a file from others.

    Args:
        packets: the file's index.
    """
    pts = packets.rows(0, len(packets)).pts
    return hashlib.blake2b(pts.astype("<i8").tobytes(), digest_size=16).hexdigest()


class FoundProxy(NamedTuple):
    r"""A proxy that lies beside a file, or where a plugin says.

    Args:
        uri: where it lies.
        kind: the pixels that it holds.
        file: it, as it is read; :obj:`None` if it cannot be used.
        reason: why it cannot be used.
    """

    uri: str
    kind: ProxyKind
    file: VideoFile | None
    reason: str = ""


def list_proxies(part: VideoPart, file: VideoFile) -> Iterator[FoundProxy]:
    r"""Yields all proxies of a file that lie on this machine, by name.

    Args:
        part: the video of the file.
        file: one of its files.
    """
    place = resolve_proxy(file.uri, ANY_KIND)
    if place is None or not is_local(place):
        return
    folder, pattern = os.path.split(place)
    if not pattern.endswith(ANY_KIND) or not os.path.isdir(folder):
        return
    start = pattern.removesuffix(ANY_KIND)
    for name in sorted(os.listdir(folder)):
        kind = ProxyKind.named(name.removeprefix(start))
        if kind is None or not name.startswith(start):
            continue
        uri = os.path.join(folder, name)
        try:
            yield FoundProxy(uri, kind, open_proxy(part, file, kind, uri))
        except VideoError as error:
            yield FoundProxy(uri, kind, None, str(error))


Source = tuple[VideoFile, np.ndarray | None]


def with_proxies(
    part: VideoPart, output: OutputFormat, lossless: tuple[bool, ...]
) -> list[Source]:
    r"""Returns the files of a video as :attr:`VideoPart.files`, and proxies in place of
    those that have one.

    Args:
        part: the video.
        output: the pixels that are wanted, with a settled dtype.
        lossless: the kinds of proxies that will do, the best first.
    """
    found: dict[str, VideoFile] = {}
    for file, _ in part.files:
        if file.uri in found:
            continue
        kinds = [proxy_kind(output, exact) for exact in lossless]
        proxies = (find_proxy(part, file, kind) for kind in kinds)
        found[file.uri] = next((proxy for proxy in proxies if proxy is not None), file)
    return [(found[file.uri], mapping) for file, mapping in part.files]
