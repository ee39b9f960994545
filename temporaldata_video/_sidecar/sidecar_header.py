r"""Writes and reads the header of a sidecar: facts of each segment, as schema metadata."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np

from .._base.formats import CONTAINERS, SELF_CONTAINED_CODECS
from .._base.uris import resolve_uri
from .._clock.clock_facts import check_facts
from .._clock.pauses import decode_pace, encode_pace
from .._index.packets import MOST_REORDERED, SegmentIndex
from ..errors import IndexFormatError
from ..types import (
    CHROMA_LOCATIONS,
    FIELD_ORDERS,
    PACKET_DTYPES,
    Pace,
    Packets,
    Showings,
    SideData,
    StreamInfo,
)
from .proxy_record import (
    ProxyRecord,
    checked_fingerprint,
    decode_record,
    encode_record,
    is_count,
)

FORMAT_VERSION = 1

_METADATA_KEY = b"temporaldata_video"
_BYTES_FIELDS = ("extradata", "preamble")
# The numbers that a stream can have; FFmpeg gets no others.
_RANGES = {
    "stream_index": range(1 << 16),
    "codec_tag": range(1 << 32),
    "width": range(1, 1 << 16),
    "height": range(1, 1 << 16),
    "color_primaries": range(256),
    "color_trc": range(256),
    "color_space": range(256),
    "color_range": range(3),
    "rotation": range(0, 360, 90),
    "reorder": range(MOST_REORDERED + 1),
    "trailing": range(1 << 16),
}
_NAMES = {"chroma_location": CHROMA_LOCATIONS, "field_order": FIELD_ORDERS}
_FLAGS = ("mirrored", "readable_by_packet", "has_times", "fields", "seekable")
_SIDE_DATA = ("palette", "new_extradata")


def encode_header(
    segments: Sequence[Mapping[str, Any]],
    verified: bool = False,
    pace: Pace | None = None,
    again: Showings | None = None,
    clock: Mapping[str, Any] | None = None,
    proxy: ProxyRecord | None = None,
) -> dict[bytes, bytes]:
    r"""Returns the schema metadata of a sidecar.

    Args:
        segments: one result of :func:`encode_segment` for each file.
        verified: whether key frames were proven, and each frame has a checksum.
        pace: what is a pause.
        again: when frames are shown again.
        clock: how the times came about, as
            :func:`~temporaldata_video._clock.clock_facts.clock_facts` returns it.
        proxy: whose proxy the file is, if it is one.
    """
    header: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "index_id": uuid.uuid4().hex,
        "segments": list(segments),
        "verified": verified,
        "pace": pace and encode_pace(pace),
        "clock": dict(clock or {}),
    }
    if again is not None and len(again.times):
        header["shown_again"] = {
            "times": base64.b64encode(again.times.astype("<f8").tobytes()).decode(),
            "frames": base64.b64encode(again.frames.astype("<i8").tobytes()).decode(),
        }
    if proxy is not None:
        header["proxy"] = encode_record(proxy)
    return {_METADATA_KEY: json.dumps(header).encode()}


def decode_header(
    metadata: Mapping[bytes, bytes] | None, uri: str
) -> dict[str, Any] | None:
    r"""Returns the header of a sidecar, or :obj:`None` if it has none.

    Args:
        metadata: the schema metadata of the dataset.
        uri: where the sidecar lies, for messages.

    Raises:
        IndexFormatError: if it makes no sense, or is of a later version.
    """
    raw = (metadata or {}).get(_METADATA_KEY)
    if raw is None:
        return None
    try:
        header = json.loads(raw)
        version = header["format_version"]
        if version == FORMAT_VERSION:
            _check(isinstance(header["index_id"], str), "index_id")
            frames = [segment["frames"] for segment in header["segments"]]
            _check(all(is_count(n) for n in frames), "frames")
            _check(isinstance(header.setdefault("verified", False), bool), "verified")
            pace = header.setdefault("pace", None)
            header["pace"] = None if pace is None else decode_pace(pace)
            header["shown_again"] = _decode_showings(header.get("shown_again"), sum(frames))
            check_facts(header.setdefault("clock", {}))
            proxy = header.setdefault("proxy", None)
            header["proxy"] = None if proxy is None else decode_record(proxy, sum(frames))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(uri, error) from error
    if version != FORMAT_VERSION:
        raise IndexFormatError(
            f"the index at {uri!r} has format version {version}, and this package reads "
            f"version {FORMAT_VERSION}. Upgrade temporaldata-video, or index the video "
            f"again with overwrite=True."
        )
    return header


def _decode_showings(stored: Mapping[str, str] | None, n_frames: int) -> Showings:
    if stored is None:
        return Showings.none()
    times = np.frombuffer(base64.b64decode(stored["times"]), "<f8")
    frames = np.frombuffer(base64.b64decode(stored["frames"]), "<i8")
    fits = len(times) == len(frames) and np.isfinite(times).all()
    _check(bool(fits and ((frames >= 0) & (frames < n_frames)).all()), "shown_again")
    times = times.astype(np.float64, copy=False)
    return Showings(times, frames.astype(np.int64, copy=False))


def encode_segment(uri: str, segment: SegmentIndex) -> dict[str, Any]:
    r"""Returns one segment as a dict for JSON.

    Args:
        uri: where its file lies, relative to the sidecar where possible.
        segment: its index.
    """
    stream = asdict(segment.stream)
    for name in _BYTES_FIELDS:
        stream[name] = base64.b64encode(stream[name]).decode()
    stream["time_base"] = [stream["time_base"].numerator, stream["time_base"].denominator]
    stream["side_data"] = [
        [item.dts, item.kind, base64.b64encode(item.data).decode()]
        for item in segment.stream.side_data
    ]
    return {
        "uri": uri,
        "frames": len(segment),
        "fingerprint": asdict(segment.fingerprint) if segment.fingerprint else None,
        "stream": stream,
        "hidden": {name: getattr(segment.hidden, name).tolist() for name in PACKET_DTYPES},
    }


def decode_segment(segment: Mapping[str, Any], index_uri: str) -> dict[str, Any]:
    r"""Returns uri, stream, hidden packets and fingerprint of a segment, by name.

    Args:
        segment: as :func:`encode_segment` made it.
        index_uri: where the sidecar lies.

    Raises:
        IndexFormatError: if it makes no sense.
    """
    try:
        stream = dict(segment["stream"])
        for name in _BYTES_FIELDS:
            stream[name] = base64.b64decode(stream[name])
        stream["time_base"] = Fraction(*stream["time_base"])
        stream["side_data"] = tuple(
            SideData(dts, kind, base64.b64decode(data))
            for dts, kind, data in stream.get("side_data", ())
        )
        fingerprint = segment["fingerprint"]
        _check("\0" not in segment["uri"], "uri")
        return {
            "uri": resolve_uri(segment["uri"], index_uri),
            "stream": _checked_stream(StreamInfo(**stream)),
            "hidden": _checked_packets(Packets(**segment["hidden"])),
            "fingerprint": (
                None if fingerprint is None else checked_fingerprint(fingerprint)
            ),
        }
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise _damaged(index_uri, error) from error


def _checked_stream(stream: StreamInfo) -> StreamInfo:
    for name, allowed in _RANGES.items():
        value = getattr(stream, name)
        _check(type(value) is int and value in allowed, f"{name} {str(value)[:40]}")
    for name, names in _NAMES.items():
        _check(getattr(stream, name) in names, name)
    for name in _FLAGS:
        _check(isinstance(getattr(stream, name), bool), name)
    for name in ("pixel_format", "decoded_for"):
        text = getattr(stream, name)
        _check(isinstance(text, str) and len(text) < 200, name)
    # Another demuxer or decoder might open what the file names, a playlist for instance.
    _check(set(stream.container.split(",")) <= set(CONTAINERS.split(",")), "container")
    decodable = not stream.readable_by_packet or stream.codec in SELF_CONTAINED_CODECS
    _check(isinstance(stream.codec, str) and decodable, "codec")
    terms = (stream.time_base.numerator, stream.time_base.denominator)
    _check(all(0 < term < 1 << 31 for term in terms), "time_base")
    for item in stream.side_data:
        _check(type(item.dts) is int and -(1 << 63) <= item.dts < 1 << 63, "side_data")
        _check(item.kind in _SIDE_DATA, "side_data")
    return stream


def _checked_packets(packets: Packets) -> Packets:
    lengths = {getattr(packets, name).shape for name in PACKET_DTYPES}
    _check(lengths == {(len(packets),)}, "hidden")
    _check(len(packets) == 0 or packets.size.min() > 0, "hidden")
    return packets


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"impossible {what}")


def _damaged(uri: str, error: Exception) -> IndexFormatError:
    return IndexFormatError(
        f"the header of the index at {uri!r} is damaged ({error!r}). Index the video "
        f"again with overwrite=True."
    )
