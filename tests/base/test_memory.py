r"""Memory of pixels is used again, and never while anybody looks at it."""

from __future__ import annotations

import gc
import os
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporaldata_video._base import memory as output_memory
from temporaldata_video._base.memory import empty_frames
from tests.helpers import needs_fork

SHAPE = (30, 3, 120, 160)
UINT8 = np.dtype(np.uint8)


@pytest.fixture(autouse=True)
def bound(configure):
    output_memory._KEPT.clear()
    configure(output_memory_bytes=1 << 26)


def kept_bytes() -> int:
    return sum(block.bytes.size for block in output_memory._KEPT)


def test_memory_that_was_let_go_is_used_again():
    frames = empty_frames(SHAPE, UINT8)
    assert frames.shape == SHAPE and frames.dtype == np.uint8
    assert frames.flags.c_contiguous and frames.flags.writeable
    address = frames.ctypes.data
    del frames
    assert empty_frames((29, *SHAPE[1:]), UINT8).ctypes.data == address


@pytest.mark.parametrize(
    "view",
    [
        lambda frames: frames[3],
        lambda frames: frames.transpose(0, 2, 3, 1)[::2],
        lambda frames: memoryview(frames),
        lambda frames: np.asarray(frames).reshape(-1)[1:],
        lambda frames: np.frombuffer(frames, np.uint16),
    ],
)
def test_memory_that_somebody_still_sees_is_not(view):
    frames = empty_frames(SHAPE, UINT8)
    address = frames.ctypes.data
    seen = view(frames)
    del frames
    gc.collect()
    other = empty_frames(SHAPE, UINT8)
    assert other.ctypes.data != address
    del seen
    assert empty_frames(SHAPE, UINT8).ctypes.data == address


def test_pickles_and_copies_hold_pixels_of_their_own():
    frames = empty_frames(SHAPE, UINT8)
    frames[...] = 5
    copies = [pickle.loads(pickle.dumps(frames)), frames.copy()]
    del frames
    empty_frames(SHAPE, UINT8)[...] = 9
    assert all((copy == 5).all() for copy in copies)


def test_what_is_kept_is_bounded(configure):
    arrays = [empty_frames((n, *SHAPE[1:]), UINT8) for n in range(20, 80)]
    del arrays
    assert 0 < kept_bytes() <= 1 << 26
    configure(output_memory_bytes=0)
    frames = empty_frames(SHAPE, UINT8)
    assert kept_bytes() == 0
    del frames
    assert kept_bytes() == 0


def test_a_window_beyond_the_bound_has_the_machine_for_itself():
    frames = empty_frames(SHAPE, UINT8)
    del frames
    assert kept_bytes()
    large = empty_frames((1200, *SHAPE[1:]), UINT8)
    assert kept_bytes() == 0
    del large
    assert kept_bytes() == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(20, 60), st.booleans()), max_size=20))
def test_no_two_arrays_share_memory(steps):
    alive: list[np.ndarray] = []
    for k, (n, drop) in enumerate(steps):
        if drop and alive:
            alive.pop(0)
        alive.append(empty_frames((n, *SHAPE[1:]), UINT8))
        alive[-1][...] = k
        assert len({int(a.flat[0]) for a in alive}) == len(alive)
    assert all(a.min() == a.max() for a in alive)


def test_threads_take_turns():
    wrong = []

    def work(number: int) -> None:
        for _ in range(50):
            frames = empty_frames(SHAPE, UINT8)
            frames[...] = number
            if not (frames == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@needs_fork
def test_a_forked_child_does_not_write_into_the_pixels_of_its_parent():
    kept = empty_frames(SHAPE, UINT8)
    address = kept.ctypes.data
    del kept
    held = empty_frames(SHAPE, UINT8)
    held[...] = 1
    free = empty_frames(SHAPE, UINT8)
    del free
    child = os.fork()
    if child == 0:
        held[...] = 2
        empty_frames(SHAPE, UINT8)[...] = 3
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert held.ctypes.data == address
    assert (held == 1).all()
