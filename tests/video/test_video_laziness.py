r"""What reads no byte of a video, and what a window reads: counted by a store."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video.testing import make_clip
from tests.helpers import right, write_four_columns

# Kept outside of the stores: a store is copied and pickled, its records must not be.
READS: list[tuple[int, int]] = []
OPENED: list[str] = []


@dataclass(frozen=True)
class RecordingStore:
    r"""Local files, with a record of every byte that is asked for."""

    inner: LocalStore = field(default_factory=LocalStore)

    def head(self, key):
        return self.inner.head(key)

    def read_range(self, key, start, length, etag=None):
        READS.append((start, start + length))
        return self.inner.read_range(key, start, length, etag)

    def open(self, key):
        OPENED.append(key)
        return self.inner.open(key)


@pytest.fixture(autouse=True)
def record(configure):
    r"""Starts without records, and without decoders that earlier windows left behind."""
    configure(decoders=0)
    READS.clear()
    OPENED.clear()


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory):
    r"""900 frames, a key frame every 30."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    make_clip(path, 900, rate=30, gop=30, b_frames=0)
    tv.write_index(path, progress=False)
    return path


@pytest.fixture
def decoders(monkeypatch):
    r"""The decoders that are made from now on."""
    import av

    made: list[str] = []
    create = av.CodecContext.create

    class Witness:
        @staticmethod
        def create(codec, *arguments, **options):
            made.append(codec)
            return create(codec, *arguments, **options)

    monkeypatch.setattr(av, "CodecContext", Witness)
    return made


def opened(path, **options):
    return tv.LazyVideo.from_uri(path, store=RecordingStore(), **options)


