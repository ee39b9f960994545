r"""Recordings to be viewed, and a browser."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries, RegularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.view.browser import Page, start_chromium

SECONDS = 20.0
# Two stretches of frames, with a pause in which nothing is shown.
TIMES = np.concatenate([0.5 + np.arange(240) / 30, 12.0 + np.arange(180) / 30])


@pytest.fixture(scope="session", autouse=True)
def _libraries():
    for library in ("bokeh", "starlette", "uvicorn"):
        pytest.importorskip(library)


@pytest.fixture(scope="session")
def cameras(tmp_path_factory):
    r"""Two cameras with clocks of their own; the first one pauses from 8.5 s to 12 s."""
    folder = tmp_path_factory.mktemp("cameras")
    rng = np.random.default_rng(1)
    jitter = rng.uniform(-0.2, 0.2, len(TIMES)) / 30
    clocks = {"left": TIMES + jitter, "right": np.arange(0.0, SECONDS, 1 / 25)}
    for (name, clock), shift in zip(clocks.items(), (0, 1000)):
        path = folder / f"{name}.mp4"
        make_clip(path, len(clock), size=(96, 128), first_frame=shift)
        tv.write_index(path, timestamps=clock, progress=False)
    return folder


@pytest.fixture(scope="session")
def data(cameras):
    r"""A recording of two cameras, spikes, traces, pose and trials."""
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(0.0, SECONDS, 4000))
    left, right = (tv.LazyVideo.from_uri(cameras / f"{n}.mp4") for n in ("left", "right"))
    walk = np.cumsum(rng.normal(size=(20_000, 3)), axis=0)
    # Newer hosts deprecate the argument without which older ones have no domain.
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        lfp = RegularTimeSeries(raw=walk, sampling_rate=1000.0, domain="auto")
    return Data(
        left=left,
        right=right,
        spikes=IrregularTimeSeries(
            timestamps=times, unit_index=rng.integers(0, 6, 4000), domain="auto"
        ),
        lfp=lfp,
        licks=IrregularTimeSeries(timestamps=times[::100], domain="auto"),
        pose=IrregularTimeSeries(
            timestamps=left.timestamps.copy(),
            nose=rng.uniform(0.0, 96.0, (len(left), 2)),
            domain="auto",
        ),
        trials=Interval(np.arange(1.0, 18.0, 3.0), np.arange(3.0, 20.0, 3.0)),
        domain=Interval(0.0, SECONDS),
    )


@pytest.fixture
def viewing():
    r"""``tv.view``, whose views are closed after the test."""
    opened = []

    def view(*arguments, **options):
        opened.append(tv.view(*arguments, **options))
        return opened[-1]

    yield view
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    driver = start_chromium(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def show(chromium, viewing):
    r"""Opens a recording in the browser."""

    def open_page(*arguments, **options) -> Page:
        return Page(chromium, viewing(*arguments, **options).url)

    yield open_page
    chromium.get("about:blank")
