r"""Reads ranges of objects from any store, side by side, in bounded requests."""

from __future__ import annotations

from _thread import start_new_thread
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO, TypeVar, cast

from ..errors import SourceChangedError
from ..types import ByteCache, ByteRange, ObjectMeta, ObjectStore, RangeStore

T = TypeVar("T")

# One connection to an object store gives some 50 to 100 MB/s, so that several connections
# fetch more bytes than this faster.
REQUEST_BYTES = 8 * 1024 * 1024
MAX_REQUESTS = 8
# Of many objects, as many at a time: then the bytes of a batch come in one round trip.
MAX_OBJECTS = 32


def side_by_side(jobs: Sequence[Callable[[], T]], most: int = MAX_REQUESTS) -> list[T]:
    r"""Returns what jobs return, run in threads that end with this call.

    No thread stays, so that a fork loses none.

    Args:
        jobs: they wait for the network, or run outside of Python, for the most part.
        most: how many run at a time.

    Raises:
        Exception: the first that a job raises; jobs not yet begun are dropped.
    """
    if min(len(jobs), most) < 2:
        return [job() for job in jobs]
    pool = ThreadPoolExecutor(min(len(jobs), most))
    outcome: list[list[T] | BaseException] = []
    running = Lock()
    running.acquire()

    def run() -> None:
        try:
            with pool:
                results = list(pool.map(lambda job: job(), jobs))
            outcome.append(results)
        except BaseException as error:
            outcome.append(error)
        finally:
            running.release()

    # Ctrl-C interrupts only the main thread, and an interrupt inside threading's conditions
    # leaves them locked for ever. So another thread uses them, and this one waits for a
    # plain lock.
    start_new_thread(run, ())
    try:
        running.acquire()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        if not outcome:
            running.acquire()
        raise
    result = outcome.pop()
    if isinstance(result, list):
        return result
    try:
        raise result
    finally:
        del result  # its traceback holds this frame


def ranged(store: ObjectStore) -> RangeStore:
    r"""Returns a store that reads ranges: the store itself, if it does.

    Args:
        store: any.
    """
    return cast("RangeStore", store) if hasattr(store, "read_range") else _ByOpening(store)


@dataclass(frozen=True)
class _ByOpening:
    # It opens the object per range, and looks its version up afterwards: `etag` was there
    # before, and if it is there now, it was there in between.
    store: ObjectStore

    def head(self, key: str) -> ObjectMeta:
        return self.store.head(key)

    def open(self, key: str) -> BinaryIO:
        return self.store.open(key)

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        with self.store.open(key) as file:
            data = read_at(file, start, length)
        if etag and self.store.head(key).etag != etag:
            raise SourceChangedError(f"{key!r} changed while it was being read.")
        if len(data) != length:
            raise SourceChangedError(
                f"{key!r} ends at byte {start + len(data)}, but bytes up to "
                f"{start + length} were asked for: it was cut off since it was indexed."
            )
        return data


def read_at(file: BinaryIO, start: int, length: int) -> bytes:
    r"""Returns bytes of a file, fewer at its end.

    Args:
        file: may have no buffer; then one read can return fewer bytes than asked for.
        start: offset of the first byte.
        length: number of bytes.
    """
    file.seek(start)
    data = file.read(length)
    while len(data) < length and (more := file.read(length - len(data))):
        data += more
    return data


def split_range(span: ByteRange, most: int = REQUEST_BYTES) -> list[ByteRange]:
    r"""Returns a range cut into ranges of at most ``most`` bytes.

    Example ::

        >>> [tuple(piece) for piece in split_range(ByteRange(0, 25), 10)]
        [(0, 10), (10, 20), (20, 25)]
    """
    starts = range(span.start, span.stop, most)
    return [ByteRange(start, min(start + most, span.stop)) for start in starts]


def read_through(
    store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
) -> list[bytes]:
    r"""Returns the bytes of each range, read from the store side by side.

    Args:
        store: reads the object.
        key: its uri.
        ranges: any.
        meta: the version that the bytes must be of.
    """
    pieces = [split_range(span) for span in ranges]

    def read(piece: ByteRange) -> bytes:
        length = piece.stop - piece.start
        return store.read_range(key, piece.start, length, meta.etag or None)

    jobs = [lambda piece=piece: read(piece) for of_range in pieces for piece in of_range]
    read_pieces = iter(side_by_side(jobs))
    return [_join(next(read_pieces) for _ in of_range) for of_range in pieces]


def _join(pieces: Iterable[bytes]) -> bytes:
    first, *more = [*pieces] or [b""]
    return b"".join([first, *more]) if more else first


@dataclass(frozen=True)
class FetchedAhead:
    r"""Bytes of one object that a request holds already; a cache behind it has the rest.

    Args:
        behind: the cache to ask for the other bytes.
        meta: the version that the bytes are of.
        ranges: where they lie.
        data: the bytes of each range.
    """

    behind: ByteCache
    meta: ObjectMeta
    ranges: Sequence[ByteRange]
    data: Sequence[bytes] = field(repr=False)

    def read_ranges(
        self, store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
    ) -> list[bytes]:
        r"""Returns the bytes of each range, without a request if it holds all of them."""
        held = [self._held(span) for span in ranges] if meta == self.meta else [None]
        found = [data for data in held if data is not None]
        if len(found) == len(ranges):
            return found
        return self.behind.read_ranges(store, key, ranges, meta)

    def _held(self, wanted: ByteRange) -> bytes | None:
        for span, data in zip(self.ranges, self.data):
            if span.start <= wanted.start and wanted.stop <= span.stop:
                return data[wanted.start - span.start : wanted.stop - span.start]
        return None
