r"""All readers of foreign bytes, each as a function that any bytes may be given to.

A target returns whether the bytes made sense. It raises nothing that the reader promises,
and whatever else comes out of it is a mistake of the reader.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

import temporaldata_video as tv
from temporaldata_video._index.demux import scan_header
from temporaldata_video._index.display_matrix import display_transform
from temporaldata_video._index.fields import may_hold_fields
from temporaldata_video._index.headerfile import HeaderFile
from temporaldata_video._index.order import index_by_times, why_decode
from temporaldata_video._index.preamble import find_preamble
from temporaldata_video._pose.frame_count import check_pose
from temporaldata_video._sidecar.sidecar_header import decode_header, decode_segment
from temporaldata_video.errors import (
    IndexFormatError,
    IndexWarning,
    SourceError,
    VideoError,
    VideoWarning,
)
from temporaldata_video.types import StreamInfo

Target = Callable[[bytes], bool]

CLOCK_SUFFIXES = (".npy", ".csv", ".tsv", ".txt", ".ssv", ".dat", ".parquet", ".h5", ".mat")
CLOCKS = (
    {},
    {"column": 1},
    {"unit": "pointgrey"},
    {"unit": "iso8601", "origin": "epoch"},
    {"unit": "ticks", "frequency": 1e6, "bits": 16},
    {"frame_index": 0, "column": 1},
    {"origin": "first"},
)


def packets(data: bytes) -> bool:
    r"""The header of an MP4 file; the packets that FFmpeg finds lie within the file."""

    def read(start: int, length: int) -> bytes:
        assert 0 <= start <= start + length <= len(data)
        return data[start : start + length]

    try:
        scan = scan_header(HeaderFile(read, len(data)), "cam.mp4")
    except SourceError:
        return False
    if scan is None or not len(scan):
        return False
    assert scan.pos.min() >= 0 and (scan.pos + scan.size).max() <= len(data)
    if why_decode(scan):
        return True
    index = index_by_times(scan)
    assert len(index) + len(index.hidden) == len(scan)
    assert not scan.reorders or (np.diff(index.frames.pts) >= 0).all()
    return True


def parameter_sets(data: bytes) -> bool:
    r"""The readers of ``avcC``, packets, display matrices and encoders' signatures."""
    stream = StreamInfo("mov", 0, "h264", 0, data, 1, 64, 96)
    found = not may_hold_fields(stream, b"")
    packet = replace(stream, extradata=data[:8].ljust(8, b"\1"))
    may_hold_fields(packet, data)
    assert len(find_preamble(packet, data)) <= len(data)
    if len(data) >= 36:
        display_transform(struct.unpack_from("<9i", data))
    return found


def header(data: bytes) -> bool:
    r"""The header of a sidecar."""
    try:
        found = decode_header({b"temporaldata_video": data}, "cam.mp4.lance")
        for segment in found["segments"] if found else ():
            decode_segment(segment, "cam.mp4.lance")
    except IndexFormatError:
        return False
    return True


