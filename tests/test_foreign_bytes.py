r"""Readers of bytes that others wrote: whatever they are given, they answer or refuse."""

from __future__ import annotations

import json
import os
import random
import shutil

import h5py
import lance
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import temporaldata_video as tv
from stress.fuzz import mutate
from stress.seeds import seeds
from stress.targets import TARGETS
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._pose.frame_count import check_pose
from temporaldata_video.errors import FrameIndexError, IndexFormatError, SourceError
from temporaldata_video.testing import make_clip
from temporaldata_video.testing.damage import DAMAGES, box_places, damaged, damaged_json

# Lance reports its own panics to stderr, which pytest keeps.
EXAMPLES = {"packets": 120, "parameter_sets": 200, "header": 200, "clock": 120, "pose": 60}
EXAMPLES |= {"pointer": 40, "sidecar": 60, "rows": 60, "video": 40}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    return {target: seeds(target, folder) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_a_reader_takes_what_is_whole(known, target):
    assert sum(map(TARGETS[target], known[target])) >= len(known[target]) / 8


@pytest.mark.parametrize("target", TARGETS)
def test_a_reader_survives_anything(known, target):
    @settings(
        max_examples=EXAMPLES[target],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(known[target]), st.randoms(use_true_random=False))
    def survive(data, chance):
        TARGETS[target](mutate(target, data, chance))

    survive()


@given(st.binary(max_size=200), st.integers(0, 1 << 32))
def test_damage_is_the_same_for_one_seed(data, seed):
    assert damaged(data, random.Random(seed)) == damaged(data, random.Random(seed))


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_is_one(name):
    data = random.Random(0).randbytes(20_000)
    changed = [DAMAGES[name](data, random.Random(seed)) != data for seed in range(20)]
    assert sum(changed) >= 18


def test_boxes_are_found_at_all_depths(known):
    kinds = [place.kind for place in box_places(known["packets"][0])]
    assert {b"moov", b"stsz", b"avcC", b"elst"} <= set(kinds)


def test_damaged_json_leaves_its_argument(known):
    value = json.loads(known["header"][0])
    kept = json.dumps(value)
    changed = [damaged_json(value, random.Random(seed)) for seed in range(20)]
    assert json.dumps(value) == kept and any(json.dumps(c) != kept for c in changed)


# What fuzzing found --------------------------------------------------------------------


@pytest.fixture
def own_clip(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32), gop=6)
    tv.write_index(path, progress=False)
    return path


def rewrite(path, change_header=None, **columns):
    r"""Writes a sidecar anew with other columns or another header."""
    uri = f"{path}.lance"
    table = lance.dataset(uri).to_table()
    metadata = dict(table.schema.metadata)
    for name, change in columns.items():
        values = table.column(name).to_pylist()
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, [change(values)])
    header = json.loads(metadata[b"temporaldata_video"])
    if change_header is not None:
        change_header(header["segments"][0])
    header["index_id"] = "another"
    metadata[b"temporaldata_video"] = json.dumps(header).encode()
    table = table.replace_schema_metadata(metadata)
    lance.write_dataset(table, uri, mode="overwrite", data_storage_version="2.0")


# Sidecars of before have nothing of these.
LATER_FACTS = ("chroma_location", "field_order")


def first(value):
    return lambda values: [value, *values[1:]]


def test_packets_that_are_all_the_whole_file_are_refused(own_clip):
    size = own_clip.stat().st_size
    rewrite(own_clip, pos=lambda rows: [0] * 24, size=lambda rows: [size] * 24)
    with pytest.raises(IndexFormatError, match=f"24 packets of {24 * size} bytes in all"):
        _ = tv.LazyVideo.from_uri(own_clip).frames


