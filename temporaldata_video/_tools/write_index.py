r"""Indexes a video: one time for each frame of its files, written as a sidecar."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from .._build.file_index import build_segment, prove_segment, with_proof
from .._build.memory_build import container_clock_of, warn_of_clocks
from .._clock.clock import as_clock
from .._clock.clock_facts import clock_facts
from .._clock.fit import fit_clock
from .._clock.read_clock import read_stamps
from .._plugin.place import locate
from .._pose.frame_count import check_pose
from .._sidecar.sidecar import LanceFrameIndex
from .._sidecar.sidecar_write import check_vacant, write_sidecar
from ..types import ObjectStore


def write_index(
    uri: str | os.PathLike[str],
    *,
    timestamps: Any = None,
    column: str | int | None = None,
    segment_uris: Sequence[str | os.PathLike[str]] | None = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    on_mismatch: Literal["raise", "trim"] = "raise",
    on_nan: Literal["raise", "drop"] = "raise",
    pose: str | os.PathLike[str] | None = None,
    method: Literal["auto", "header", "demux"] = "auto",
    verify: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> LanceFrameIndex:
    r"""Indexes a video and writes the sidecar beside it, in one commit.

    Args:
        uri: the video, or its first file.
        timestamps: when each frame was taken: an array of seconds of shape (n,), the path
            of a ``.npy``, text, Parquet or HDF5 file of seconds, or a
            :obj:`~temporaldata_video.Clock` that says more. The container's own clock by
            default. Steps back, and jumps of more than a day, are refused unless a
            ``Clock`` allows them.
        column: name or number of the clock's column in a table.
        segment_uris: the further files of a video that is cut into several.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the sidecar goes; beside the video by default.
        on_mismatch: what to do about more frames than timestamps, or the reverse:
            ``"raise"``, or ``"trim"`` to drop the surplus at the end with a warning.
        on_nan: what to do about timestamps that are NaN: ``"raise"``, or ``"drop"`` to
            leave out their frames.
        pose: a pose table of SLEAP (``.analysis.h5``) or DeepLabCut (``.h5``, ``.csv``);
            the video must have as many frames as it has rows.
        method: ``"header"`` to read only the header of an MP4, MOV or 3GP file,
            ``"demux"`` to read any file packet by packet, or ``"auto"`` for the header
            where it is enough.
        verify: decode everything, in sequence and from each key frame. The decoder then
            says the order of all frames, reads start only at key frames from which frames
            come out as in sequence, and the index keeps a checksum of each frame for
            ``check --checksums``.
        overwrite: replace an index that is there already.
        progress: show a progress bar for long files.

    Returns:
        The index, opened.

    Raises:
        SourceError: if a file cannot be read or is no video.
        ClockError: if the clock has a fault, or does not fit the frames.
        ValueError: if the clock cannot be read, or the pose table is of another video.
        FrameIndexError: if there is an index already, or it cannot be written.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> index.timestamps()[:3].round(3)
        array([0.   , 0.033, 0.067])
    """
    clock = as_clock(timestamps, column=column, on_mismatch=on_mismatch, on_nan=on_nan)
    place = locate(
        uri,
        segment_uris or (),
        store=store,
        storage_options=storage_options,
        index_uri=index_uri,
    )
    uris, store, target = place.uris, place.reader, place.sidecar_uri
    target_store = place.store_of(target)
    if not overwrite:
        check_vacant(target, target_store)
    stamps = read_stamps(clock)
    segments = [
        build_segment(store, u, method=method, progress=progress, thorough=verify)
        for u in uris
    ]
    if pose is not None:
        check_pose(pose, sum(map(len, segments)), uris[0])
    if clock.is_container:
        warn_of_clocks(uris, segments)
    times, report = fit_clock(clock, stamps, container_clock_of(segments), uris[0])
    checksums = None
    if verify:
        proofs = [prove_segment(store, u, s, progress) for u, s in zip(uris, segments)]
        segments = [with_proof(s, proof) for s, proof in zip(segments, proofs)]
        checksums = np.concatenate([proof.checksums for proof in proofs])
    return write_sidecar(
        target,
        uris,
        segments,
        times,
        clock=clock_facts(report),
        checksums=checksums,
        store=target_store,
        overwrite=overwrite,
    )
