r"""Sets the configuration, here and in processes that are started later."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .._base.configuration import (
    CACHE_KIND,
    CACHE_QUOTA_BYTES,
    SETTINGS,
    CacheKind,
    Configuration,
    configuration,
)
from .._bytes.disk_files import CacheFiles
from ..types import ProxyUse


def configure(
    *,
    cache_directory: str | os.PathLike[str] | None = None,
    cache_quota_bytes: int | None = None,
    cache_block_bytes: int | None = None,
    cache_kind: CacheKind | None = None,
    decoders: int | None = None,
    decoder_memory_bytes: int | None = None,
    output_memory_bytes: int | None = None,
    request_memory_bytes: int | None = None,
    clock_memory_bytes: int | None = None,
    retries: int | None = None,
    request_seconds: int | None = None,
    allowed_schemes: Iterable[str] | None = None,
    proxy: ProxyUse | None = None,
) -> Configuration:
    r"""Changes settings, for this process and for those that it starts later.

    Each argument sets an environment variable: ``TEMPORALDATA_VIDEO_``, and the argument in
    capitals. So workers have the same settings, whether they are started by fork, spawn or
    forkserver; a fork server that runs already keeps those that it began with. The package
    looks settings up when it needs them, so a change reaches open videos at their next
    read. Arguments that are left out change nothing.

    Args:
        cache_directory: where remote videos are kept, in which every user has a folder of
            their own; the folder of temporary files by default. Local files are never
            cached.
        cache_quota_bytes: how many bytes the cache holds at most; 10 GB by default.
        cache_block_bytes: size of a block, at least 4,096; 256 KiB by default.
        cache_kind: ``"blocks"`` (default) keeps what was read, ``"files"`` downloads a file
            when it is first read, ``"none"`` keeps nothing.
        decoders: how many decoders a process keeps for windows that slide along a
            recording; 4 by default, and 0 turns it off.
        decoder_memory_bytes: how many bytes of decoded frames it keeps for windows that
            overlap; 256 MiB by default.
        output_memory_bytes: how many bytes of freed pixels a process keeps for the next
            window; by default an eighth of the machine's memory, and 2 GiB at most. Larger
            windows get fresh memory, and give it back. 0 turns it off.
        request_memory_bytes: how many bytes one request for frames may take; 0, the
            default, stands for 80 % of the memory available then, within the limit of
            the container that the process runs in.
        clock_memory_bytes: how many bytes of timestamps and frame numbers a process keeps
            of the recordings used last; 256 MiB by default.
        retries: how often a request is tried again after the network failed; 6 by default.
        request_seconds: how long a request may take, with all that is tried again of it; 60
            by default. One request reads 8 MiB at most.
        allowed_schemes: such as ``["s3", "https"]``, to which recordings and sidecars of
            another scheme may lead; ``"file"`` is this machine. Without them, a recording
            on this machine cannot lead to ``s3://``, since its author would decide what
            this machine connects to. Within an allowed scheme, sidecars may also lead to
            files that lie neither beside their video nor below its folder. They replace
            what was allowed before; none by default.
        proxy: which proxies videos with a ``resize`` read, if they do not say it
            themselves: ``"lossless"`` (default), whose pixels are the same; ``"lossy"``,
            the smallest that there is; or ``"never"``.

    Returns:
        All settings as they are now.

    Raises:
        ValueError: if a value is not allowed, and nothing is changed then; or if an
            environment variable has a value that is not allowed.
        CacheError: if the directory cannot be used or trusted. Nothing is changed then.

    Example ::

        >>> import temporaldata_video as tv
        >>> tv.configure(cache_directory="scratch", decoders=8).decoders
        8
        >>> tv.configuration().decoders
        8
    """
    changes: dict[str, Any] = {
        name: value for name, value in locals().items() if value is not None
    }
    texts = {name: SETTINGS[name].checked_text(value) for name, value in changes.items()}
    if "cache_directory" in texts and (cache_kind or CACHE_KIND.read()) != "none":
        CacheFiles(texts["cache_directory"], CACHE_QUOTA_BYTES.read()).start()
    os.environ.update({SETTINGS[name].variable: text for name, text in texts.items()})
    return configuration()
