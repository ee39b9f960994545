r"""The one place that talks to Lance, and keeps it out of forked children.

Lance runs threads of its own. If a process forks after it used Lance, about one child in
six crashes when it reads, or never returns (pylance 14.0.2). Such a child lets a helper do
the work: a new Python that runs this file as a program.

It imports nothing of this package, so that the helper starts quickly.
"""

from __future__ import annotations

import atexit
import os
import pickle
import struct
import subprocess
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import lance

# The oldest file format that every supported Lance reads.
_DATA_STORAGE_VERSION: Literal["2.0"] = "2.0"

_PROBE_STEP = 4096
# Up to so many rows are read faster one by one than as a part of the table.
_MOST_TAKEN = 4096

Options = tuple[tuple[str, str], ...]


class LanceError(Exception):
    r"""Lance cannot do what we ask; the message is its own."""


class Description(NamedTuple):
    r"""Facts about a dataset.

    Args:
        version: number of the version that was opened.
        rows: number of rows.
        columns: names of the columns.
        metadata: the schema metadata.
        files: names of the files, below the uri, that hold the rows.
    """

    version: int
    rows: int
    columns: tuple[str, ...]
    metadata: dict[bytes, bytes]
    files: tuple[str, ...]


def describe(uri: str, options: Options, version: int | None = None) -> Description:
    r"""Opens a dataset.

    Args:
        uri: where it lies.
        options: Lance's storage options.
        version: which version; the newest by default.

    Raises:
        LanceError: if it cannot be opened.
    """
    return Description(*_call(_describe, uri, options, version))


def read_columns(
    uri: str,
    options: Options,
    version: int,
    tag: str,
    names: Sequence[str],
    offset: int,
    count: int,
) -> dict[str, np.ndarray]:
    r"""Returns rows of a dataset, column by column.

    Args:
        uri: where it lies.
        options: Lance's storage options.
        version: which version.
        tag: a text that stands somewhere in the metadata of the right version.
        names: the columns.
        offset: first row.
        count: number of rows.

    Raises:
        LanceError: if they cannot be read.
    """
    return _call(_read_columns, uri, options, version, tag, tuple(names), offset, count)


def write_columns(
    uri: str,
    columns: Mapping[str, np.ndarray],
    metadata: Mapping[bytes, bytes],
    overwrite: bool,
    keep_old: timedelta | None,
) -> None:
    r"""Commits a dataset, or a new version of it.

    Args:
        uri: the path where it goes.
        columns: all of one length.
        metadata: the schema metadata.
        overwrite: whether there is a dataset that becomes the version before.
        keep_old: versions older than this are removed; none if it is :obj:`None`.

    Raises:
        LanceError: if it cannot be written.
    """
    _call(_write_columns, uri, dict(columns), dict(metadata), overwrite, keep_old)


@contextmanager
def _lance_errors() -> Iterator[None]:
    # On damaged files Lance raises anything; a panic of Rust is not even an Exception.
    try:
        yield
    except ImportError:
        raise
    except BaseException as error:
        if "KeyboardInterrupt" in str(error):  # it came while Lance was calling Python
            raise KeyboardInterrupt from error
        if isinstance(error, (OSError, ValueError, RuntimeError)):
            raise LanceError(str(error)) from error
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise LanceError(f"{type(error).__name__}: {error}") from error
        raise


def _import_lance() -> Any:
    ours = "lance" not in sys.modules
    import lance

    if ours and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_keep_quiet_of_forks)
    return lance


def _keep_quiet_of_forks() -> None:
    # Lance warns of each fork. Where only this module uses it, no child ever does.
    warnings.filterwarnings("ignore", "lance is not fork-safe", UserWarning)


class _Opened(NamedTuple):
    # A dataset, its metadata, the names of its files, and what was tried before it was
    # read: the ends of its files as (), and sets of columns by their names.
    dataset: lance.LanceDataset
    metadata: bytes
    files: tuple[str, ...]
    tried: set[tuple[str, ...]]


# Datasets that were opened, those used last at the end.
_OPENED: OrderedDict[tuple[str, Options, int], _Opened] = OrderedDict()
_OPENED_LOCK = threading.Lock()
_MOST_OPENED = 64


def _find(uri: str, options: Options, version: int, tag: str) -> _Opened:
    with _OPENED_LOCK:
        opened = _OPENED.get((uri, options, version))
        if opened is not None:
            _OPENED.move_to_end((uri, options, version))
    if opened is None:
        opened = _open(uri, options, version)
    # A dataset that was deleted and written anew has the same versions again.
    if tag.encode() not in opened.metadata:
        raise LanceError("it was written anew since it was opened")
    return opened


def _open(uri: str, options: Options, version: int | None) -> _Opened:
    lance = _import_lance()
    dataset = lance.dataset(uri, version=version, storage_options=dict(options) or None)
    metadata = b"".join((dataset.schema.metadata or {}).values())
    found = _Opened(dataset, metadata, _files(dataset), set())
    key = (uri, options, dataset.version)
    with _OPENED_LOCK:
        # Another program may have written it anew: other files, under the same number.
        before = _OPENED.pop(key, found)
        _OPENED[key] = opened = before if before.files == found.files else found
        while len(_OPENED) > _MOST_OPENED:
            _OPENED.popitem(last=False)
    return opened


def _probe(opened: _Opened, names: tuple[str, ...]) -> None:
    # Lance sends tables over a stream, and an error text with a zero byte, as damaged pages
    # cause, ends the process there (arrow-rs 58). `take` uses no stream, so this takes some
    # rows of each page first.
    if names in opened.tried:
        return
    rows = opened.dataset.count_rows()
    if rows:
        places = [*range(0, rows, _PROBE_STEP), rows - 1]
        opened.dataset.take(places, columns=list(names))
    opened.tried.add(names)


