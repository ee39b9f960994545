r"""Finds the videos that a user names: one by its uri, or those of a recording."""

from __future__ import annotations

import os
from typing import Any

from .._plugin.place import Uris, locate
from .._video.part import VideoPart
from .._video.pointer import read_pointer, video_groups
from .._video.recording import Recording


def named_videos(name: Uris, **options: Any) -> dict[str, Recording]:
    r"""Returns the videos that a name stands for.

    Args:
        name: a video; or the HDF5 file of a recording, which stands for all of its videos,
            or one of these: ``"rec.h5:face"``, ``"rec.h5:behavior.face"`` if it is nested.
        **options: of :func:`~temporaldata_video._plugin.place.locate`, for a video alone.

    Returns:
        Each video by its name in the recording; by ``""`` if it was named itself.

    Raises:
        SourceError: if it is not there.
        ValueError: if the recording has no such video, or options go with it.
    """
    path, wanted = _recording(name)
    if not path:
        part = VideoPart(locate(name, **options))
        part.reader.head(part.uri)  # a sidecar alone is no video
        return {"": Recording((part,))}
    import h5py

    with h5py.File(path, "r") as file:
        groups = {group.strip("/").replace("/", "."): group for group in video_groups(file)}
        if not groups:
            raise ValueError(f"the recording {path!r} points to no video.")
        if wanted and wanted not in groups:
            raise ValueError(
                f"the recording {path!r} has no video {wanted!r}; it has "
                f"{', '.join(groups)}."
            )
        if given := [option for option, value in options.items() if value is not None]:
            raise ValueError(f"{given[0]} is for a video, and {path!r} is a recording.")
        return {
            own: read_pointer(file[group], lazy=True).recording
            for own, group in groups.items()
            if wanted in ("", own)
        }


def only_video(name: Uris, **options: Any) -> Recording:
    r"""Returns the one video that a name stands for.

    Args:
        name: as for :func:`named_videos`.
        **options: as there.

    Raises:
        ValueError: if the recording has no such video, or several.
    """
    found = named_videos(name, **options)
    if len(found) > 1:
        raise ValueError(
            f"the recording {name!r} has several videos. Name one: "
            f"{' or '.join(f'{name}:{own}' for own in found)}."
        )
    return next(iter(found.values()))


def names_recording(name: Uris) -> bool:
    r"""Returns whether a name stands for a recording, and not for a video.

    Args:
        name: as for :func:`named_videos`.
    """
    return bool(_recording(name)[0])


def _recording(name: Uris) -> tuple[str, str]:
    # The HDF5 file that is named, and what of it; nothing if it is none.
    if not isinstance(name, (str, os.PathLike)):
        return "", ""
    path, wanted = os.fspath(name), ""
    if not os.path.exists(path):
        path, _, wanted = path.rpartition(":")
    import h5py

    is_one = os.path.isfile(path) and h5py.is_hdf5(path)
    return (path, wanted) if is_one else ("", "")