ATTRIBUTES = [
    "timestamps",
    "frame_indices",
    "frame_count",
    "shape",
    "metadata",
    "uri",
    "resize",
    "colorspace",
    "channel_format",
    "segment_frame_counts",
    "segment_frame_offsets",
    "domain",
]
LOOKS = {
    "construct": lambda video, folder: None,
    "slice": lambda video, folder: video.slice(1.0, 2.0),
    "lazy_slice": lambda video, folder: video.lazy_slice(1.0, 2.0).lazy_slice(1.2, 1.4),
    "empty slice": lambda video, folder: video.slice(2.0, 1.0).shape,
    "data slice": lambda video, folder: (
        Data(video=video, domain=Interval(0.0, 9.0)).slice(1.0, 2.0).slice(0.1, 0.5)
    ),
    "select_by_mask": lambda video, folder: video.select_by_mask(video.timestamps > 1.0),
    "select_by_interval": lambda video, folder: video.select_by_interval(
        Interval(np.array([0.0, 2.0]), np.array([1.0, 3.0]))
    ),
    "concat": lambda video, folder: tv.concat([video.slice(0, 1), video.slice(1, 2)]),
    "resample": lambda video, folder: video.resample(np.linspace(0.0, 1.0, 7)),
    "copy": lambda video, folder: copy.copy(video),
    "deepcopy": lambda video, folder: copy.deepcopy(video.slice(0.0, 1.0)),
    "pickle": lambda video, folder: len(pickle.loads(pickle.dumps(video)).slice(1, 2)),
    "repr": lambda video, folder: repr(video) + str(video.slice(0.0, 1.0)),
    "save": lambda video, folder: Data(video=video, domain=Interval(0.0, 9.0)).save(
        folder / "rec.h5"
    ),
    "cost": lambda video, folder: video.slice(1.0, 2.0).cost(),
    "attributes": lambda video, folder: [
        getattr(video.slice(0.5, 1.5), name) for name in ATTRIBUTES
    ],
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_looking_reads_no_byte_and_makes_no_decoder(clip, tmp_path, decoders, look):
    video = opened(clip)
    look(video, tmp_path)
    look(video.slice(0.5, 3.5), tmp_path)
    assert READS == [] and OPENED == [] and decoders == []
    # The witnesses can see: decoding one frame leaves traces on both.
    video.slice(1.0, 1.01).frames  # noqa: B018
    assert READS and decoders


def test_loading_reads_no_byte_either(clip, tmp_path, run_python):
    video = tv.LazyVideo.from_uri(clip)
    Data(video=video, domain=Interval(0.0, 9.0)).save(tmp_path / "rec.h5")
    program = """
import sys
import temporaldata_video as tv
from temporaldata import Data
window = Data.load(sys.argv[1]).slice(1.0, 2.0).video
print(repr(window), window.shape, window.cost().frames, "av" in sys.modules)
"""
    assert "(30, 3, 64, 96) 30 False" in run_python(program, tmp_path / "rec.h5")


def test_a_pointer_alone_does_not_look_for_its_video(clip, tmp_path):
    Data(video=tv.LazyVideo.from_uri(clip), domain=Interval(0.0, 9.0)).save(
        tmp_path / "away.h5"
    )
    (tmp_path / "elsewhere").mkdir()
    # Copied without its video, the recording still knows its frames and times.
    (tmp_path / "elsewhere" / "rec.h5").write_bytes((tmp_path / "away.h5").read_bytes())
    video = Data.load(tmp_path / "elsewhere" / "rec.h5").slice(1.0, 2.0).video
    assert len(video) == 30 and video.frame_indices[0] == 30


def test_decoding_happens_once(clip, decoders):
    window = opened(clip).slice(1.0, 2.0)
    frames = window.frames
    read, made = len(READS), len(decoders)
    assert window.frames is frames and window.valid.all()
    window.slice(0.2, 0.4).frames  # noqa: B018 - cut out of what is there
    assert (len(READS), len(decoders)) == (read, made)


def rows_of(path):
    index = tv.LanceFrameIndex.open(f"{path}.lance")
    return index.segments[0].rows(0, len(index.segments[0]))


@pytest.mark.parametrize(
    ("start", "end"), [(10.0, 11.0), (10.4, 10.6), (0.0, 0.1), (29.5, 40.0)]
)
def test_a_window_reads_its_own_bytes(long_clip, start, end):
    video = opened(long_clip)
    window = video.slice(start, end)
    cost = window.cost()
    assert right(window)
    # From the first byte of its group of pictures to the last byte of the window.
    rows, frames = rows_of(long_clip), window.frame_indices
    first = frames[0] // 30 * 30
    needed = slice(first, frames[-1] + 1)
    low = rows.pos[needed].min()
    high = (rows.pos[needed] + rows.size[needed]).max()
    assert [(a >= low, b <= high) for a, b in READS] == [(True, True)] * len(READS)
    assert sum(b - a for a, b in READS) == cost.bytes and len(READS) == cost.ranges
    assert cost.frames == len(frames) and cost.decoded == frames[-1] + 1 - first


def test_cost_does_not_grow_with_the_recording(long_clip, tmp_path):
    short = make_clip(tmp_path / "short.mp4", 90, rate=30, gop=30, b_frames=0)
    tv.write_index(short, progress=False)
    brief = opened(short).slice(1.2, 1.8).cost()
    within_long = opened(long_clip).slice(1.2, 1.8).cost()
    assert brief.decoded == within_long.decoded
    assert brief.bytes == pytest.approx(within_long.bytes, rel=0.1)


def test_frames_far_apart_are_fetched_apart(tmp_path):
    # Noise does not compress, so that more than a range may waste lies between them.
    noise = np.random.default_rng(0)

    def paint(number, height, width):
        return noise.integers(0, 255, (height, width, 3), np.uint8)

    path = make_clip(tmp_path / "noise.mp4", 40, size=(96, 128), gop=1, paint=paint)
    tv.write_index(path, progress=False)
    video = opened(path)
    video.frames_at([0, 39])
    assert len(READS) == 2
    assert sum(b - a for a, b in READS) < path.stat().st_size / 10


def test_only_wanted_groups_are_decoded(long_clip):
    assert opened(long_clip).resample([1.0, 21.0]).cost().decoded == 2
    assert opened(long_clip).slice(1.5, 1.51).cost().decoded == 16


def test_windows_that_slide_do_not_decode_twice(long_clip, decoders, configure):
    configure(decoders=4)
    video = opened(long_clip)
    for start in np.arange(5.0, 9.0, 0.2):
        window = video.slice(start, start + 0.3)
        assert right(window)
    # One decoder for each of the four groups of pictures, and some to notice the pattern.
    assert len(decoders) <= 6


def test_a_sidecar_of_four_columns_is_opened_without_its_video(clip, tmp_path):
    pts = tv.LanceFrameIndex.open(f"{clip}.lance").pts_table(0)
    write_four_columns(tmp_path / "four.lance", [pts], np.arange(120) / 30)
    video = opened(clip, index_uri=tmp_path / "four.lance")
    assert len(video.slice(1.0, 2.0)) == 30
    pickle.loads(pickle.dumps(video))
    assert READS == [] and OPENED == []


def test_importing_is_cheap(run_python):
    program = """
import sys
before = set(sys.modules)
import temporaldata_video
heavy = "av lance torch fsspec matplotlib rich pyarrow.dataset s3fs aiohttp".split()
print("loaded:", [name for name in heavy if name in sys.modules and name not in before])
"""
    assert "loaded: []" in run_python(program)