def _describe(uri: str, options: Options, version: int | None) -> tuple[Any, ...]:
    with _lance_errors():
        opened = _open(uri, options, version)
        dataset, files = opened.dataset, opened.files
        # Of a copy, the manifest alone may be here by now.
        if all(os.path.exists(os.path.join(uri, name)) for name in files):
            _check_ends(opened, uri)
        schema = dataset.schema
        metadata, names = dict(schema.metadata or {}), tuple(schema.names)
        return dataset.version, dataset.count_rows(), names, metadata, files


def _files(dataset: lance.LanceDataset) -> tuple[str, ...]:
    names = []
    for fragment in dataset.get_fragments():
        names += [f"data/{file.path}" for file in fragment.data_files()]
        if deleted := fragment.deletion_file():
            names.append(deleted)
    return tuple(names)


# The end of a data file, by Lance's specification of its file format 2: where the metadata
# of columns begin, two tables of 16 bytes per entry, how many entries these have, the
# version of the format, and a mark. Format 1, which is version 0.2, ends otherwise.
_END = struct.Struct("<3Q2I2H4s")
_FORMAT_1 = (0, 2)


def _check_ends(opened: _Opened, folder: str) -> None:
    # Lance asks the system for as much memory as these numbers say, and ends the process if
    # it does not get it. Where Lance goes to a store itself, only Lance sees the files.
    if "://" in folder:
        return
    for name in opened.files:
        if not name.endswith(".lance"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END.size))
            end = file.read()
        if len(end) == _END.size:
            _, columns, buffers, n_buffers, n_columns, *format, mark = _END.unpack(end)
            longest = max(columns + 16 * n_columns, buffers + 16 * n_buffers)
            fits = tuple(format) == _FORMAT_1 or longest <= size
            if mark == b"LANC" and fits:
                continue
        raise LanceError(f"{name} does not end as a data file of Lance does")
    opened.tried.add(())


def _read_columns(
    uri: str,
    options: Options,
    version: int,
    tag: str,
    names: tuple[str, ...],
    offset: int,
    count: int,
) -> dict[str, np.ndarray]:
    with _lance_errors():
        opened = _find(uri, options, version, tag)
        if () not in opened.tried:
            _check_ends(opened, uri)
        if count <= _MOST_TAKEN:
            rows = [*range(offset, offset + count)]
            table = opened.dataset.take(rows, columns=list(names))
        else:
            _probe(opened, names)
            table = opened.dataset.to_table(columns=list(names), offset=offset, limit=count)
        return {name: table.column(name).to_numpy() for name in names}


def _write_columns(
    uri: str,
    columns: dict[str, np.ndarray],
    metadata: dict[bytes, bytes],
    overwrite: bool,
    keep_old: timedelta | None,
) -> None:
    import pyarrow as pa

    lance = _import_lance()
    with _lance_errors():
        dataset = lance.write_dataset(
            pa.table(columns).replace_schema_metadata(metadata),
            uri,
            mode="overwrite" if overwrite else "create",
            data_storage_version=_DATA_STORAGE_VERSION,
        )
        if overwrite and keep_old is not None:
            dataset.cleanup_old_versions(older_than=keep_old)


# The helper of a forked child ---------------------------------------------------------


class _Helper:
    # A new Python that runs `_serve`.

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl-C on the terminal is for the child, not for its helper
        )
        atexit.register(self.close)

    def call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        assert self.process.stdin and self.process.stdout
        with self.lock:
            try:
                _send(self.process.stdin, (function, arguments))
                succeeded, result = _receive(self.process.stdout)
            except BaseException:
                # Its next reply could be the answer to this call.
                self.process.kill()
                self.process.wait()
                raise
        if not succeeded:
            raise LanceError(result)
        return result

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=10)


_forked_with_lance = False
_helper: _Helper | None = None
_helper_lock = threading.Lock()


def _after_fork_in_child() -> None:
    global _forked_with_lance, _helper, _helper_lock, _OPENED_LOCK
    _forked_with_lance = _forked_with_lance or "lance" in sys.modules
    # A thread of the parent may have held them.
    _helper_lock, _OPENED_LOCK = threading.Lock(), threading.Lock()
    if _helper is not None:
        # It belongs to the parent: this child must not use it or close it on exit.
        atexit.unregister(_helper.close)
        _helper = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _call(function: Any, *arguments: Any) -> Any:
    if not _forked_with_lance:
        return function(*arguments)
    # A helper that was killed, for want of memory perhaps, says nothing of the dataset.
    for _ in range(1 if function is _write_columns else 2):
        try:
            return _running_helper().call(function.__name__, arguments)
        except (EOFError, BrokenPipeError) as error:
            ended = error
    raise LanceError("the helper process that reads Lance datasets has ended") from ended


def _running_helper() -> _Helper:
    global _helper
    with _helper_lock:
        if _helper is None or _helper.process.poll() is not None:
            _helper = _Helper()
        return _helper


def _send(pipe: BinaryIO | Any, message: Any) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(8, "little") + data)
    pipe.flush()


def _receive(pipe: BinaryIO | Any) -> Any:
    header = pipe.read(8)
    if len(header) < 8:
        raise EOFError
    return pickle.loads(pipe.read(int.from_bytes(header, "little")))


def _serve() -> None:
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not get between the replies
    functions = {f.__name__: f for f in (_describe, _read_columns, _write_columns)}
    while True:
        try:
            name, arguments = _receive(requests)
        except EOFError:
            return
        try:
            reply: tuple[bool, Any] = (True, functions[name](*arguments))
        except LanceError as error:
            reply = False, str(error)
        _send(replies, reply)


if __name__ == "__main__":
    _serve()
