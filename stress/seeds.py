r"""Real inputs to start from: made clips, and a corpus of real files if there is one."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.fingerprint import take_fingerprint
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._sidecar.proxy_record import ProxyRecord
from temporaldata_video._sidecar.sidecar_header import (
    _METADATA_KEY,
    encode_header,
    encode_segment,
)
from temporaldata_video.testing import make_clip

from .targets import CLOCK_SUFFIXES, CLOCKS, pack

# Large enough for the headers of any file of the corpus, small enough to be quick.
_MAX_VIDEO = 200_000
CLIPS = {
    "plain": {},
    "fragmented": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "sound": {"audio": True, "second_video": True},
    "mpeg4": {"codec": "mpeg4", "b_frames": 0},
    "hevc": {"codec": "libx265", "open_gop": True},
}


def seeds(target: str, folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns inputs that a target takes as they are.

    Args:
        target: its name.
        folder: where clips are made.
        corpus: the folder of a corpus of real files.
    """
    if target in ("packets", "video"):
        return videos(folder, corpus)
    return {
        "parameter_sets": parameter_sets,
        "header": headers,
        "sidecar": sidecars,
        "rows": rows,
        "clock": clocks,
        "pose": poses,
        "pointer": pointers,
    }[target](folder, corpus)


def videos(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns videos, the largest left out."""
    made = []
    for name, options in CLIPS.items():
        path = folder / f"{name}.mp4"
        if not path.exists():
            make_clip(path, 18, size=(32, 32), gop=6, **options)
        made.append(path.read_bytes())
    found = sorted(corpus.iterdir()) if corpus else []
    videos = (path for path in found if path.suffix in (".mp4", ".mov", ".3gp"))
    return made + [p.read_bytes() for p in videos if p.stat().st_size < _MAX_VIDEO]


def parameter_sets(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns codec configurations and first packets."""
    found = []
    for data in videos(folder, corpus):
        for kind in (b"avcC", b"hvcC"):
            at = data.find(kind)
            if at >= 4:
                length = int.from_bytes(data[at - 4 : at], "big")
                found.append(data[at + 4 : at - 4 + length])
        at = data.find(b"mdat")
        found.append(data[at + 4 : at + 900])
    return found


def headers(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns headers of sidecars."""
    videos(folder)
    store, found = LocalStore(), []
    for name in CLIPS:
        segment = build_segment(store, str(folder / f"{name}.mp4"))
        encoded = [encode_segment(f"{name}.mp4", segment)] * 2
        video = take_fingerprint(store, str(folder / f"{name}.mp4"))
        proxy = ProxyRecord(
            "8x8.proxy", video, "id", "ab", "9.5.102", "crf 18", {0: "Invalid data"}
        )
        found.append(encode_header(encoded)[_METADATA_KEY])
        found.append(encode_header(encoded, proxy=proxy)[_METADATA_KEY])
    return found


def sidecars(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns videos with their sidecars."""
    found = []
    for name in CLIPS:
        path = _indexed(folder, name)
        files = {"cam.mp4": path.read_bytes()}
        root = folder / f"{name}.mp4.lance"
        for file in sorted(root.rglob("*")):
            if file.is_file():
                files[f"cam.mp4.lance/{file.relative_to(root)}"] = file.read_bytes()
        found.append(pack(files))
    return found


def rows(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns videos with columns and header of their sidecars."""
    import lance

    found = []
    for name in CLIPS:
        path = _indexed(folder, name)
        dataset = lance.dataset(f"{path}.lance")
        header = json.loads(dataset.schema.metadata[_METADATA_KEY])
        for segment in header["segments"]:
            segment["uri"] = "cam.mp4"
        files = {
            "cam.mp4": path.read_bytes(),
            "columns": json.dumps(dataset.to_table().to_pydict()).encode(),
            "header": json.dumps(header).encode(),
        }
        found.append(pack(files))
    return found


def _indexed(folder: Path, name: str) -> Path:
    videos(folder)
    path = folder / f"{name}.mp4"
    if not Path(f"{path}.lance").exists():
        tv.write_index(path, progress=False)
    return path


def clocks(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns clock files behind two bytes that say what they are."""
    times = np.arange(50) / 30
    files: dict[str, list[bytes]] = {suffix: [] for suffix in CLOCK_SUFFIXES}
    for values in (times, times.astype("<f4"), np.arange(50), times[:, None]):
        buffer = io.BytesIO()
        np.save(buffer, values)
        files[".npy"].append(buffer.getvalue())
    rows = "\n".join(f"{k},{t:.6f}" for k, t in enumerate(times))
    files[".csv"] += [rows.encode(), f"frame,time\n{rows}".encode("utf-16")]
    files[".txt"].append(rows.replace(",", " ").encode())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"frame": np.arange(50), "time": times}), buffer)
    files[".parquet"].append(buffer.getvalue())
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["time"] = times
    files[".h5"].append(buffer.getvalue())
    for path in sorted((corpus / "timestamps").iterdir()) if corpus else ():
        if path.suffix in files:
            files[path.suffix].append(path.read_bytes()[:20_000])
    return [
        bytes([CLOCK_SUFFIXES.index(suffix), how]) + data
        for suffix, contents in files.items()
        for data in contents
        for how in range(len(CLOCKS))
    ]


def poses(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns pose tables behind a byte that says what they are."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["tracks"] = np.zeros((1, 2, 3, 5))
        file["node_names"] = np.array([b"a", b"b", b"c"])
    table = "scorer,net,net\nbodyparts,nose,nose\ncoords,x,y\n"
    rows = "".join(f"{k},1.5,2.5\n" for k in range(5))
    return [b"\0" + buffer.getvalue(), b"\xff" + (table + rows).encode()]


def pointers(folder: Path, corpus: Path | None = None) -> list[bytes]:
    r"""Returns the attributes of a video in an HDF5 file."""
    videos(folder)
    path = folder / "plain.mp4"
    tv.write_index(path, overwrite=True, progress=False)
    with h5py.File(folder / "seed.h5", "w") as file:
        group = file.create_group("video")
        tv.LazyVideo.from_uri(path, resize=(8, 8)).to_hdf5(group)
        attributes = {
            name: value.astype(str).tolist() if isinstance(value, np.ndarray) else value
            for name, value in group.attrs.items()
        }
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in attributes.items()}
    for name in ("options", "parts"):
        plain[name] = json.loads(plain[name])
    return [json.dumps(plain).encode()]


def dictionary() -> list[bytes]:
    r"""Returns words that an input of some target is made of."""
    kinds = b"ftyp moov mvhd trak tkhd edts elst mdia mdhd hdlr minf stbl stsd stts ctts"
    kinds += b" stsc stsz stz2 stco co64 stss mvex trex moof traf tfhd tfdt trun sidx meta"
    kinds += b" avc1 avcC hvc1 hvcC mp4v esds covr vide soun free skip mdat"
    words = b"null true 1e308 -1 NaN uri frames stream hidden fingerprint time_base".split()
    return kinds.split() + words + [base64.b64encode(b"\0" * 16)]
