r"""Display matrices put each pixel where a turn and a flip put it."""

from __future__ import annotations

import numpy as np
import pytest

from temporaldata_video._index.display_matrix import display_matrix, display_transform


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_matrix_moves_each_pixel_to_its_place(rotation, mirrored):
    height, width = 3, 5
    picture = np.arange(height * width).reshape(height, width)
    matrix = display_matrix(rotation, mirrored, width, height)
    assert display_transform(matrix) == (rotation, mirrored)
    a, b, u, c, d, v, x, y, w = matrix
    assert (u, v, w) == (0, 0, 1 << 30)
    rows, columns = np.indices(picture.shape) + 0.5
    to_x, to_y = a * columns + c * rows + x, b * columns + d * rows + y
    shown = np.full((width, height) if rotation % 180 else (height, width), -1)
    place = np.floor(np.stack([to_y, to_x]) / (1 << 16)).astype(int)
    shown[tuple(place)] = picture
    turned = np.rot90(picture, rotation // 90)
    assert np.array_equal(shown, turned[:, ::-1] if mirrored else turned)


def test_any_scale_has_the_same_turn():
    assert display_transform([0, 5, 0, -7, 0, 0, 3, 4, 1]) == (270, False)
    assert display_transform([-9, 0, 0, 0, -1, 0, 0, 0, 1]) == (180, False)


@pytest.mark.parametrize("matrix", [[1, 1, 0, 0, 1, 0, 0, 0, 1], [0] * 9, [1] * 9])
def test_what_is_no_right_angle_turns_nothing(matrix):
    assert display_transform(matrix) == (0, False)