@pytest.mark.parametrize(
    "columns",
    [
        {"pos": first(-1)},
        {"pos": first(1 << 40)},
        {"pos": first((1 << 63) - 1)},
        {"size": first((1 << 31) - 1)},
        {"size": first(0)},
        {"size": first(-5)},
        {"pts": first(None)},
        {"pos": lambda values: [float(v) for v in values]},
        {"keyframe": lambda values: [str(v) for v in values]},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_rows_that_lie_are_refused_before_anything_is_read(own_clip, columns):
    rewrite(own_clip, **columns)
    with pytest.raises(IndexFormatError, match="overwrite"):
        _ = tv.LazyVideo.from_uri(own_clip).frames


def test_infinite_timestamps_in_a_sidecar_are_refused(own_clip):
    rewrite(own_clip, timestamp=first(float("inf")))
    with pytest.raises(IndexFormatError, match="'timestamp'"):
        _ = tv.LazyVideo.from_uri(own_clip).timestamps


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 10**9),
        ("height", "64"),
        ("rotation", 45),
        ("color_range", 1 << 40),
        ("chroma_location", "middle"),
        ("field_order", 2),
        ("reorder", -1),
        ("reorder", 1025),
        ("reorder", (1 << 31) - 1),
        ("codec", "qtrle"),
        ("codec", None),
        ("container", "concat"),
        ("container", "hls,mov"),
        ("mirrored", 1),
        ("time_base", [0, 1]),
        ("time_base", [-1, 30]),
        ("time_base", [1, 1 << 31]),
        ("codec_tag", "avc1"),
    ],
)
def test_a_stream_that_no_video_has_is_refused(own_clip, field, value):
    rewrite(own_clip, lambda segment: segment["stream"].update({field: value}))
    with pytest.raises(IndexFormatError, match=f"is damaged .*{field}"):
        _ = tv.LazyVideo.from_uri(own_clip).frames


def test_a_stream_of_which_less_is_known_decodes(own_clip):
    expected = tv.LazyVideo.from_uri(own_clip).frames
    rewrite(own_clip, lambda s: [s["stream"].pop(name) for name in LATER_FACTS])
    assert np.array_equal(tv.LazyVideo.from_uri(own_clip).frames, expected)


def test_colours_that_cannot_be_converted(own_clip):
    # YCgCo of even more bits than FFmpeg knows, and the like.
    for space in (8, 14, 15, 200):
        rewrite(own_clip, lambda s, space=space: s["stream"].update(color_space=space))
        video = tv.LazyVideo.from_uri(own_clip)
        try:
            assert video.frames.shape == (24, 3, 32, 32)
        except tv.DecodeError as error:
            assert "does not decode" in str(error)


def test_a_codec_tag_that_is_no_text_decodes(own_clip):
    expected = tv.LazyVideo.from_uri(own_clip).frames
    rewrite(own_clip, lambda segment: segment["stream"].update(codec_tag=0x80636D31))
    assert np.array_equal(tv.LazyVideo.from_uri(own_clip).frames, expected)


def test_a_name_that_no_system_has_is_refused(own_clip):
    rewrite(own_clip, lambda segment: segment.update(uri="cam\0.mp4"))
    with pytest.raises(IndexFormatError, match="impossible uri"):
        _ = tv.LazyVideo.from_uri(own_clip).frames


def test_hidden_packets_that_lie_are_refused(own_clip):
    def change(segment):
        segment["hidden"] = {name: [1 << 40] for name in segment["hidden"]}

    rewrite(own_clip, change)
    with pytest.raises(IndexFormatError, match="header of the index"):
        _ = tv.LazyVideo.from_uri(own_clip).frames


def test_a_huge_segment_number_allocates_nothing(own_clip):
    uri = f"{own_clip}.lance"
    table = lance.dataset(uri).to_table(
        columns=["segment_idx", "local_frame_idx", "pts", "timestamp"]
    )
    table = table.set_column(0, "segment_idx", [[1 << 60] * len(table)])
    table = table.replace_schema_metadata(None)
    lance.write_dataset(table, uri, mode="overwrite", data_storage_version="2.0")
    with pytest.raises(IndexFormatError, match="do not count segments by segment_idx"):
        tv.LazyVideo.from_uri(own_clip)


