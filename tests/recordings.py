r"""Recordings that are saved, and what may become of their video afterwards."""

from __future__ import annotations

import copy
import pickle
import shutil

import numpy as np
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, paint_number

N_FRAMES = 300
CLOCK = 5.0 + np.arange(N_FRAMES) / 30
OTHER_CLOCK = 5.5 + np.arange(N_FRAMES) / 25


def save(folder, video=None) -> None:
    video = video or tv.LazyVideo.from_uri(folder / "cam.mp4")
    Data(video=video, domain=Interval(0.0, 20.0)).save(folder / "rec.h5")


def load(folder) -> tv.LazyVideo:
    return Data.load(folder / "rec.h5").video


def replace_by(folder, n_frames: int) -> None:
    r"""Puts another video there: without frame 100, half as long, or of other pictures."""
    paint = {
        299: lambda i, h, w: paint_number(i + (i >= 100), h, w),
        150: paint_number,
        300: lambda i, h, w: paint_number(i + 1000, h, w),
    }[n_frames]
    make_clip(folder / "cam.mp4", n_frames, size=(32, 32), paint=paint)


def index_again(folder, clock=None) -> None:
    tv.write_index(folder / "cam.mp4", timestamps=clock, overwrite=True, progress=False)


SIDECARS = {
    "stale": lambda folder: None,
    "gone": lambda folder: shutil.rmtree(folder / "cam.mp4.lance"),
    "anew": index_again,
}
# What reads of a video, or says something of its frames.
USES = {
    "frames": lambda video: video.frames,
    "window": lambda video: video.slice(10.0, 11.0).frames,
    "frames_at": lambda video: video.frames_at([0, 1]),
    "read_many": lambda video: tv.read_many([video.slice(9, 10), video.slice(9.5, 11)]),
    "plot": lambda video: video.plot(count=3),
    "resample": lambda video: video.resample([6.0]).frames,
    "concat": lambda video: tv.concat([video.slice(5, 6), video.slice(8, 9)]).frames,
    "pickle": lambda video: pickle.loads(pickle.dumps(video)).frames_at([0]),
    "deepcopy": lambda video: copy.deepcopy(video).frames_at([0]),
    "materialize": lambda video: video.materialize(),
}
BY_THE_INDEX = {
    "cost": lambda video: video.cost(),
    "prefetch": lambda video: video.prefetch(),
    "shape": lambda video: video.shape,
    "segments": lambda video: video.segment_frame_counts,
    "concat alone": lambda video: tv.concat([video.slice(5, 6), video.slice(8, 9)]),
    "resample alone": lambda video: video.resample([6.0]),
}
