r"""A video made in the parent is read right in children, however they are started."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from tests.helpers import needs_fork, right

# A program of its own, since what spawn starts imports the main module again.
PROGRAM = """
import hashlib
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from temporaldata import Data

import temporaldata_video as tv
from temporaldata_video.testing import read_numbers

WINDOWS = [(a, a + 0.5) for a in np.arange(0.0, 3.5, 0.6)]
INHERITED = {}


def check(window):
    frames = window.frames
    assert read_numbers(frames).tolist() == window.frame_indices.tolist()
    assert len(frames) and window.valid.all()
    return hashlib.blake2b(frames.tobytes()).hexdigest()


def by_path(path, a, b):
    return check(Data.load(path).slice(a, b).video)


def by_uri(uri, a, b):
    return check(tv.LazyVideo.from_uri(uri).slice(a, b))


def by_argument(video, a, b):
    return check(video.slice(a, b))


def by_inheritance(name, a, b):
    return check(INHERITED[name].slice(a, b))


def by_data(data, a, b):
    return check(data.slice(a, b).video)


def main(method, path, uri, decode_before):
    context = multiprocessing.get_context(method)
    video = tv.LazyVideo.from_uri(uri)
    data = Data.load(path)
    whole = tv.LazyVideo.from_uri(uri, threads=2)
    INHERITED.update(video=video, loaded=data.video, threads=whole)
    if decode_before:
        # In every way that leaves something behind: threads, a live decoder, an open file.
        check(whole)
        check(whole.slice(1.0, 2.0))
        for a, b in WINDOWS:
            check(video.slice(a, b))
            check(data.slice(a, b).video)
    tasks = [(by_path, path), (by_uri, uri), (by_argument, video), (by_argument, whole)]
    tasks.append((by_argument, data.video))
    if method == "fork":
        tasks += [(by_inheritance, name) for name in INHERITED]
        tasks.append((by_data, Data.load(path, lazy=False)))
    with ProcessPoolExecutor(2, context) as pool:
        pending = [
            (window, pool.submit(function, argument, *window))
            for function, argument in tasks
            for window in WINDOWS
        ]
        digests = {}
        for window, result in pending:
            digests.setdefault(window, set()).add(result.result())
    for (a, b), found in digests.items():
        assert found == {check(video.slice(a, b))}, (a, b)
    # The parent goes on as if nothing had been.
    check(video)
    print("right:", len(pending))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "True")
"""

WHILE_DECODING = """
import multiprocessing
import sys
import threading

import temporaldata_video as tv
from temporaldata_video.testing import read_numbers


def read(video, result):
    window = video.slice(1.0, 2.0)
    result.put(read_numbers(window.frames).tolist() == window.frame_indices.tolist())


if __name__ == "__main__":
    video = tv.LazyVideo.from_uri(sys.argv[1])
    read_numbers(video.slice(1.0, 2.0).frames)
    stop = threading.Event()

    def keep_decoding():
        while not stop.is_set():
            for start in (0.1, 0.3, 0.5, 2.0):
                video.slice(start, start + 0.4).frames

    thread = threading.Thread(target=keep_decoding)
    thread.start()
    context = multiprocessing.get_context("fork")
    right = 0
    for _ in range(4):
        result = context.Queue()
        child = context.Process(target=read, args=(video, result))
        child.start()
        right += result.get()
        child.join(30)
        assert child.exitcode == 0
    stop.set()
    thread.join()
    print("right:", right)
"""

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture
def saved(clip, tmp_path):
    video = tv.LazyVideo.from_uri(clip)
    Data(video=video, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    return tmp_path / "rec.h5"


@pytest.mark.parametrize("method", METHODS)
def test_children_read_what_the_parent_reads(clip, saved, run_script, method):
    assert run_script(PROGRAM, method, saved, clip, True)[0].startswith("right: ")


@needs_fork
def test_children_read_what_the_parent_did_not_read(clip, saved, run_script):
    assert run_script(PROGRAM, "fork", saved, clip, False)[0].startswith("right: ")


@needs_fork
def test_a_child_forked_while_a_thread_decodes(clip, run_script):
    assert run_script(WHILE_DECODING, clip)[0] == "right: 4\n"


def test_threads_of_one_process_share_a_video(clip):
    from concurrent.futures import ThreadPoolExecutor

    video = tv.LazyVideo.from_uri(clip)
    starts = np.random.default_rng(0).uniform(0.0, 3.5, 60)
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda start: right(video.slice(start, start + 0.3)), starts))