def test_four_columns_without_their_data(own_clip):
    uri = f"{own_clip}.lance"
    table = lance.dataset(uri).to_table(
        columns=["segment_idx", "local_frame_idx", "pts", "timestamp"]
    )
    shutil.rmtree(uri)
    plain = table.replace_schema_metadata(None)
    lance.write_dataset(plain, uri, data_storage_version="2.0")
    (data,) = own_clip.parent.glob("cam.mp4.lance/data/*.lance")
    os.truncate(data, data.stat().st_size // 2)
    with pytest.raises(IndexFormatError, match="overwrite=True"):
        tv.LazyVideo.from_uri(own_clip)


def test_a_page_on_which_arrow_ends_the_process(own_clip, run_python):
    (data,) = own_clip.parent.glob("cam.mp4.lance/data/*.lance")
    content = data.read_bytes()
    assert b"lance.encodings.ArrayEncoding" in content
    data.write_bytes(content.replace(b"ArrayEncoding", b"Array\0ncoding"))
    program = """
import sys, temporaldata_video as tv
for read in (lambda v: v.timestamps, lambda v: v.frames):
    try:
        read(tv.LazyVideo.from_uri(sys.argv[1]))
    except tv.IndexFormatError as error:
        print("refused")
"""
    assert run_python(program, own_clip).count("refused") == 2


def test_a_manifest_on_which_lance_panics(own_clip):
    (manifest,) = own_clip.parent.glob("cam.mp4.lance/_versions/*.manifest")
    data = manifest.read_bytes()
    manifest.write_bytes(data.replace(b"int64", b"in|64"))
    with pytest.raises(IndexFormatError, match="damaged"):
        tv.LazyVideo.from_uri(own_clip)


def test_a_data_file_that_claims_more_columns_than_memory_has(own_clip):
    (file,) = own_clip.parent.glob("cam.mp4.lance/data/*.lance")
    data = bytearray(file.read_bytes())
    assert int.from_bytes(data[-12:-8], "little") == 8
    data[-12:-8] = (2**31).to_bytes(4, "little")
    file.write_bytes(data)
    with pytest.raises(IndexFormatError, match="damaged"):
        tv.LazyVideo.from_uri(own_clip)


@pytest.mark.parametrize("version", ["legacy", "2.0", "2.1"])
def test_sidecars_in_every_file_format_of_lance(own_clip, version):
    import lance

    frames = tv.LazyVideo.from_uri(own_clip).frames
    table = lance.dataset(f"{own_clip}.lance").to_table()
    shutil.rmtree(f"{own_clip}.lance")
    lance.write_dataset(table, f"{own_clip}.lance", data_storage_version=version)
    assert np.array_equal(tv.LazyVideo.from_uri(own_clip).frames, frames)


class ByLance:
    r"""A store whose sidecars Lance reads itself, without an option."""

    def head(self, key):
        return LocalStore().head(self._path(key))

    def open(self, key):
        return LocalStore().open(self._path(key))

    def lance_connection(self):
        return "file-object-store://", {}

    def _path(self, key):
        return key.removeprefix("own://")


def test_a_sidecar_that_lance_alone_reaches(own_clip):
    expected = tv.LazyVideo.from_uri(own_clip).frames
    video = tv.LazyVideo.from_uri(f"own://{own_clip}", store=ByLance())
    assert np.array_equal(video.frames, expected)


def test_opening_again_keeps_what_is_open(own_clip):
    from temporaldata_video._sidecar import lance_access

    _ = tv.LazyVideo.from_uri(own_clip).timestamps
    (before,) = (v for (u, *_), v in lance_access._OPENED.items() if str(own_clip) in u)
    _ = tv.LazyVideo.from_uri(own_clip).timestamps
    (after,) = (v for (u, *_), v in lance_access._OPENED.items() if str(own_clip) in u)
    assert after is before and () in after.tried


def test_video_of_an_unknown_codec(own_clip):
    data = own_clip.read_bytes().replace(b"avc1\0\0", b"zzz1\0\0")
    own_clip.write_bytes(data)
    with pytest.raises(SourceError, match="codec"):
        tv.write_index(own_clip, overwrite=True, progress=False)


def test_a_pose_table_that_is_a_datatype(tmp_path):
    path = tmp_path / "pose.h5"
    with h5py.File(path, "w") as file:
        file["tracks"] = np.dtype("f8")
        file["node_names"] = np.dtype("f8")
    with pytest.raises(ValueError, match="no pose table"):
        check_pose(path, 5, "cam.mp4")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parts", "[]"),
        ("parts", '[{"uri": 5, "further_uris": [], "index_uri": null, "frames": [1]}]'),
        ("parts", "[" * 100_000),
        ("options", '{"resize": [1e9, 1], "colorspace": "RGB"}'),
        ("origin", "soon"),
    ],
)
def test_a_pointer_that_makes_no_sense(own_clip, tmp_path, name, value):
    with h5py.File(tmp_path / "rec.h5", "w") as file:
        group = file.create_group("video")
        tv.LazyVideo.from_uri(own_clip).to_hdf5(group)
        group.attrs[name] = value
        with pytest.raises(FrameIndexError, match="is damaged"):
            tv.LazyVideo.from_hdf5(group)
