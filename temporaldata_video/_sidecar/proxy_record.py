r"""What the sidecar of a proxy says of the file whose proxy it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..types import Fingerprint

_LONGEST_REASON = 500


@dataclass(frozen=True)
class ProxyRecord:
    r"""Whose proxy a file is, and of which frames it has no picture.

    Args:
        name: of its kind, such as ``"224x224.proxy"``.
        video: identifies the file whose proxy it is.
        index_id: of the index by whose rows it was made; ``""`` if that had none.
        rows: digest of the presentation times of these rows.
        scaler: version of libswscale that made its pixels.
        encoding: how a lossy proxy was encoded; ``""`` for a lossless one.
        lost: why a row of the file does not decode, by row; the proxy has a black picture
            there.
    """

    name: str
    video: Fingerprint
    index_id: str
    rows: str
    scaler: str
    encoding: str
    lost: Mapping[int, str] = field(repr=False)


def encode_record(record: ProxyRecord) -> dict[str, Any]:
    r"""Returns a record as a dict for JSON.

    Args:
        record: whose proxy it is.
    """
    lost = [[row, why[:_LONGEST_REASON]] for row, why in sorted(record.lost.items())]
    return {**asdict(record), "lost": lost}


def decode_record(stored: Mapping[str, Any], n_frames: int) -> ProxyRecord:
    r"""Returns the record that :func:`encode_record` made a dict.

    Args:
        stored: as it was read.
        n_frames: number of frames of the proxy.

    Raises:
        ValueError: if it makes no sense, or another error of a foreign dict.
    """
    lost = dict(stored["lost"])
    names = ("name", "index_id", "rows", "scaler", "encoding")
    texts = {name: stored[name] for name in names}
    numbers = [type(row) is int and 0 <= row < n_frames for row in lost]
    strings = (*texts.values(), *lost.values())
    if not all(isinstance(text, str) for text in strings) or not all(numbers):
        raise ValueError("impossible proxy")
    return ProxyRecord(video=checked_fingerprint(stored["video"]), lost=lost, **texts)


def checked_fingerprint(stored: Mapping[str, Any]) -> Fingerprint:
    r"""Returns a fingerprint that was read.

    Args:
        stored: its fields by name.

    Raises:
        ValueError: if it is none.
    """
    fingerprint = Fingerprint(**stored)
    texts = (fingerprint.etag, fingerprint.digest)
    if not is_count(fingerprint.size) or not all(isinstance(text, str) for text in texts):
        raise ValueError("impossible fingerprint")
    return fingerprint


def is_count(value: Any) -> bool:
    r"""Returns whether a value that was read can be a number of frames or bytes."""
    return type(value) is int and 0 <= value < 1 << 62
