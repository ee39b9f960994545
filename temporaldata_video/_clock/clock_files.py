r"""Reads the values of a clock, as they are, from arrays and files."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._base.text_table import MAX_ROWS
from .._base.uris import protocol_of
from ..errors import VideoError
from .clock_column import choose_column, read_text_column

_TEXT = (".csv", ".tsv", ".ssv", ".txt", ".dat")
_HDF5 = (".h5", ".hdf5", ".nwb", ".mat")
_DATASET = re.compile(rf"(.*(?:{'|'.join(map(re.escape, _HDF5))})):(/.*)", re.IGNORECASE)
# What a MATLAB file of version 5 begins with; one of version 7.3 is HDF5.
_MATLAB_5 = b"MATLAB 5.0 MAT-file"
# The first line of a text of times in milliseconds, as video tools write it.
_TIMECODES = re.compile(rb"#\s*time(?:code|stamp) format v(\d+)\s*", re.IGNORECASE)
# How many datasets of an HDF5 file are looked up when the user names none.
_MAX_LISTED = 20


class TextLayout(NamedTuple):
    r"""What a user knows of a text table.

    Args:
        n_skipped: lines at its top that are no part of it.
        decimal: the mark of decimals; :obj:`None` leaves it to the file.
    """

    n_skipped: int = 0
    decimal: str | None = None


def declared_unit(source: Any) -> str | None:
    r"""Returns the unit that a file itself declares, or :obj:`None`.

    Args:
        source: what a clock may be read from.

    Raises:
        ValueError: if it is of a kind of timecodes that cannot be read.
    """
    if not isinstance(source, (str, os.PathLike)):
        return None
    path = Path(source)
    if path.suffix.lower() not in _TEXT or not path.is_file():
        return None
    with open(path, "rb") as file:
        found = _TIMECODES.match(file.readline(256).removeprefix(b"\xef\xbb\xbf"))
    if found is None:
        return None
    if int(found[1]) != 2:
        raise ValueError(
            f"timestamps file {str(path)!r} has timecodes of format v{int(found[1])}; v2 "
            f"lists a time for each frame, and alone can be read. Convert it to v2."
        )
    return "ms"


def read_values(
    source: Any,
    column: str | int | None,
    kind: str = "number",
    *,
    alone: bool = False,
    layout: TextLayout = TextLayout(),  # noqa: B008  # it is immutable
) -> np.ndarray:
    r"""Returns what a clock holds, not yet in seconds.

    Args:
        source: an array, or the path of a file.
        column: name or number of the column; the only one by default.
        kind: what cells of text are, as for :func:`~temporaldata_video._base.cells.parse`.
        alone: whether a column of text can be found as the only one of its kind.
        layout: of a text table.

    Returns:
        Of shape (n,): int64, uint64, float64, datetime64 or timedelta64.

    Raises:
        ValueError: if there is no such column, or no array of numbers or dates.
        OSError: if there is no file, or it cannot be opened.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _checked(_pick(np.asarray(source), column, "timestamps"), "timestamps")
    text = os.fspath(source)
    if protocol_of(text):
        raise ValueError(
            f"timestamps file {text!r} is not on this machine; fetch it first."
        )
    inside = _DATASET.fullmatch(text)
    path = Path(inside[1] if inside else text)
    what, suffix = f"timestamps file {str(path)!r}", path.suffix.lower()
    if suffix in _TEXT:
        return read_text_column(path, column, kind, alone, *layout)
    if suffix not in _READERS:
        suffixes = ", ".join((*_READERS, *_TEXT))
        raise ValueError(f"{what} has the suffix {path.suffix!r}; known are {suffixes}.")
    with open(path, "rb"):  # a file that cannot be opened raises an OSError
        pass
    try:
        values = _READERS[suffix](path, inside and inside[2], column)
    except (ValueError, VideoError, MemoryError) as error:
        raise ValueError(f"{what} is no array of numbers: {error}") from error
    except Exception as error:  # a damaged file makes its library raise anything
        raise ValueError(f"{what} is damaged or of another format: {error!r}") from error
    return _checked(values, what)


def _read_npy(path: Path, _: str | None, column: str | int | None) -> np.ndarray:
    # The file is mapped, so that a header that lies about the size costs nothing.
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of arrays; its suffix should be .npz")
    _check_size(array.size and len(array), path)
    return np.array(_pick(array, column, f"timestamps file {str(path)!r}"))


