r"""Makes a recording point to where its videos are now."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .._base.report import Report
from .._base.uris import (
    INDEX_SUFFIX,
    check_scheme,
    file_name,
    is_windows_path,
    normalize_uri,
    one_or_several,
    protocol_of,
    shown_uri,
)
from .._plugin.place import Uris
from .._video.moved import find_known_index, is_saved_file, move_part
from .._video.part import VideoPart
from .._video.pointer import read_parts, read_pointer, video_groups, write_parts
from .._video.saved import clock_digest
from .._video.series import VideoSeries
from ..errors import FrameIndexError, SourceError, StaleIndexError, VideoError
from ..types import Fingerprint

# What a group of a video holds of its own accord; see VideoSeries.to_hdf5.
_OWN = {"timestamps", "frame_indices", "timestamp_indices_1s", "domain"}


@dataclass(frozen=True)
class RelinkedFile:
    r"""What became of one file of a video in a recording.

    Args:
        group: the video's place in the recording, such as ``"/behavior/video"``.
        old: where the recording pointed.
        new: where the file is; ``""`` if it was not found.
        status: ``"kept"`` (it is where the recording pointed), ``"moved"`` or
            ``"missing"``.
        clock: what the clock of the index at ``new`` is: ``"same"`` as the recording's,
            ``"other"``, ``"taken"``, or ``""`` where no index of this video was found.
        note: more about it; empty if there is nothing to say.
    """

    group: str
    old: str
    new: str
    status: str
    clock: str = ""
    note: str = ""


@dataclass(frozen=True)
class RelinkReport(Report):
    r"""What became of all videos of a recording.

    Args:
        recording: the HDF5 file.
        files: one entry for each file of each video.
        written: whether the recording was changed.
    """

    recording: str
    files: tuple[RelinkedFile, ...]
    written: bool
    columns = ("video", "status", "recording points to", "file is", "clock", "note")

    @property
    def missing(self) -> list[RelinkedFile]:
        r"""The files that were not found."""
        return [file for file in self.files if file.status == "missing"]

    def table(self) -> list[tuple[str, str, str, str, str, str]]:
        r"""Returns group, status, old place, new place, clock and note of each file."""
        return [(f.group, f.status, f.old, f.new, f.clock, f.note) for f in self.files]

    def _heading(self) -> str:
        return f"{self.recording}: {'changed' if self.written else 'not changed'}"

    def to_json(self) -> str:
        r"""Returns the report as one line of JSON."""
        return json.dumps(asdict(self))


def relink(
    recording: str | os.PathLike[str],
    *,
    moved: Mapping[str, str] | None = None,
    search: Uris = (),
    take_clock: bool = False,
    dry_run: bool = False,
) -> RelinkReport:
    r"""Makes a recording point to where its videos are now.

    A file counts as found if it has the name and the contents (size and digest) that the
    recording knows, never by its name alone. It is looked for where the recording points,
    where ``moved`` leads, beside the recording, and in the folders of ``search``.

    A changed copy is written aside, read back, and takes the recording's place in one
    step, so that a process that is killed leaves the old recording.

    Args:
        recording: path of an HDF5 file that ``Data.save`` wrote.
        moved: old places by new ones: folders, or whole files, which may have another
            name. Paths of Windows may be written with either slash.
        search: folders of this machine to search, or a single one, with those in them.
        take_clock: also take the times of the videos' indexes, where they are others than
            the recording's. It goes for videos that were saved whole.
        dry_run: look for the videos and report, and write nothing.

    Returns:
        What became of each file.

    Raises:
        OSError: if there is no such recording, or it cannot be written.
        FrameIndexError: if what it says of its videos is damaged.
        VideoError: if it has no video, a clock cannot be taken, or it changed meanwhile.

    Example ::

        >>> import os
        >>> import temporaldata_video as tv
        >>> from temporaldata import Data
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> Data(video=video, domain=video.domain).save("rec.h5")
        >>> os.mkdir("archive"); _ = os.rename("clip.mp4", "archive/clip.mp4")

        >>> report = tv.relink("rec.h5", search=["archive"])
        >>> [os.path.relpath(file.new) for file in report.files]
        ['archive/clip.mp4']
        >>> Data.load("rec.h5").video.slice(1.0, 1.5).frames.shape
        (15, 3, 64, 96)
    """
    import h5py

    # A link stays a link, to the recording that is replaced.
    path = os.path.realpath(normalize_uri(recording))
    before = os.stat(path)
    with h5py.File(path, "r") as file:
        groups = video_groups(file)
        pointed = {name: read_parts(file[name]) for name in groups}
        if not groups:
            raise VideoError(f"the recording {path!r} points to no video.")
        finder = _Finder(path, moved or {}, search, pointed.values())
        videos = [_relinked(file[name], pointed[name], finder) for name in groups]
        if take_clock:
            videos = [_with_clock(file[video.name], video) for video in videos]
    changed = [video for video in videos if video.changed]
    if changed and not dry_run:
        _rewrite(path, before, changed)
    return RelinkReport(
        path,
        tuple(file for video in videos for file in video.files),
        bool(changed) and not dry_run,
    )


@dataclass(frozen=True)
class _Video:
    # A video of a recording: its parts as they shall be, and what became of its files.
    name: str
    parts: list[VideoPart]
    files: list[RelinkedFile]
    moved: bool
    takes_clock: bool = False

    @property
    def changed(self) -> bool:
        return self.moved or self.takes_clock


# Where videos are ------------------------------------------------------------------------


class _Finder:
    # Knows where files may have gone to; the folders to search are read once, if needed.

    def __init__(
        self,
        recording: str,
        moved: Mapping[str, str],
        search: Uris,
        videos: Iterable[Sequence[VideoPart]],
    ) -> None:
        self._folder = os.path.dirname(recording)
        self._moved = [(_plain(_absolute(old)), new) for old, new in moved.items()]
        self._search = [normalize_uri(folder) for folder in one_or_several(search)]
        for folder in self._search:
            if not os.path.isdir(folder):
                raise SourceError(f"there is no folder {folder!r} to search.")
        places = [part.place for parts in videos for part in parts]
        uris = [uri for place in places for uri in (*place.uris, place.index_uri) if uri]
        self._wanted = {file_name(uri).casefold() for uri in uris}
        self._found: dict[str, list[str]] | None = None

    def candidates(self, uri: str) -> Iterator[str]:
        plain = _plain(uri)
        for old, new in self._moved:
            if plain == old or plain.startswith(old.rstrip("/") + "/"):
                rest = uri[len(old.rstrip("/")) :].replace("\\", "/").lstrip("/")
                joined = f"{new.rstrip('/')}/{rest}" if rest else new
                yield normalize_uri(joined)
        yield os.path.join(self._folder, file_name(uri))
        yield from self._searched().get(file_name(uri).casefold(), ())

    def _searched(self) -> dict[str, list[str]]:
        if self._found is None:
            self._found = {}
            for folder in self._search:
                for at, folders, names in os.walk(folder):
                    for name in sorted([*folders, *names]):
                        if name.casefold() in self._wanted:
                            places = self._found.setdefault(name.casefold(), [])
                            places.append(os.path.join(at, name))
                    # Nothing lies in an index.
                    folders[:] = sorted(f for f in folders if not f.endswith(INDEX_SUFFIX))
        return self._found


def _absolute(path: str) -> str:
    return path if is_windows_path(path) else normalize_uri(path)


def _plain(uri: str) -> str:
    # Of Windows, either slash is meant, and either case of letters.
    return uri.replace("\\", "/").casefold() if is_windows_path(uri) else uri


def _relinked(group: Any, parts: Sequence[VideoPart], finder: _Finder) -> _Video:
    new_parts, files = [], []
    for part in parts:
        places = [_where(part, number, finder) for number in range(len(part.place.uris))]
        found = [new or part.place.uris[n] for n, (new, _) in enumerate(places)]
        new_part = _with_index(move_part(part, found), finder)
        place = new_part.place
        new_parts.append(new_part)
        clock, about = _clock_there(new_part) if all(new for new, _ in places) else ("", "")
        if place.index_uri is not None and part.place.index_uri is None:
            about = about or f"its index stayed behind, at {place.index_uri}"
        for uri, (new, note) in zip(part.place.uris, places):
            status = "missing" if not new else "kept" if new == uri else "moved"
            file = RelinkedFile(
                group.name, shown_uri(uri), shown_uri(new), status, clock, note or about
            )
            files.append(file)
    moved = any(_spot(new) != _spot(old) for new, old in zip(new_parts, parts))
    return _Video(group.name, new_parts, files, moved)


def _spot(part: VideoPart) -> tuple[tuple[str, ...], str | None]:
    return part.place.uris, part.place.index_uri


def _where(part: VideoPart, number: int, finder: _Finder) -> tuple[str, str]:
    # Where a file is, and what there is to say of it.
    assert part.saved is not None
    uri, fingerprints = part.place.uris[number], part.saved.fingerprints
    fingerprint = fingerprints[number] if number < len(fingerprints) else None
    if fingerprint is None:
        there = protocol_of(uri) or os.path.exists(uri)
        return (uri if there else ""), "the recording holds no fingerprint to know it by"
    if _may_follow(uri, part.saved.recording) and is_saved_file(uri, fingerprint):
        return uri, ""
    candidates = list(dict.fromkeys(finder.candidates(uri)))
    same = [other for other in candidates if is_saved_file(other, fingerprint)]
    if same:
        more = len(same) - 1
        return same[0], f"{more} more with the same contents" if more else ""
    return "", _not_found(uri, candidates, fingerprint)


def _with_index(part: VideoPart, finder: _Finder) -> VideoPart:
    # An index that lies elsewhere than its video may have moved, too.
    index_uri = part.place.index_uri
    if index_uri is None or protocol_of(index_uri) or os.path.exists(index_uri):
        return part
    for other in finder.candidates(index_uri):
        found = replace(part, place=replace(part.place, index_uri=other))
        if os.path.isdir(other) and _clock_there(found)[0]:
            return found
    return part


def _may_follow(uri: str, recording: str) -> bool:
    try:
        check_scheme(uri, recording)
    except SourceError:
        return False
    return True


def _not_found(uri: str, candidates: Sequence[str], wanted: Fingerprint) -> str:
    there = [c for c in (uri, *candidates) if not protocol_of(c) and os.path.isfile(c)]
    others = list(dict.fromkeys(there))
    if not others:
        return ""
    sizes = f"{os.path.getsize(others[0])} bytes, not {wanted.size}"
    if os.path.getsize(others[0]) == wanted.size:
        sizes = "as many bytes, of another digest"
    more = f", and {len(others) - 1} more" if others[1:] else ""
    return f"{others[0]} has other contents ({sizes}){more}"


def _clock_there(part: VideoPart) -> tuple[str, str]:
    # How the clock of the index there compares with the recording's.
    assert part.saved is not None
    try:
        index = find_known_index(part)
        if index is None:
            return "", "it has no index there"
        return ("same" if part.saved.has_clock_of(index) else "other"), ""
    except (StaleIndexError, FrameIndexError, SourceError) as error:
        return "", str(error)


# The clock -------------------------------------------------------------------------------


def _with_clock(group: Any, video: _Video) -> _Video:
    if all(file.clock != "other" for file in video.files):
        return video
    what = f"the video {video.name!r} of {group.file.filename!r}"
    if any(not file.clock for file in video.files):
        raise VideoError(
            f"the clock of {what} cannot be taken, since an index of it is missing. Index "
            f"the video first."
        )
    columns = sorted(set(group) - _OWN)
    if columns:
        raise VideoError(
            f"the clock of {what} cannot be taken, since it has columns of its own "
            f"({', '.join(columns)}), which go with the times that are saved."
        )
    if not _is_whole(group, video.parts):
        raise VideoError(
            f"the clock of {what} cannot be taken, since the recording holds a window of "
            f"it, or times that were set. Open the video with LazyVideo.from_uri, cut it "
            f"again, and save it."
        )
    files = [
        replace(file, clock="taken") if file.clock == "other" else file
        for file in video.files
    ]
    return replace(video, files=files, takes_clock=True)


def _is_whole(group: Any, parts: Sequence[VideoPart]) -> bool:
    # The times that were saved are those of the clock that the recording knows.
    saved = [part.saved for part in parts if part.saved is not None]
    counts = [sum(one.frame_counts) for one in saved]
    numbers, times = group["frame_indices"][:], group["timestamps"][:]
    inside = len(numbers) == 0 or (numbers.min() >= 0 and numbers.max() < sum(counts))
    if not inside or float(group.attrs["origin"]) != 0.0:
        return False
    by_frame = np.full(sum(counts), np.nan)
    by_frame[numbers] = times
    clocks = np.split(by_frame, np.cumsum(counts)[:-1])
    return all(one.clock == clock_digest(own) for one, own in zip(saved, clocks))


# Writing ---------------------------------------------------------------------------------


def _rewrite(path: str, before: os.stat_result, videos: Sequence[_Video]) -> None:
    import h5py

    folder, name = os.path.split(path)
    handle, aside = tempfile.mkstemp(".relink", f"{name}.", folder)
    os.close(handle)
    try:
        shutil.copy2(path, aside)
        with h5py.File(aside, "r+") as file:
            for video in videos:
                _change(file[video.name], video)
        with open(aside, "r+b") as copy:
            os.fsync(copy.fileno())
        _check_copy(path, aside, videos)
        now = os.stat(path)
        if (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size):
            raise VideoError(f"{path!r} changed meanwhile, and was left as it is.")
        os.replace(aside, path)
        _flush_folder(folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _change(group: Any, video: _Video) -> None:
    write_parts(group, [(p.place, p.saved) for p in video.parts if p.saved is not None])
    if video.takes_clock:
        pointer = read_pointer(group, lazy=True)
        parts = tuple(VideoPart(part.place) for part in video.parts)
        # Any host writes a video in the same way.
        host = VideoSeries.__subclasses__()[0]
        recording = replace(pointer.recording, parts=parts)
        whole = host._from_recording(recording, pointer.metadata, "auto")
        group.clear()
        for name in list(group.attrs):
            del group.attrs[name]
        whole.to_hdf5(group)


def _flush_folder(path: str) -> None:
    with suppress(PermissionError):  # Windows cannot open a folder
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_copy(path: str, aside: str, videos: Sequence[_Video]) -> None:
    import h5py

    with h5py.File(path, "r") as old, h5py.File(aside, "r") as new:
        renewed = tuple(f"{video.name}/" for video in videos if video.takes_clock)
        if _contents(old, renewed) != _contents(new, renewed):
            raise VideoError(f"the copy of {path!r} is not whole; nothing was changed.")
        for video in videos:
            read = [_spot(part) for part in read_parts(new[video.name])]
            wanted = [_spot(part) for part in video.parts]
            if read != wanted:
                raise VideoError(
                    f"the copy of {path!r} points to {read}, not to {wanted}; nothing was "
                    f"changed."
                )


def _contents(file: Any, without: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if not f"/{name}/".startswith(without):
            shape, dtype = getattr(item, "shape", None), getattr(item, "dtype", None)
            found[name] = type(item), shape, dtype, sorted(item.attrs)

    file.visititems(visit)
    return found
