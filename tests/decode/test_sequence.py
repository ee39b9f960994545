r"""Digests of frames cover each sample and no padding; grids lie over the whole picture."""

from __future__ import annotations

import av
import numpy as np
import pytest

from temporaldata_video._decode.sequence import frame_digest, luma_samples

# How many bytes of each row belong to the picture, by plane, for an even width.
ROW_BYTES = {
    "gray": lambda w: [w],
    "gray10le": lambda w: [2 * w],
    "rgb24": lambda w: [3 * w],
    "bgra": lambda w: [4 * w],
    "yuyv422": lambda w: [2 * w],
    "monob": lambda w: [-(-w // 8)],
    "pal8": lambda w: [w],
    "nv12": lambda w: [w, w],
    "yuv420p": lambda w: [w, w // 2, w // 2],
    "yuv422p10le": lambda w: [2 * w, w, w],
    "gbrp": lambda w: [w, w, w],
}
WIDTH, HEIGHT = 50, 12


def filled(frame: av.VideoFrame, seed: int) -> list[np.ndarray]:
    r"""Fills a frame with noise, and returns its planes with their padding."""
    rng = np.random.default_rng(seed)
    planes = []
    for plane in frame.planes:
        samples = rng.integers(0, 256, plane.buffer_size, np.uint8)
        plane.update(samples.tobytes())
        planes.append(samples)
    return planes


@pytest.mark.parametrize("pixel_format", ROW_BYTES)
def test_each_byte_of_the_picture_counts_and_no_other(pixel_format):
    frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
    planes = filled(frame, 0)
    digest = frame_digest(frame)
    for number, row_bytes in enumerate(ROW_BYTES[pixel_format](WIDTH)):
        plane, samples = frame.planes[number], planes[number]
        rows = samples[: plane.height * plane.line_size].reshape(plane.height, -1)
        for row in (0, plane.height - 1):
            for byte, counts in ((0, True), (row_bytes - 1, True), (row_bytes, False)):
                if byte < plane.line_size:
                    changed = samples.copy()
                    changed[row * plane.line_size + byte] ^= 1
                    plane.update(changed.tobytes())
                    assert (frame_digest(frame) != digest) == counts, (number, row, byte)
        plane.update(samples.tobytes())
        assert rows.shape[1] >= row_bytes
    assert frame_digest(frame) == digest


def test_the_palette_counts():
    frame = av.VideoFrame(WIDTH, HEIGHT, "pal8")
    planes = filled(frame, 0)
    digest = frame_digest(frame)
    palette = planes[1].copy()
    palette[4 * 255] ^= 1
    frame.planes[1].update(palette.tobytes())
    assert frame_digest(frame) != digest


@pytest.mark.parametrize("pixel_format", ["gray", "yuv420p", "gray10le", "yuv420p10le"])
@pytest.mark.parametrize(("height", "width"), [(64, 80), (50, 34), (8, 8), (2, 4)])
def test_the_grid_lies_in_the_middles_of_its_cells(pixel_format, height, width):
    frame = av.VideoFrame(width, height, pixel_format)
    filled(frame, 1)
    plane = frame.planes[0]
    kind = np.uint16 if "10" in pixel_format else np.uint8
    picture = np.frombuffer(plane, kind).reshape(height, -1)
    rows, columns = (
        [int((i + 0.5) * side / 8) for i in range(8)] for side in (height, width)
    )
    expected = [picture[row, column] for row in rows for column in columns]
    found = luma_samples(frame)
    assert found.dtype == np.uint16 and found.tolist() == expected
