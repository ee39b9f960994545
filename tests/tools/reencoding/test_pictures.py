r"""Pictures of a copy that are not those of the original, or not in their order."""

from __future__ import annotations

import numpy as np
import pytest

from temporaldata_video._tools.reencoding.pictures import compare_pictures
from temporaldata_video.errors import VideoError


@pytest.fixture
def moving() -> np.ndarray:
    r"""100 pictures that drift, as 64 samples of 8 bits."""
    place = np.linspace(0, 6 * np.pi, 64) + np.arange(100)[:, None] / 5
    return (128 + 100 * np.sin(place)).astype(np.uint16)


def noisy(pictures: np.ndarray, scale: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, scale, pictures.shape)
    return np.clip(pictures + noise, 0, 255).astype(np.uint16)


@pytest.mark.parametrize("scale", [0, 1, 10, 40])
def test_coarse_copies_are_copies(moving, scale):
    psnr = compare_pictures(moving, noisy(moving, scale), 8)
    expected = 20 * np.log10(255 / scale) if scale else np.inf
    assert psnr == expected or abs(psnr - expected) < 1.5


def test_still_pictures_are_in_any_order(moving):
    still = np.repeat(moving[:1], 50, axis=0)
    assert compare_pictures(still, noisy(still, 2)[::-1], 8) > 30


@pytest.mark.parametrize("shift", [1, -1])
def test_pictures_that_are_shifted(moving, shift):
    ends = [moving[:-1], moving[1:]]
    asked, copied = ends[::shift]
    with pytest.raises(VideoError, match=f"shifted by {shift} frame"):
        compare_pictures(asked, noisy(copied, 2), 8)


def test_one_picture_that_is_another(moving):
    copied = noisy(moving, 2)
    copied[70] = 255 - copied[70]
    with pytest.raises(VideoError, match="frame 70 of the copy"):
        compare_pictures(moving, copied, 8)


def test_another_video(moving):
    with pytest.raises(VideoError, match="other pictures"):
        compare_pictures(moving, noisy(moving[::-1, ::-1] // 3, 2), 8)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_deep_pictures_are_compared_in_their_own_range(moving, depth):
    scale = 1 << (depth - 8)
    psnr = compare_pictures(moving * scale, noisy(moving, 3) * scale, depth)
    assert abs(psnr - 20 * np.log10(255 / 3)) < 1.5


def test_a_single_picture(moving):
    assert compare_pictures(moving[:1], moving[:1], 8) == np.inf
