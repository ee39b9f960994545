r"""Tells whether a video is still the one that a recording was saved with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._base.uris import shown_uri
from .._bytes.fingerprint import digest_edges
from .._index.packets import segments_of, shown_again
from ..errors import SourceError, StaleIndexError
from ..types import (
    Fingerprint,
    FrameIndex,
    ObjectMeta,
    ObjectStore,
    Pace,
    PacketIndex,
    Showings,
)


def clock_digest(timestamps: np.ndarray, again: Showings | None = None) -> str:
    r"""Returns a digest that identifies a clock, 16 bytes of BLAKE2b as hex.

    Args:
        timestamps: seconds of every frame, float64 of shape (n,); NaN without a time.
        again: when frames are shown again.
    """
    times = np.asarray(timestamps, "<f8") + 0.0  # makes -0.0 equal to 0.0
    times[np.isnan(times)] = np.nan
    digest = hashlib.blake2b(times.tobytes(), digest_size=16)
    if again is not None:
        digest.update(again.times.astype("<f8").tobytes())
        digest.update(again.frames.astype("<i8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class SavedVideo:
    r"""A video as it was indexed when a recording was saved.

    Args:
        recording: where the recording lies, for messages.
        frame_counts: number of frames of each segment.
        fingerprints: of the file of each segment, :obj:`None` where it was not known;
            empty in recordings that say nothing of them.
        index_id: of the index; ``""`` where it had none.
        clock: the :func:`clock_digest` of the index; ``""`` where it was not known.
        pace: what was a pause; :obj:`None` where it was not known.
    """

    recording: str
    frame_counts: tuple[int, ...]
    fingerprints: tuple[Fingerprint | None, ...] = ()
    index_id: str = ""
    clock: str = ""
    pace: Pace | None = None

    def check_counts(self, index: FrameIndex, uri: str) -> None:
        r"""Refuses an index that has other frames.

        Args:
            index: the index that the video has now.
            uri: the video.

        Raises:
            StaleIndexError: if it is of another video.
        """
        counts = tuple(np.asarray(index.segment_frame_counts(), np.int64).tolist())
        if counts != self.frame_counts:
            was, now = _tell_counts(self.frame_counts, counts)
            raise self._stale(
                f"the recording {shown_uri(self.recording)!r} was saved when "
                f"{shown_uri(uri)!r} had {was}, and it has {now} by {self._tell(index)}"
            )

    def check_files(
        self, index: FrameIndex, uris: Sequence[str], store: ObjectStore
    ) -> None:
        r"""Refuses an index of other files.

        Args:
            index: the index that the video has now.
            uris: the file of each segment whose fingerprint the index knows.
            store: reads them.

        Raises:
            StaleIndexError: if it is of another video.
        """
        for uri, segment, was in zip(uris, segments_of(index), self.fingerprints):
            self.check_file(uri, was, segment.fingerprint, store, self._tell(index))

    def check_file(
        self,
        uri: str,
        was: Fingerprint | None,
        now: Fingerprint | None,
        store: ObjectStore,
        source: str = "what was read of it",
    ) -> None:
        r"""Refuses another file than the one that the recording was saved with.

        Args:
            uri: the file.
            was: its fingerprint then, or :obj:`None` if it is not known.
            now: its fingerprint now, or :obj:`None` if it is not known.
            store: reads it, if the fingerprint does not say enough.
            source: where ``now`` comes from, for the message.

        Raises:
            StaleIndexError: if they are not of the same contents.
        """
        if was is None or now is None or same_contents(uri, was, now, store):
            return
        difference = (
            f"it had {was.size} bytes then, and has {now.size} by {source}"
            if was.size != now.size
            else f"it has {now.size} bytes as then, and other contents than digest "
            f"{was.digest} by {source}"
        )
        raise self._stale(
            f"{shown_uri(uri)!r} was replaced since the recording "
            f"{shown_uri(self.recording)!r} was saved: {difference}"
        )

    def has_clock_of(self, index: FrameIndex) -> bool:
        r"""Returns whether the recording has the same clock as an index.

        Args:
            index: the index that the video has now.
        """
        if not self.clock or (self.index_id and self.index_id == index_id_of(index)):
            return True
        return self.clock == clock_digest(index.timestamps(), shown_again(index))

    def _tell(self, index: FrameIndex) -> str:
        where = index.uri if isinstance(index, PacketIndex) else ""
        if not where:
            return "an index built in memory, since there is no sidecar"
        anew = self.index_id and self.index_id != index_id_of(index)
        return f"the index {shown_uri(where)!r}{', which was written anew' if anew else ''}"

    def _stale(self, what: str) -> StaleIndexError:
        return StaleIndexError(
            f"{what}. Put the video that was recorded back, with its index; if it lies "
            f"elsewhere, run: temporaldata-video relink {shown_uri(self.recording)} "
            f"--search FOLDER. If the video was meant to change, open it with "
            f"LazyVideo.from_uri and save the recording again, since its times and frame "
            f"numbers are those of the other one."
        )


def saved_fingerprint(
    store: ObjectStore, uri: str, indexed: Fingerprint | None
) -> Fingerprint | None:
    r"""Returns a fingerprint that identifies a file in any place, or :obj:`None` if the
    file cannot be read.

    Args:
        store: reads the file, if its index does not say enough.
        uri: the file.
        indexed: what the index says.
    """
    if indexed is not None and indexed.digest:
        return indexed
    try:
        meta = ObjectMeta(indexed.size, indexed.etag) if indexed else store.head(uri)
        return Fingerprint(meta.size, meta.etag, digest_edges(store, uri, meta))
    except (SourceError, OSError):
        return indexed


def same_contents(uri: str, was: Fingerprint, now: Fingerprint, store: ObjectStore) -> bool:
    r"""Returns whether two fingerprints are of the same contents.

    Args:
        uri: the file.
        was: its fingerprint then.
        now: its fingerprint now.
        store: reads it, if the fingerprints do not say enough.
    """
    if was.size != now.size:
        return False
    if was.digest and now.digest:
        return was.digest == now.digest
    if was.etag and was.etag == now.etag:
        return True
    # Without a digest, which means that the file was unreadable then, nobody can say more.
    meta = ObjectMeta(now.size, now.etag)
    return not was.digest or digest_edges(store, uri, meta) == was.digest


def index_id_of(index: FrameIndex) -> str:
    r"""Returns a name that no other index of the same video has, ``""`` if it has none.

    Args:
        index: the index.
    """
    return index.index_id if isinstance(index, PacketIndex) else ""


def _tell_counts(was: Sequence[int], now: Sequence[int]) -> tuple[str, str]:
    # Few words that always differ between the two.
    if len(was) != len(now):
        was_told, now_told = (f"{sum(n)} frames in {len(n)} segments" for n in (was, now))
        return was_told, now_told
    if sum(was) != sum(now):
        return f"{sum(was)} frames", f"{sum(now)} frames"
    segment = next(i for i, (a, b) in enumerate(zip(was, now)) if a != b)
    return f"{was[segment]} frames in segment {segment}", f"{now[segment]} frames there"