def sidecar(data: bytes) -> bool:
    r"""The files of a sidecar, packed by :func:`pack`."""
    try:
        files = unpack(data)
    except ValueError:
        return False
    with tempfile.TemporaryDirectory(dir=scratch()) as root:
        for name, contents in files.items():
            place = Path(root, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(contents)
        return _read_ends(Path(root, "cam.mp4"))


def rows(data: bytes) -> bool:
    r"""Rows and header of a sidecar that Lance finds well-formed, from JSON."""
    import lance
    import pyarrow as pa

    try:
        parts = unpack(data)
        columns, head = json.loads(parts["columns"]), parts["header"]
        table = pa.table(columns).replace_schema_metadata({b"temporaldata_video": head})
    except (ValueError, TypeError, ArithmeticError, AttributeError, KeyError):
        return False
    with tempfile.TemporaryDirectory(dir=scratch()) as root:
        path = Path(root, "cam.mp4")
        path.write_bytes(parts["cam.mp4"])
        try:
            lance.write_dataset(table, f"{path}.lance", data_storage_version="2.0")
        except (OSError, ValueError, RuntimeError):
            return False
        return _read_ends(path)


def _read_ends(path: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            found = tv.LazyVideo.from_uri(path)
            times = found.timestamps
            assert times.dtype == np.float64 and (np.diff(times) >= 0).all()
            ends = sorted({0, len(found) // 2, len(found) - 1} if len(found) else set())
            assert found.frames_at(ends).shape == (len(ends), *found.shape[1:])
    except (VideoError, IndexWarning):
        return False
    return True


def pack(files: dict[str, bytes]) -> bytes:
    r"""Returns several files as one input."""
    return b"".join(
        b"%s\n%d\n%s" % (name.encode(), len(contents), contents)
        for name, contents in files.items()
    )


def unpack(data: bytes) -> dict[str, bytes]:
    r"""Returns the files that :func:`pack` put together, by name.

    Raises:
        ValueError: if the bytes are none that it made.
    """
    files = {}
    while data:
        name, length, data = data.split(b"\n", 2)
        place = name.decode()
        if place.startswith("/") or ".." in place or not place.isprintable():
            raise ValueError(f"{place!r} is not below the folder")
        files[place], data = data[: int(length)], data[int(length) :]
    return files


def clock(data: bytes) -> bool:
    r"""The reader of clocks; the first two bytes choose kind of file and of clock."""
    kind, how = (data[:2] + b"\0\0")[:2]
    suffix = CLOCK_SUFFIXES[kind % len(CLOCK_SUFFIXES)]
    with tempfile.NamedTemporaryFile(suffix=suffix, dir=scratch()) as file:
        file.write(data[2:])
        file.flush()
        try:
            told = CLOCKS[how % len(CLOCKS)]
            times = tv.read_timestamps(tv.Clock(file.name, **told))
        except ValueError:
            return False
    assert times.dtype == np.float64 and times.ndim == 1 and not np.isinf(times).any()
    return True


def pose(data: bytes) -> bool:
    r"""The reader of pose tables; the first byte chooses the kind of file."""
    suffix = (".h5", ".csv")[data[:1] > b"\x7f"]
    with tempfile.NamedTemporaryFile(suffix=suffix, dir=scratch()) as file:
        file.write(data[1:])
        file.flush()
        try:
            check_pose(file.name, 5, "cam.mp4")
        except ValueError:
            return False
    return True


def video(data: bytes) -> bool:
    r"""A whole video: indexed in one way and the other, and read."""
    path = Path(scratch()) / "cam.mp4"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VideoWarning)
        try:
            found = tv.LazyVideo.from_uri(path, on_error="mask")
            if len(found) and np.prod(found.shape[1:]) < 1 << 24:
                _ = found.frames_at([0, len(found) // 2, len(found) - 1])
        except VideoError:
            return False
    return True


def pointer(data: bytes) -> bool:
    r"""The pointer to a video in an HDF5 file, all its attributes from JSON."""
    try:
        attributes = json.loads(data)
    except ValueError:
        return False
    path = os.path.join(scratch(), "rec.h5")
    with h5py.File(path, "w") as file:
        file.attrs["object"] = "Data"
        group = file.create_group("video")
        group["timestamps"], group["frame_indices"] = np.zeros(2), np.zeros(2, np.int64)
        for name, value in attributes.items() if isinstance(attributes, dict) else ():
            try:
                nested = isinstance(value, dict) or name == "parts"
                group.attrs[name] = json.dumps(value) if nested else value
            except (TypeError, ValueError, RuntimeError):
                return False
        _write_interval(group.create_group("domain"))
    with h5py.File(path) as file:
        try:
            found = tv.LazyVideo.from_hdf5(file["video"])
        except VideoError:
            return False
        # There may be no such video, or it may be another one.
        with contextlib.suppress(VideoError):
            _ = found.shape
    return True


def _write_interval(group: h5py.Group) -> None:
    from temporaldata import Interval

    Interval(0.0, 1.0).to_hdf5(group)


def scratch() -> str:
    r"""A folder of this process, in memory where there is such a place."""
    path = os.environ.get("STRESS_SCRATCH") or tempfile.gettempdir()
    folder = os.path.join(path, f"temporaldata-video-stress-{os.getpid()}")
    os.makedirs(folder, exist_ok=True)
    return folder


TARGETS: dict[str, Target] = {
    "packets": packets,
    "parameter_sets": parameter_sets,
    "header": header,
    "sidecar": sidecar,
    "rows": rows,
    "clock": clock,
    "pose": pose,
    "pointer": pointer,
    "video": video,
}
