r"""What users must not write; each line is an error of its own to mypy and to pyright.

A checker that finds no error in a line complains of its ``type: ignore`` instead.
"""

import numpy as np

import temporaldata_video as tv

video = tv.LazyVideo.from_uri("cam.mp4")

# Choices that do not exist.
tv.LazyVideo.from_uri("cam.mp4", colorspace="BGR")  # type: ignore[arg-type]
tv.LazyVideo.from_uri("cam.mp4", channel_format="CHW")  # type: ignore[arg-type]
tv.LazyVideo.from_uri("cam.mp4", on_error="ignore")  # type: ignore[arg-type]
tv.LazyVideo.from_uri("cam.mp4", threads="all")  # type: ignore[arg-type]
tv.LazyVideo("cam.mp4", colorspace="gray")  # type: ignore[arg-type]
tv.write_index("cam.mp4", on_mismatch="drop")  # type: ignore[arg-type]
tv.write_index("cam.mp4", on_nan="trim")  # type: ignore[arg-type]
tv.write_index("cam.mp4", method="moov")  # type: ignore[arg-type]
video.resample([0.0], method="linear")  # type: ignore[arg-type]

# Arguments of another kind, or by another name.
tv.LazyVideo.from_uri(7)  # type: ignore[arg-type]
tv.LazyVideo.from_uri("cam.mp4", resize="240x320")  # type: ignore[arg-type]
tv.LazyVideo.from_uri("cam.mp4", None)  # type: ignore[call-arg]
tv.LazyVideo.from_uri("cam.mp4", size=(240, 320))  # type: ignore[call-arg]
tv.write_index("cam.mp4", "times.npy")  # type: ignore[call-arg]
tv.index_many([1, 2])  # type: ignore[list-item]
tv.read_many(["cam.mp4"])  # type: ignore[list-item]
tv.LazyVideo.concat(["a.mp4"])  # type: ignore[list-item]
tv.register_backend("MP4_INDEX")  # type: ignore[arg-type]
tv.Backend("AUDIO")  # type: ignore[call-arg]
video.slice("0", "1")  # type: ignore[arg-type]
video.select_by_mask(np.arange(3))  # type: ignore[arg-type]

# What cannot be set.
video.shape = (1, 3, 64, 96)  # type: ignore[misc]
tv.MP4_INDEX.name = "OTHER"  # type: ignore[misc]

# Results of another type than is thought.
pixels: float = video.frames  # type: ignore[assignment]
size: int = video.resize  # type: ignore[assignment]
both: np.ndarray = video.frames_at([0], return_valid=True)  # type: ignore[assignment]


class Archive:
    r"""A store that lacks half of what one has."""

    def head(self, key: str) -> tv.ObjectMeta:
        return tv.ObjectMeta(0)


store: tv.ObjectStore = Archive()  # type: ignore[assignment]
