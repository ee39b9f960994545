r"""Connects optional hosts when, and only if, somebody imports them."""

from __future__ import annotations

import importlib
from types import ModuleType

import wrapt

from .._base.user_warnings import warn_user
from ..errors import PluginWarning


def teach_later() -> None:
    r"""Imports our module for ``torch_brain.data`` right after the host itself."""
    wrapt.register_post_import_hook(_teach_torch_brain, "torch_brain.data")


def _teach_torch_brain(host: ModuleType) -> None:
    # Before 0.2 torch_brain used the series of temporaldata.
    if not hasattr(host, "IrregularTimeSeries"):
        return
    try:
        importlib.import_module("temporaldata_video.hosts.torch_brain")
    except Exception as error:  # whatever is wrong, the user's import goes on
        warn_user(
            f"videos cannot be used with this version of torch_brain.data: {error!r}",
            PluginWarning,
        )