def _read_npz(path: Path, _: str | None, column: str | int | None) -> np.ndarray:
    what = f"timestamps file {str(path)!r}"
    with zipfile.ZipFile(path) as listing:
        sizes = {info.filename: info.file_size for info in listing.infolist()}
    with np.load(path, allow_pickle=False) as archive:
        name = archive.files[choose_column(what, archive.files, column)]
        # The sizes in the archive's list are those before compression.
        _check_size(sizes[f"{name}.npy"] // 8, path)
        return _pick(archive[name], None, what)


def _read_mat(path: Path, dataset: str | None, column: str | int | None) -> np.ndarray:
    with open(path, "rb") as file:
        if file.read(len(_MATLAB_5)) != _MATLAB_5:
            return _read_hdf5(path, dataset, column)
    try:
        from scipy.io import loadmat, whosmat
    except ImportError:
        raise ValueError(
            "it is a MATLAB file of version 5, which needs scipy: pip install scipy. Or "
            "save it in MATLAB as version 7.3: save('cam.mat', 'times', '-v7.3')"
        ) from None
    shapes = {name: shape for name, shape, _ in whosmat(path)}
    if isinstance(dataset, str):
        column = dataset.strip("/")
    named = column.strip("/") if isinstance(column, str) else column
    names = list(shapes)
    name = names[choose_column(f"timestamps file {str(path)!r}", names, named)]
    _check_size(max(shapes[name], default=0), path)
    return _pick(np.asarray(loadmat(path, variable_names=[name])[name]), None, name)


def _read_parquet(path: Path, _: str | None, column: str | int | None) -> np.ndarray:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        _check_size(file.metadata.num_rows, path)
        names = list(file.schema_arrow.names)
        number = choose_column(f"timestamps file {str(path)!r}", names, column)
        kind = file.schema_arrow.types[number]
        if kind.num_fields:
            raise ValueError(f"its column {names[number]!r} is of {kind}")
        values = file.read(columns=[names[number]]).column(0)
    return values.to_numpy()


def _read_hdf5(path: Path, dataset: str | None, column: str | int | None) -> np.ndarray:
    import h5py

    if dataset is None and isinstance(column, str):
        dataset, column = column, None
    with h5py.File(path, "r") as file:
        found = file.get(dataset) if dataset else _only_dataset(file)
        if not isinstance(found, h5py.Dataset):
            raise ValueError(
                f"it has no dataset {dataset!r}; name one, as in "
                f"'{path.name}:/path': {', '.join(_datasets(file)) or 'it has none'}"
            )
        if found.size is None or max(found.shape, default=0) > MAX_ROWS:
            raise ValueError(f"its dataset {found.name!r} has the shape {found.shape}")
        if found.chunks and np.prod(found.chunks, dtype=float) > MAX_ROWS:
            raise ValueError(f"its dataset {found.name!r} has chunks of {found.chunks}")
        if found.dtype.names is None and found.ndim == 2 and isinstance(column, int):
            choose_column(found.name, [str(k) for k in range(found.shape[1])], column)
            return found[:, column]
        if found.dtype.names is None and found.size > MAX_ROWS:
            raise ValueError(f"its dataset {found.name!r} has the shape {found.shape}")
        return _pick(found[()], column, f"dataset {found.name!r}")


# The readers of files that are no text. Each takes the path, the dataset named in it, and
# the column.
_READERS: dict[str, Callable[[Path, str | None, str | int | None], np.ndarray]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    **dict.fromkeys(_HDF5, _read_hdf5),
    ".mat": _read_mat,
}


def _check_size(rows: int, path: Path) -> None:
    if rows > MAX_ROWS:
        raise ValueError(
            f"timestamps file {str(path)!r} has {rows} stamps; {MAX_ROWS} are the most "
            f"that are read."
        )


def _datasets(file: Any) -> list[str]:
    import h5py

    names: list[str] = []

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.ndim:
            names.append(f"/{name}")
        return True if len(names) == _MAX_LISTED else None

    file.visititems(visit)
    return names


def _only_dataset(file: Any) -> Any:
    names = _datasets(file)
    return file[names[0]] if len(names) == 1 else None


def _pick(array: np.ndarray, column: str | int | None, what: str) -> np.ndarray:
    if array.dtype.names is not None:
        names = list(array.dtype.names)
        return array[names[choose_column(what, names, column)]]
    if array.ndim == 2 and 1 in array.shape:
        return array.reshape(-1)
    if array.ndim == 2 and column is not None:
        names = [str(number) for number in range(array.shape[1])]
        return array[:, choose_column(what, names, column)]
    return array


def _checked(values: np.ndarray, what: str) -> np.ndarray:
    if values.ndim != 1 or values.dtype.kind not in "fiuMm":
        raise ValueError(
            f"{'timestamps' if what == 'timestamps' else what + ': timestamps'} must be a "
            f"one-dimensional array of numbers, got shape {values.shape} of "
            f"{values.dtype}."
        )
    return values
