r"""What training needs: the page on it runs, and many recordings cost little."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._base.process_cache import RECORDING_ARRAYS
from temporaldata_video._cli.demo_command import _make_recording_file
from temporaldata_video.testing import make_clip
from tests.deep import depth_frames, write_frames
from tests.helpers import needs_fork, right
from tests.pages import blocks_of

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "torch_brain", "ray"))

HAS_LIGHTNING = HAS_TORCH and importlib.util.find_spec("lightning") is not None

# What the page says and does not do.
PADDED = """
    def padded(data):
        return {"video": pad(data.video), "mask": track_mask(data.video.timestamps)}

    data = Dataset("recordings", transform=padded, keep_files_open=False)
    intervals = sampling_intervals("recordings")
    windows = [*SequentialFixedWindowSampler(sampling_intervals=intervals, window_length=1)]
    samples = tv.training.WindowDataset(windows, data.__getitem__).__getitems__([*range(8)])
    batch = tv.training.collate(samples, collate)
    assert len(set(batch["mask"].sum(1).tolist())) > 1
    assert not batch["video"]["frames"][~batch["mask"]].any()
"""


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch and torch_brain: run nox -s torch")
def test_the_page_runs_as_it_stands(tmp_path, run_script, monkeypatch):
    (tmp_path / "recordings").mkdir()
    _make_recording_file(tmp_path / "recordings", {})
    page = blocks_of("docs/training.md")
    blocks = [
        block.text
        for block in page
        if block.language == "python" and (HAS_LIGHTNING or "lightning" not in block.text)
    ]
    blocks = [_SHAPE.sub(r"assert (*\1.shape,) == \2", block) for block in blocks]
    assert sum("assert" in block for block in blocks) == 2
    monkeypatch.chdir(tmp_path)
    said, _ = run_script("\n".join([*blocks, PADDED]))
    assert said.splitlines() == ["torch.Size([8])"]  # 29 windows in batches of 4


# A run of three epochs of eight batches, and one that goes on after eleven batches.
LIGHTNING = """
    from lightning.pytorch.callbacks import ModelCheckpoint

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer, self.seen = torch.nn.Linear(3, 1), []

        def training_step(self, batch, number):
            pixels = batch["video"]["frames"].float()
            self.seen.append((self.current_epoch, float(pixels.std())))
            return self.layer(pixels.mean((1, 3, 4)) / 255).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    quiet = dict.fromkeys(
        ["logger", "enable_progress_bar", "enable_model_summary"], False
    )
    quiet |= {"max_epochs": 3, "accelerator": "cpu"}
    saver = ModelCheckpoint("kept", every_n_train_steps=11, save_top_k=-1)
    whole, rest = Model(), Model()
    lightning_trainer(saver, **quiet).fit(whole, Windows())
    kept = "kept/epoch=1-step=11.ckpt"
    lightning_trainer(enable_checkpointing=False, **quiet).fit(
        rest, Windows(), ckpt_path=kept
    )
    assert [epoch for epoch, _ in whole.seen] == [0] * 8 + [1] * 8 + [2] * 8
    assert rest.seen == whole.seen[11:]
    print("went on")
"""


@pytest.mark.skipif(not HAS_LIGHTNING, reason="needs Lightning: run nox -s torch")
def test_lightning_goes_on_in_the_middle_of_an_epoch(tmp_path, run_script, monkeypatch):
    (tmp_path / "recordings").mkdir()
    _make_recording_file(tmp_path / "recordings", {})
    page = [block.text for block in blocks_of("docs/training.md")]
    wanted = ("import h5py", "class Cut", "lightning")
    blocks = [text for text in page if any(name in text for name in wanted)]
    monkeypatch.chdir(tmp_path)
    said, _ = run_script("\n".join([*blocks, dedent(LIGHTNING)]))
    assert said.splitlines()[-1] == "went on"


_SHAPE = re.compile(r"^(\S.*?)  # (\([\d, ]+\)).*$", re.MULTILINE)


DEEP = """
import numpy as np
import temporaldata_video as tv
from torch.utils.data import DataLoader

class Windows:
    def __init__(self, path):
        self.video = tv.LazyVideo.from_uri(path, colorspace="G", dtype="auto")

    def __len__(self):
        return 5

    def __getitem__(self, number):
        return self.video.slice(0.2 * number, 0.2 * (number + 1)).frames

if __name__ == "__main__":
    dataset = Windows("depth.mkv")
    whole = dataset.video.frames
    for method in ("fork", "spawn"):
        loader = DataLoader(dataset, 1, num_workers=2, multiprocessing_context=method)
        found = np.concatenate([batch[0].numpy() for batch in loader])
        assert found.dtype == np.uint16 and np.array_equal(found, whole)
        print(method, len(np.unique(found)))
"""


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch and torch_brain: run nox -s torch")
@needs_fork
def test_workers_get_every_level_of_a_depth_camera(tmp_path, run_script, monkeypatch):
    write_frames(tmp_path / "depth.mkv", depth_frames(30))
    tv.write_index(tmp_path / "depth.mkv", progress=False)
    monkeypatch.chdir(tmp_path)
    said, _ = run_script(DEEP)
    assert said.splitlines() == ["fork 55", "spawn 55"]


# Many recordings ------------------------------------------------------------------------

MANY, SAMPLES = 60, 600


def process_state() -> tuple[int, int]:
    r"""Returns resident bytes and the number of open files of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_many_recordings_take_no_more_and_more(tmp_path):
    clip = make_clip(tmp_path / "cam0.mp4", 90, size=(32, 32), gop=15)
    tv.write_index(clip, progress=False)
    for k in range(1, MANY):
        shutil.copy(clip, tmp_path / f"cam{k}.mp4")
        shutil.copytree(f"{clip}.lance", tmp_path / f"cam{k}.mp4.lance")
    len(tv.LazyVideo.from_uri(clip).slice(0.0, 1.0).frames)
    before, _ = process_state()
    videos = [tv.LazyVideo.from_uri(tmp_path / f"cam{k}.mp4") for k in range(MANY)]
    assert process_state()[0] - before < MANY * 100_000
    rng = np.random.default_rng(0)
    states = []
    for _ in range(SAMPLES):
        video, start = videos[rng.integers(MANY)], rng.uniform(0.0, 2.5)
        window = video.slice(start, start + 0.4).resample(np.arange(4) / 10, "nearest")
        assert right(window)
        states.append(process_state())
    early, late = states[SAMPLES // 3], states[-1]
    assert late[0] <= 1.05 * early[0]
    assert late[1] <= early[1] <= 64


def test_clocks_that_were_dropped_are_read_again(clip, tmp_path, configure):
    Data(video=tv.LazyVideo.from_uri(clip), domain=Interval(0.0, 4.0)).save(
        tmp_path / "rec.h5"
    )
    videos = [tv.LazyVideo.from_uri(clip) for _ in range(3)]
    videos += [Data.load(tmp_path / "rec.h5").video for _ in range(3)]
    configure(clock_memory_bytes=2500)  # two clocks of 120 frames
    for start in (0.5, 1.5, 0.1, 2.5):
        for video in videos:
            window = video.slice(start, start + 0.5)
            shown = window.resample([0.01, 0.21])
            first = int(np.ceil(start * 30))
            assert window.frame_indices.tolist() == list(range(first, first + 15))
            assert right(window)
            expected = np.floor([(start + 0.01) * 30, (start + 0.21) * 30])
            assert shown.frame_indices.tolist() == expected.tolist()
            assert RECORDING_ARRAYS._bytes <= 2500
    assert len(RECORDING_ARRAYS._arrays) <= 2
