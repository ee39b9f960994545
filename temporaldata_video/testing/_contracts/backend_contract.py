r"""The suite for authors of backends."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from temporaldata import Data, Interval

from ..._plugin.backends import Backend, get_backend, register_backend
from ...errors import VideoError


class BackendContract:
    r"""What a :obj:`~temporaldata_video.Backend` promises.

    A subclass has two fixtures: ``backend`` returns the backend, and ``uri`` something that
    it opens as a series of the host with at least two timestamps.
    """

    @pytest.fixture
    def opened(self, backend: Backend, uri: Any) -> Any:
        r"""What the backend makes of the uri."""
        return backend.open(uri)

    def test_it_is_registered_by_its_name(self, backend: Backend) -> None:
        assert backend.name and register_backend(backend) is get_backend(backend.name)

    def test_what_is_missing_is_an_error(self, backend: Backend, tmp_path: Path) -> None:
        with pytest.raises((VideoError, OSError)):
            backend.open(str(tmp_path / "missing"))

    def test_it_opens_a_series(self, opened: Any) -> None:
        times = np.asarray(opened.timestamps)
        assert times.dtype == np.float64 and len(times) >= 2
        assert (np.diff(times) >= 0).all() and len(opened) == len(times)

    def test_it_is_sliced_by_the_host(self, opened: Any) -> None:
        times = np.array(opened.timestamps)
        middle = float(times[len(times) // 2])
        data = Data(part=opened, domain=Interval(float(times[0]), float(times[-1]) + 1))
        window = data.slice(float(times[0]), middle, reset_origin=False).part
        assert np.array_equal(window.timestamps, times[times < middle])

    def test_it_can_be_pickled(self, opened: Any) -> None:
        again = pickle.loads(pickle.dumps(opened))
        assert np.array_equal(again.timestamps, opened.timestamps)

    @pytest.mark.parametrize("lazy", [True, False])
    def test_a_recording_points_to_it(
        self, backend: Backend, opened: Any, tmp_path: Path, lazy: bool
    ) -> None:
        register_backend(backend)
        path = tmp_path / "rec.h5"
        Data(part=opened, domain=Interval(0.0, 1.0)).save(path)
        loaded = Data.load(path, lazy=lazy).part
        assert type(loaded) is type(opened)
        assert np.array_equal(loaded.timestamps, opened.timestamps)
