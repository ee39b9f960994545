r"""Indexes a video: one time for each frame of its files, written as a sidecar."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from .._build.file_index import build_segment, prove_segment, with_proof
from .._build.memory_build import pts_tables, warn_of_clocks
from .._clock.file_clocks import fit_file_clocks, read_file_clocks
from .._clock.pauses import check_max_gap
from .._plugin.place import Uris, locate
from .._pose.frame_count import check_pose
from .._sidecar.sidecar import LanceFrameIndex
from .._sidecar.sidecar_write import write_sidecar
from ..types import ObjectStore
from .freshness import fresh_index

_LOG = logging.getLogger(__name__)


def write_index(
    uri: Uris,
    *,
    timestamps: Any = None,
    column: str | int | None = None,
    segment_uris: Uris | None = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    on_mismatch: Literal["raise", "trim"] = "raise",
    on_nan: Literal["raise", "drop"] = "raise",
    max_gap: float | None = None,
    pose: str | os.PathLike[str] | None = None,
    method: Literal["auto", "header", "demux"] = "auto",
    verify: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> LanceFrameIndex:
    r"""Indexes a video and writes the sidecar beside it, in one commit.

    An index that is there already is kept, which is logged, if it is of these files and, if
    given, these ``timestamps``.

    Args:
        uri: the video; or the list of its files, a folder of them, or a path in whose
            last part ``*`` and ``?`` stand for other characters. Numbered files go in the
            order of their numbers, and the sidecar lies beside the first one.
        timestamps: when each frame was taken: an array of seconds of shape (n,), the path
            of a ``.npy``, text, Parquet or HDF5 file of seconds, or a
            :obj:`~temporaldata_video.Clock` that says more. One serves all files of a
            video; a list has one for each. By default, what a tool keeps in the folder
            of the files, or else the container's own clock. Steps back, and jumps of more
            than a day, are refused unless a ``Clock`` allows them.
        column: name or number of the clock's column in a table.
        segment_uris: the further file or files, where ``uri`` is the first one alone.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the sidecar goes; beside the video by default.
        on_mismatch: what to do about more frames than timestamps, or the reverse:
            ``"raise"``, or ``"trim"`` to drop the surplus at the end with a warning.
        on_nan: what to do about timestamps that are NaN: ``"raise"``, or ``"drop"`` to
            leave out their frames.
        max_gap: longest step of the clock in seconds that is no pause. The domain of the
            video leaves pauses out. By default 10 times the median step, and 1 s at least;
            ``np.inf`` for one domain from the first to the last frame.
        pose: a pose table of SLEAP (``.analysis.h5``) or DeepLabCut (``.h5``, ``.csv``);
            the video must have as many frames as it has rows. Of a ``.slp`` of SLEAP, it
            must have the last frame with a label.
        method: ``"header"`` to read only the header of an MP4, MOV or 3GP file,
            ``"demux"`` to read any file packet by packet, or ``"auto"`` for the header
            where it is enough.
        verify: decode everything, in sequence and from each key frame. The decoder then
            says the order of all frames, reads start only at key frames from which frames
            come out as in sequence, and the index keeps a checksum of each frame for
            ``check --checksums``.
        overwrite: index anew, whatever is there already.
        progress: show a progress bar for long files.

    Returns:
        The index, opened.

    Raises:
        SourceError: if a file cannot be read or is no video.
        ClockError: if the clock has a fault, or does not fit the frames.
        ValueError: if the clock cannot be read, the pose table is of another video, or
            ``max_gap`` is no positive number.
        FrameIndexError: if there is an index already which is damaged, stale, or of
            another clock, or it cannot be written.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> index.timestamps()[:3].round(3)
        array([0.   , 0.033, 0.067])
    """
    check_max_gap(max_gap)
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
        found = fresh_index(
            place,
            timestamps,
            pose,
            verify,
            max_gap,
            column=column,
            on_mismatch=on_mismatch,
            on_nan=on_nan,
        )
        if found is not None:
            _LOG.info("the index %s is fresh and was kept", found.uri)
            return found
    clocks = read_file_clocks(
        place.kept_clock if timestamps is None else timestamps,
        len(uris),
        column=column,
        on_mismatch=on_mismatch,
        on_nan=on_nan,
    )
    segments = [
        build_segment(store, u, method=method, progress=progress, thorough=verify)
        for u in uris
    ]
    if pose is not None:
        check_pose(pose, sum(map(len, segments)), uris[0])
    if all(clock.is_container for clock, *_ in clocks):
        warn_of_clocks(uris, segments)
    fitted = fit_file_clocks(clocks, pts_tables(segments), uris)
    checksums = None
    if verify:
        proofs = [prove_segment(store, u, s, progress) for u, s in zip(uris, segments)]
        segments = [with_proof(s, proof) for s, proof in zip(segments, proofs)]
        checksums = np.concatenate([proof.checksums for proof in proofs])
    return write_sidecar(
        target,
        uris,
        segments,
        fitted.times,
        again=fitted.again,
        clock=fitted.facts,
        max_gap=max_gap,
        checksums=checksums,
        store=target_store,
        overwrite=overwrite,
    )
