r"""The header of a sidecar: what its schema metadata says of each segment."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from ..errors import IndexFormatError
from ..layout import resolve_uri
from ..types import PACKET_DTYPES, Fingerprint, Packets, StreamInfo
from .packets import SegmentIndex

FORMAT_VERSION = 1

_METADATA_KEY = b"temporaldata_video"
_BYTES_FIELDS = ("extradata", "preamble")


def encode_header(segments: Sequence[Mapping[str, Any]]) -> dict[bytes, bytes]:
    r"""Returns the schema metadata of a sidecar.

    Args:
        segments: one result of :func:`encode_segment` for each file.
    """
    header = {
        "format_version": FORMAT_VERSION,
        "index_id": uuid.uuid4().hex,
        "segments": list(segments),
    }
    return {_METADATA_KEY: json.dumps(header).encode()}


def decode_header(
    metadata: Mapping[bytes, bytes] | None, uri: str
) -> dict[str, Any] | None:
    r"""Returns the header of a sidecar, or :obj:`None` if it has none.

    Args:
        metadata: the schema metadata of the dataset.
        uri: where the sidecar lies, for messages.

    Raises:
        IndexFormatError: if it makes no sense, or is of a version yet to come.
    """
    raw = (metadata or {}).get(_METADATA_KEY)
    if raw is None:
        return None
    try:
        header = json.loads(raw)
        version = header["format_version"]
        if version == FORMAT_VERSION:
            str(header["index_id"]), [int(s["frames"]) for s in header["segments"]]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(uri, error) from error
    if version != FORMAT_VERSION:
        raise IndexFormatError(
            f"the index at {uri!r} has format version {version}, and this package reads "
            f"version {FORMAT_VERSION}. Upgrade temporaldata-video, or index the video "
            f"again with --overwrite."
        )
    return header


def encode_segment(uri: str, segment: SegmentIndex) -> dict[str, Any]:
    r"""Returns one segment as JSON can hold it.

    Args:
        uri: where its file lies, relative to the sidecar where possible.
        segment: its index.
    """
    stream = asdict(segment.stream)
    for name in _BYTES_FIELDS:
        stream[name] = base64.b64encode(stream[name]).decode()
    stream["time_base"] = [stream["time_base"].numerator, stream["time_base"].denominator]
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
        fingerprint = segment["fingerprint"]
        return {
            "uri": resolve_uri(segment["uri"], index_uri),
            "stream": StreamInfo(**stream),
            "hidden": Packets(**segment["hidden"]),
            "fingerprint": Fingerprint(**fingerprint) if fingerprint else None,
        }
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise _damaged(index_uri, error) from error


def _damaged(uri: str, error: Exception) -> IndexFormatError:
    return IndexFormatError(
        f"the header of the index at {uri!r} is damaged ({error!r}). Index the video "
        f"again with --overwrite."
    )
