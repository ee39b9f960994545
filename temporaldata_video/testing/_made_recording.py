r"""Makes up an experiment in which video, spikes and LFP belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ._clips import make_clip
from ._numbers import paint_number

LFP_RATE = 250.0
_ARENA = 0.42  # radius as a share of the height of the frame


@dataclass(frozen=True, eq=False)
class Recording:
    r"""A small made-up experiment: a mouse in an arena, its neurons and a camera.

    All times are seconds on the recording's clock.

    Args:
        video: path of the video file.
        camera_times: path of the ``.npy`` file with the time of each video frame,
            float64 of shape (n_frames,).
        spike_timestamps: sorted times of the spikes, float64 of shape (n_spikes,).
        spike_unit_index: which neuron fired, int64 of shape (n_spikes,).
        lfp: local field potential from time 0 at ``LFP_RATE`` hertz, float32 of shape
            (n_samples, 2).
        body: x and y of the mouse's body in pixels of each video frame, float64 of shape
            (n_frames, 2).
        nose: x and y of its nose, likewise.
        trial_start: start of each trial, float64 of shape (n_trials,).
        trial_end: end of each trial, float64 of shape (n_trials,).
    """

    video: Path
    camera_times: Path
    spike_timestamps: np.ndarray
    spike_unit_index: np.ndarray
    lfp: np.ndarray
    body: np.ndarray
    nose: np.ndarray
    trial_start: np.ndarray
    trial_end: np.ndarray


def make_recording(
    directory: str | Path,
    seconds: float = 30.0,
    *,
    rate: int = 30,
    size: tuple[int, int] = (120, 160),
    seed: int = 0,
) -> Recording:
    r"""Writes ``cam.mp4`` and ``cam_times.npy`` and makes up the neurons to go with them.

    The faster the mouse in the video, the more the neurons fire and the stronger the
    theta rhythm of the LFP. The video carries its frame numbers in a strip below.

    Args:
        directory: an existing directory to write to.
        seconds: length of the recording.
        rate: mean frames per second of the camera, whose clock jitters.
        size: height and width of the video in pixels, at least 64 each.
        seed: seed of all that is random.

    Returns:
        Where the files are, and the other modalities as arrays.

    Example ::

        >>> import tempfile
        >>> from temporaldata_video.testing import make_recording
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     make_recording(directory, seconds=1.0).lfp.shape
        (250, 2)
    """
    directory = Path(directory)
    rng = np.random.default_rng(seed)
    n_frames = round(seconds * rate)
    jitter = rng.uniform(-0.2, 0.2, n_frames)
    jitter[:1] = 0.0
    camera_times = 0.013 + (np.arange(n_frames) + jitter) / rate
    np.save(directory / "cam_times.npy", camera_times)
    arena = _arena(*size)
    body = _mouse_path(camera_times)
    toward = _mouse_path(camera_times + 0.15) - body
    toward *= 0.16 / (np.linalg.norm(toward, axis=1, keepdims=True) + 1e-6)

    def paint(number: int, height: int, width: int) -> np.ndarray:
        scene = _with_mouse(arena, body[number], toward[number])
        return paint_number(number, height, width, background=scene)

    video = make_clip(
        directory / "cam.mp4", n_frames, size=size, rate=rate, gop=rate, paint=paint
    )
    time = np.arange(round(seconds * LFP_RATE)) / LFP_RATE
    speed = np.linalg.norm(_mouse_path(time + 0.01) - _mouse_path(time - 0.01), axis=1)
    speed /= speed.max(initial=1e-9)
    spike_timestamps, spike_unit_index = _spikes(speed, rng)
    trial_start = np.arange(0.5, seconds - 2.0, 3.0)
    return Recording(
        video=video,
        camera_times=directory / "cam_times.npy",
        spike_timestamps=spike_timestamps,
        spike_unit_index=spike_unit_index,
        lfp=_theta(time, speed, rng),
        body=_in_pixels(body, *size)[:, ::-1],
        nose=_in_pixels(body + 1.5 * toward, *size)[:, ::-1],
        trial_start=trial_start,
        trial_end=trial_start + 2.0,
    )


def _mouse_path(time: np.ndarray) -> np.ndarray:
    r"""Returns (y, x) within the unit circle at each time, a walk that stops and goes."""
    stride = time + 0.9 * np.sin(time)
    y = 0.35 * np.sin(0.7 * stride) + 0.25 * np.sin(1.3 * stride + 1.0)
    x = 0.35 * np.cos(0.9 * stride) + 0.25 * np.sin(1.1 * stride + 2.0)
    return np.stack([y, x], axis=-1)


def _in_pixels(places: np.ndarray, height: int, width: int) -> np.ndarray:
    r"""Returns (y, x) in pixels of places (y, x) in units of the radius of the arena."""
    return places * _ARENA * height + np.array([0.44 * height, 0.5 * width])


def _arena(height: int, width: int) -> np.ndarray:
    r"""Returns the empty arena, RGB levels as float32 of shape (height, width, 3)."""
    dusk = np.linspace(0, 50, height, dtype=np.float32)[:, None, None]
    scene = np.tile(dusk + np.array([40, 44, 60], np.float32), (1, width, 1))
    _add_disc(scene, (0.0, 0.0), 1.0, (150, 160, 140))
    return scene


def _with_mouse(arena: np.ndarray, body: np.ndarray, toward: np.ndarray) -> np.ndarray:
    scene = arena.copy()
    _add_disc(scene, body, 0.15, (235, 225, 205))
    _add_disc(scene, body + toward, 0.10, (250, 240, 225))
    _add_disc(scene, body + 1.5 * toward, 0.03, (230, 130, 140))
    return scene.astype(np.uint8)


def _add_disc(
    scene: np.ndarray, center: ArrayLike, radius: float, color: tuple[int, int, int]
) -> None:
    r"""Paints a disc with a soft edge, in units of the radius of the arena."""
    height, width, _ = scene.shape
    y0, x0 = _in_pixels(np.asarray(center), height, width)
    y = np.arange(height, dtype=np.float32)[:, None] - y0
    x = np.arange(width, dtype=np.float32) - x0
    cover = np.clip(radius * _ARENA * height - np.sqrt(y * y + x * x), 0, 2) / 2
    inside = cover > 0
    scene[inside] += cover[inside][:, None] * (np.array(color) - scene[inside])


def _spikes(speed: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    r"""Returns times and units of spikes whose rates in hertz follow the speed."""
    gain = np.linspace(5.0, 40.0, 8)
    fired = rng.random((len(speed), len(gain))) < (1.0 + speed[:, None] * gain) / LFP_RATE
    sample, unit_index = np.nonzero(fired)
    timestamps = (sample + rng.random(len(sample))) / LFP_RATE
    order = np.argsort(timestamps)
    return timestamps[order], unit_index[order].astype(np.int64)


def _theta(time: np.ndarray, speed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    r"""Returns two channels of an 8 hertz rhythm that grows with the speed."""
    phase = 2 * np.pi * 8.0 * time[:, None] + np.array([0.0, 0.6])
    trace = (0.3 + speed[:, None]) * np.sin(phase) + 0.1 * rng.normal(size=phase.shape)
    return trace.astype(np.float32)
