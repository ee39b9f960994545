r"""Checks frames against the checksums that a verified index keeps of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..._base.progress import progress_bar
from ..._base.uris import file_name
from ..._decode.keyframes import checksums
from ..._sidecar.sidecar import LanceFrameIndex
from ...types import FrameIndex
from .finding import Finding, Severity, command, counted
from .subject import CheckedFile


def check_checksums(
    index: FrameIndex, files: Sequence[CheckedFile], name: str, uri: str, progress: bool
) -> Iterator[Finding]:
    r"""Finds frames that decode to other pixels than when the video was indexed.

    Args:
        index: the index.
        files: its files, indexed anew.
        name: the video as a user would type it.
        uri: the video, or its first file.
        progress: show a progress bar.
    """
    if not (isinstance(index, LanceFrameIndex) and index.verified):
        yield Finding(
            Severity.WARNING,
            "no-checksums",
            "the index keeps no checksums",
            "Nobody can tell whether frames are still what they were.",
            f"{command('index', '--verify', '--overwrite', name)} --timestamps TIMES "
            f"(leave --timestamps out for the container's own clock)",
            uri,
        )
        return
    stored = np.split(index.checksums(), np.cumsum(index.segment_frame_counts())[:-1])
    for file, expected in zip(files, stored):
        label = file_name(file.video_file.uri)
        with progress_bar(label, len(file.index), progress) as advance:
            found = checksums(file.video_file, advance)
        shared = min(len(found), len(expected))
        wrong = np.flatnonzero(found[:shared] != expected[:shared])
        if len(wrong):
            yield Finding(
                Severity.ERROR,
                "checksums-differ",
                f"{len(wrong)} of {counted(shared, 'frame')} decode to other pixels than "
                f"when they were indexed, the first is {wrong[0]}",
                "The file was damaged since, or another FFmpeg decodes it in another way.",
                "copy the file again from where it came from",
                file.video_file.uri,
            )
