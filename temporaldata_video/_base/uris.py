r"""Knows the naming conventions: where the parts of a video lie."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import SourceError
from .configuration import ALLOWED_SCHEMES
from .shell_words import printable

INDEX_SUFFIX = ".lance"
# A drive, or a server: where paths of Windows begin that say everything.
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def normalize_uri(uri: str | os.PathLike[str], store: object = None) -> str:
    r"""Returns a uri in the form that the rest of this package uses.

    Args:
        uri: a path, ``file://`` or any other uri.
        store: reads it, if the user passed one. To a store with ``lance_connection``, a
            relative path is the key of an object in its bucket.

    Returns:
        The absolute path of a local file, any other uri, and any key, as it is.

    Raises:
        TypeError: if it is no string and no path.
        ValueError: if it is empty, or names a file of another machine.

    Example ::

        >>> normalize_uri("s3://lab/cam.mp4")
        's3://lab/cam.mp4'
        >>> normalize_uri("file:///data/my%20cam.mp4")
        '/data/my cam.mp4'
    """
    if not isinstance(uri, (str, os.PathLike)):
        raise TypeError(f"uri must be a string or a path, got {type(uri).__name__}.")
    text = os.fspath(uri)
    if not text:
        raise ValueError("uri is empty; give the path or uri of a video file.")
    if text.startswith("file://"):
        text = _path_of(text)
    if protocol_of(text) or (hasattr(store, "lance_connection") and not is_local(text)):
        return text
    return os.path.abspath(os.path.expanduser(text))


def one_or_several(uris: Any) -> list[Any]:
    r"""Returns uris as a list; a single one is no sequence of its letters.

    Args:
        uris: a string, a path, or several of them.

    Example ::

        >>> one_or_several("cam.mp4"), one_or_several(("a.mp4", "b.mp4"))
        (['cam.mp4'], ['a.mp4', 'b.mp4'])
    """
    return [uris] if isinstance(uris, (str, os.PathLike)) else [*uris]


def _path_of(uri: str) -> str:
    parts = urlsplit(uri)
    host, path = parts.netloc, unquote(parts.path, errors="surrogateescape")
    if host not in ("", "localhost"):
        if os.sep != "\\":
            raise ValueError(
                f"{uri!r} names a file of the machine {host!r}. A file of this machine has "
                f"three slashes: file:///data/cam.mp4."
            )
        return f"//{host}{path}"
    # The path of a uri begins with a slash, and one of Windows with its drive.
    return path[1:] if os.sep == "\\" and is_windows_path(path[1:]) else path


def protocol_of(uri: str) -> str:
    r"""Returns the protocol of a uri, ``""`` for a local path.

    Example ::

        >>> protocol_of("s3://lab/cam.mp4"), protocol_of("cam.mp4")
        ('s3', '')
    """
    protocol, separator, _ = uri.partition("://")
    # One letter is a drive of Windows.
    return protocol if separator and len(protocol) > 1 else ""


def is_local(uri: str) -> bool:
    r"""Returns whether a uri is an absolute path; all others lie in a store.

    Example ::

        >>> [is_local(uri) for uri in ("/data/cam.mp4", "s3://lab/cam.mp4", "day1/cam.mp4")]
        [True, False, False]
    """
    return not protocol_of(uri) and (os.path.isabs(uri) or is_windows_path(uri))


def is_windows_path(uri: str) -> bool:
    r"""Returns whether a uri is an absolute path of Windows, on whatever system.

    Example ::

        >>> is_windows_path(r"D:\data\cam.mp4"), is_windows_path(r"\\server\cam.mp4")
        (True, True)
    """
    return _WINDOWS.match(uri) is not None


def file_name(uri: str) -> str:
    r"""Returns the last part of a uri.

    Example ::

        >>> file_name(r"D:\data\cam.mp4"), file_name("https://lab.org/cam.mp4?sig=12")
        ('cam.mp4', 'cam.mp4')
    """
    if is_windows_path(uri):
        uri = uri.replace("\\", "/")
    path = urlsplit(uri).path if uri.startswith(("http://", "https://")) else uri
    return path.rstrip("/").rpartition("/" if "/" in path else os.sep)[2]


def shown_uri(uri: str) -> str:
    r"""Returns a uri as messages may show it: without a password, and without a query,
    which may be a signature.

    Example ::

        >>> shown_uri("https://ann:1234@lab.org/cam.mp4?X-Amz-Signature=5678")
        'https://lab.org/cam.mp4?...'
    """
    protocol, separator, rest = uri.partition("://")
    if not separator or not protocol.startswith("http"):
        return uri
    path, question_mark, _ = rest.partition("?")
    host, slash, name = path.partition("/")
    bare = host.rpartition("@")[2] + slash + name
    return f"{protocol}://{bare}{'?...' if question_mark else ''}"


def short_path(uri: str) -> str:
    r"""Returns a path to print: from the current directory where that is shorter, and
    without characters that a terminal would obey."""
    if protocol_of(uri):
        return printable(uri)
    try:
        return printable(min(os.path.relpath(uri), uri, key=len))
    except ValueError:  # another drive
        return printable(uri)


def frame_index_uri(uri: str) -> str:
    r"""Returns where the sidecar of a video lies.

    Example ::

        >>> frame_index_uri("cam.mp4")
        'cam.mp4.lance'
    """
    return uri + INDEX_SUFFIX


def segment_uris(uri: str, n_segments: int) -> list[str]:
    r"""Returns where the segments of a video lie by convention.

    Args:
        uri: the first segment.
        n_segments: number of segments, at least 1.

    Example ::

        >>> segment_uris("lab/cam.mp4", 3)
        ['lab/cam.mp4', 'lab/cam_001.mp4', 'lab/cam_002.mp4']
    """
    if n_segments < 1:
        raise ValueError(f"n_segments must be at least 1, got {n_segments}.")
    stem, suffix = os.path.splitext(uri)
    return [uri, *(f"{stem}_{number:03d}{suffix}" for number in range(1, n_segments))]


def relative_uri(uri: str, base: str) -> str:
    r"""Returns how to find ``uri`` from the folder of ``base``, as a uri where possible.

    Local paths are made relative with forward slashes, and remote ones where both lie
    below the same folder; everything else stays absolute.

    Raises:
        SourceError: if ``uri`` is a key in the bucket of a store, and ``base`` a file.

    Example ::

        >>> relative_uri("/data/cam.mp4", "/data/cam.mp4.lance")
        'cam.mp4'
        >>> relative_uri("s3://lab/day1/cam.mp4", "/data/rec.h5")
        's3://lab/day1/cam.mp4'
    """
    if is_local(base) and not (is_local(uri) or protocol_of(uri)):
        raise SourceError(
            f"{base!r} cannot point to {uri!r}, a key in the bucket of the store that was "
            f"passed, which no other program knows. Give the store's objects uris with a "
            f"protocol of their own, and have a plugin resolve these."
        )
    if protocol_of(uri) != protocol_of(base):
        return uri
    if not is_local(uri):
        folder = base.rpartition("/")[0] + "/"
        return uri.removeprefix(folder)
    try:
        return os.path.relpath(uri, os.path.dirname(base)).replace(os.sep, "/")
    except ValueError:  # another drive
        return uri


def resolve_uri(reference: str, base: str) -> str:
    r"""Returns the uri that :func:`relative_uri` made relative.

    Example ::

        >>> resolve_uri("cam.mp4", "s3://lab/day1/cam.mp4.lance")
        's3://lab/day1/cam.mp4'
        >>> resolve_uri("../cam.mp4", "https://lab.org/day1/rec.nwb?sig=12")
        'https://lab.org/cam.mp4'
    """
    if protocol_of(reference) or os.path.isabs(reference) or is_windows_path(reference):
        return reference
    if protocol := protocol_of(base):
        place = base.removeprefix(f"{protocol}://")
        if protocol in ("http", "https"):  # a query is of its own file
            place = place.partition("?")[0]
        parts = place.split("/")[:-1]
        for part in reference.split("/"):
            if part == ".." and len(parts) > 1:
                parts.pop()
            elif part not in (".", ".."):
                parts.append(part)
        return f"{protocol}://{'/'.join(parts)}"
    return os.path.normpath(os.path.join(os.path.dirname(base), reference))


def check_scheme(uri: str, holder: str) -> None:
    r"""Refuses a uri of another scheme than the file that it was read from.

    Args:
        uri: absolute, as it was read.
        holder: the file that it was read from.

    Raises:
        SourceError: if the schemes differ, and that of the uri is not allowed.
    """
    if protocol_of(uri) != protocol_of(holder):
        _check_allowed(uri, holder, "it has another scheme")


def followed(uris: Sequence[str], video: str) -> Sequence[str]:
    r"""Returns the further files that only the index of a video names, if they may be read:
    those beside the video or below its folder, and all of a scheme that is allowed.

    Args:
        uris: absolute, as they were read.
        video: the first file, which the user named.

    Raises:
        SourceError: if one lies elsewhere.

    Example ::

        >>> followed(["/data/cam_001.mp4"], "/data/cam.mp4")
        ['/data/cam_001.mp4']
        >>> followed(["/etc/passwd"], "/data/cam.mp4")
        Traceback (most recent call last):
        ...
        temporaldata_video.errors.SourceError: '/data/cam.mp4' leads to '/etc/passwd', ...
    """
    for uri in uris:
        check_scheme(uri, video)
        if protocol_of(uri) == protocol_of(video) and not _lies_beside(uri, video):
            _check_allowed(uri, video, "it lies neither beside it nor below its folder")
    return uris


def _check_allowed(uri: str, holder: str, why_not: str) -> None:
    allowed, scheme = ALLOWED_SCHEMES.read(), protocol_of(uri) or "file"
    if scheme not in allowed:
        raise SourceError(
            f"{shown_uri(holder)!r} leads to {shown_uri(uri)!r}, which is not followed, "
            f"since {why_not}. If you trust the file, call "
            f"temporaldata_video.configure(allowed_schemes={[*allowed, scheme]}), or set "
            f"{ALLOWED_SCHEMES.variable}={','.join([*allowed, scheme])}."
        )


def _lies_beside(uri: str, video: str) -> bool:
    if uri == video:
        return True
    folder = video.replace(os.sep, "/").rpartition("/")[0] + "/"
    name = uri.replace(os.sep, "/")
    steps = re.split(r"[/\\]", unquote(name.removeprefix(folder)))
    return name.startswith(folder) and ".." not in steps
