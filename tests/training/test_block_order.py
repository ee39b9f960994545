r"""Which windows come when: each once, neighbours apart, and the same after a restart."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import signal
import socket
from itertools import chain, combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video.training import BlockOrder, Draw, Window, regular_windows
from tests.helpers import needs_fork


def windows_of(*counts: int) -> list[Window]:
    r"""Windows of half a second, one after the other, of as many recordings."""
    found = [
        Window(f"rec{recording}", 0.5 * n, 0.5 * n + 0.5)
        for recording, count in enumerate(counts)
        for n in range(count)
    ]
    random.Random(0).shuffle(found)
    return found


orders = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 6),
        "block": st.integers(1, 9),
        "seed": st.integers(0, 3),
        "workers": st.integers(0, 3),
        "world_size": st.integers(1, 4),
        "uneven": st.sampled_from(["pad", "drop"]),
    }
)
counts = st.lists(st.integers(1, 60), min_size=1, max_size=3)


def of_all_ranks(windows, epoch=0, **arguments) -> list[list[list[Draw]]]:
    found = []
    for rank in range(arguments["world_size"]):
        order = BlockOrder(windows, rank=rank, **arguments)
        order.set_epoch(epoch)
        batches = list(order)
        assert len(batches) == len(order)
        assert all(len(batch) == arguments["batch_size"] for batch in batches[:-1])
        found.append(batches)
    return found


@given(counts=counts, arguments=orders, epoch=st.integers(0, 2))
def test_every_window_comes_once_over_all_ranks(counts, arguments, epoch):
    windows = windows_of(*counts)
    by_rank = of_all_ranks(windows, epoch, **arguments)
    drawn = [[*chain(*batches)] for batches in by_rank]
    assert len({len(numbers) for numbers in drawn}) == 1
    left = len(windows) % arguments["world_size"]
    every = sorted(chain(*drawn))
    if arguments["uneven"] == "pad":
        repeats = (arguments["world_size"] - left) % arguments["world_size"]
        assert set(every) == set(range(len(windows)))
        assert len(every) == len(windows) + repeats
    else:
        assert len(set(every)) == len(every) == len(windows) - left


@given(counts=counts, arguments=orders, share=st.floats(0.0, 1.0))
def test_an_order_goes_on_where_it_was(counts, arguments, share):
    windows = windows_of(*counts)
    order = BlockOrder(windows, **arguments)
    order.set_epoch(3)
    whole = list(order)
    n_done = int(share * len(whole))
    order.consumed += sum(map(len, whole[:n_done]))
    state = json.loads(json.dumps(order.state_dict()))
    again = BlockOrder(windows, **arguments)
    again.load_state_dict(state)
    again.set_epoch(3)
    rest = list(again)
    assert rest == whole[n_done:]
    assert [d.ahead for b in rest for d in b] == [
        d.ahead for b in whole[n_done:] for d in b
    ]
    again.set_epoch(4)
    assert len(list(again)) == len(whole)


@given(counts=counts, arguments=orders)
def test_what_is_decoded_ahead_comes_later_to_the_same_worker(counts, arguments):
    (batches, *_) = of_all_ranks(windows_of(*counts), **arguments)
    workers = max(1, arguments["workers"])
    for lane in range(workers):
        awaited: set[int] = set()
        for batch in batches[lane::workers]:
            for draw in batch:
                if draw in awaited:
                    assert set(draw.ahead) <= awaited
                else:
                    awaited |= set(draw.ahead)
                awaited.discard(int(draw))
        if arguments["world_size"] == 1:
            assert not awaited


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("batch_size", [8, 32])
def test_windows_of_a_block_are_rarely_in_one_batch(workers, batch_size):
    block = 8
    windows = windows_of(1000, 1000, 500)
    order = BlockOrder(windows, batch_size, block=block, workers=workers)
    together = mates = 0
    for epoch in range(3):
        order.set_epoch(epoch)
        batches = list(order)
        # The windows of a block are those that its first window has with it.
        seen: set[int] = set()
        block_of: dict[int, int] = {}
        for draw in (draw for batch in batches for draw in batch):
            if draw not in seen:
                members = {int(draw), *draw.ahead}
                assert len(members) <= block
                starts = sorted(windows[n].start for n in members)
                assert len({windows[n].recording_id for n in members}) == 1
                assert starts[-1] - starts[0] <= 0.5 * (block - 1)
                seen |= members
                block_of |= dict.fromkeys(members, int(draw))
                mates += len(members) * (len(members) - 1) // 2
        for batch in batches:
            pairs = combinations(batch, 2)
            together += sum(block_of[one] == block_of[other] for one, other in pairs)
    assert together <= 2 * mates * (batch_size - 1) / (len(windows) - 1)


def test_epochs_and_seeds_have_orders_of_their_own():
    windows = windows_of(200)
    orders = set()
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        order = BlockOrder(windows, 4, seed=seed)
        order.set_epoch(epoch)
        orders.add(tuple(chain(*order)))
        assert tuple(chain(*order)) in orders
    assert len(orders) == 3


def test_a_draw_is_a_number_that_can_be_sent():
    draw = next(iter(BlockOrder(windows_of(40), 2)))[0]
    sent = pickle.loads(pickle.dumps(draw))
    assert sent == draw and [10, 20, 30][Draw(1, (), 1, 8)] == 20
    assert (sent.ahead, sent.workers, sent.buffer) == (draw.ahead, 1, 32)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"block": 0}, "block must be at least 1, got 0"),
        ({"buffer": 31}, "buffer must be at least batch_size \\* block = 32 windows"),
        ({"rank": 2, "world_size": 2}, "got 2 of 2"),
        ({"uneven": "cut"}, "uneven must be one of"),
        ({"windows": []}, "windows is empty"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(wrong, message):
    with pytest.raises(ValueError, match=message):
        BlockOrder(**{"windows": windows_of(40), "batch_size": 4, **wrong})


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"block": 4}, {"workers": 2}, {"windows": windows_of(41)}],
    ids=str,
)
def test_a_state_of_another_order_is_refused(change):
    arguments = {"windows": windows_of(40), "batch_size": 4}
    state = BlockOrder(**arguments).state_dict()
    with pytest.raises(ValueError, match=next(iter(change))):
        BlockOrder(**{**arguments, **change}).load_state_dict(state)


def test_half_batches_were_not_consumed():
    order = BlockOrder(windows_of(40), 4)
    order.consumed = 6
    with pytest.raises(ValueError, match="whole batches of 4 windows, got 6"):
        next(iter(order))


# Killed at any step ---------------------------------------------------------------------

TRAINED = [Window("rec", 0.5 * n, 0.5 * n + 0.5) for n in range(400)]
MIXING = {"batch_size": 4, "seed": 7, "workers": 2}


def train(checkpoint: Path, link: socket.socket) -> None:
    r"""Trains for two epochs, goes on where its checkpoint says, and tells each step."""
    order = BlockOrder(TRAINED, **MIXING)
    if checkpoint.exists():
        order.load_state_dict(json.loads(checkpoint.read_text()))
    for epoch in range(order.epoch, 2):
        order.set_epoch(epoch)
        for batch in order:
            order.consumed += len(batch)
            # The model's step and its checkpoint, which a kill leaves whole or undone.
            state = order.state_dict()
            aside = checkpoint.with_suffix(".aside")
            aside.write_text(json.dumps(state))
            step = {"batch": [*map(int, batch)], "state": state}
            link.sendall(json.dumps(step).encode() + b"\n")
            if not link.recv(1):
                return
            os.replace(aside, checkpoint)


@needs_fork
@pytest.mark.filterwarnings("ignore:lance is not fork-safe")
def test_runs_that_were_killed_go_on_as_if_nothing_was(tmp_path):
    order = BlockOrder(TRAINED, **MIXING)
    expected = []
    for epoch in range(2):
        order.set_epoch(epoch)
        expected += [[*map(int, batch)] for batch in order]
    stops = sorted(random.Random(0).sample(range(1, len(expected)), 20))
    trained: list[list[int]] = []
    for stop in [*stops, len(expected) + 1]:
        # What the last checkpoint holds was trained on; a step after it was not.
        ours, theirs = socket.socketpair()
        child = os.fork()
        if not child:
            try:
                ours.close()
                train(tmp_path / "checkpoint.json", theirs)
                os._exit(0)
            finally:  # or a failure would go on in a second pytest
                os._exit(1)
        theirs.close()
        # A socket whose other end was killed says so, if that had something to read.
        with ours, ours.makefile() as lines, contextlib.suppress(ConnectionResetError):
            for line in lines:
                step = json.loads(line)
                done = step["state"]["epoch"] * 100 + step["state"]["consumed"] // 4
                trained[done - 1 :] = [step["batch"]]
                ours.sendall(b"-")
                if done == stop:  # it may get one step further until it dies
                    os.kill(child, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended == (0 if stop > len(expected) else -signal.SIGKILL)
    assert trained == expected


# Windows --------------------------------------------------------------------------------


def test_regular_windows_leave_pauses_out(tmp_path):
    from temporaldata_video.testing import make_clip

    clip = make_clip(tmp_path / "cam.mp4", 60, size=(32, 32))
    times = [*(n / 10 for n in range(30)), *(100 + n / 10 for n in range(30))]
    tv.write_index(clip, timestamps=times, progress=False)
    video = tv.LazyVideo.from_uri(clip)
    found = regular_windows({"cam": video}, 1.0)
    assert [window.start for window in found] == [0.0, 1.0, 100.0, 101.0]
    assert found[0] == ("cam", 0.0, 1.0)
    with pytest.raises(ValueError, match="every must be a positive number"):
        regular_windows({"cam": video}, 1.0, every=0.0)
