r"""What tests of several modules ask of videos, and what they make of recordings."""

from __future__ import annotations

import copy
import os

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries, RegularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import LFP_RATE, Recording, read_numbers
from temporaldata_video.testing.damage import box_places

SECONDS = 6.0

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def numbers(video) -> list[int]:
    r"""Returns the numbers that the frames of a video show."""
    return read_numbers(video.frames).tolist()


def words(report) -> str:
    r"""Returns what a report prints, without the spaces of its table."""
    return " ".join(str(report).split())


def right(window) -> bool:
    r"""Says whether the frames of a window show the numbers that it says they have."""
    return numbers(window) == window.frame_indices.tolist()


def write_four_columns(path, tables, clock) -> None:
    r"""Writes a sidecar as other writers do, without the positions of packets.

    Args:
        path: of the sidecar, which is overwritten.
        tables: presentation times of each segment, in ticks.
        clock: timestamps of all frames, in seconds.
    """
    import lance
    import pyarrow as pa

    counts = [len(table) for table in tables]
    columns = {
        "segment_idx": np.repeat(np.arange(len(tables)), counts),
        "local_frame_idx": np.concatenate([np.arange(n) for n in counts]),
        "pts": np.concatenate(tables).astype(np.int64),
        "timestamp": clock,
    }
    lance.write_dataset(pa.table(columns), str(path), mode="overwrite")


def make_data(recording: Recording, **options) -> Data:
    r"""Returns a recording as the host holds it, its video twice; options are for that."""
    domain = Interval(0.0, SECONDS)
    spikes = IrregularTimeSeries(
        timestamps=recording.spike_timestamps,
        unit_index=recording.spike_unit_index,
        domain=domain,
    )
    lfp = RegularTimeSeries(raw=recording.lfp, sampling_rate=LFP_RATE, domain="auto")
    video = tv.LazyVideo.from_uri(recording.video, **options)
    return Data(
        session_id="day1",
        spikes=spikes,
        lfp=lfp,
        trials=Interval(recording.trial_start, recording.trial_end),
        video=video,
        behavior=Data(video=copy.copy(video), lfp=copy.copy(lfp), domain=domain),
        domain=domain,
    )


def assert_window(video, clock, start, end, origin) -> None:
    r"""Asserts that a lazy video has the frames of a window, counted from an origin."""
    expected = np.flatnonzero((clock >= start) & (clock < end))
    assert type(video) is tv.LazyVideo
    assert video.frame_indices.tolist() == expected.tolist()
    assert np.array_equal(video.timestamps, clock[expected] - origin)
    assert numbers(video) == expected.tolist()


def say_that_some_are_key_frames(path, wrong: list[int]) -> None:
    r"""Moves entries of the table of key frames to frames that are none."""
    data = bytearray(path.read_bytes())
    (stss,) = (place for place in box_places(bytes(data)) if place.kind == b"stss")
    for entry, frame in enumerate(wrong, 1):
        at = stss.start + 16 + 4 * entry
        data[at : at + 4] = (frame + 1).to_bytes(4, "big")
    path.write_bytes(data)
