r"""Videos whose names hold what shells, uris, terminals and pages take for commands."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from urllib.parse import quote

import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._base.shell_words import shell_words
from temporaldata_video.testing import make_clip, read_numbers

N_FRAMES = 24
# Lance cannot write below such names, and says so; the video reads without an index.
NOT_FOR_LANCE = ["a\nb.mp4", "\x1b]0;owned\x07.mp4"]
NAMES = [
    *("a b.mp4", "it's.mp4", 'say "x".mp4', "100%.mp4", "%41.mp4", "a#b.mp4", "a?b.mp4"),
    *("ü.mp4", "x" * 230 + ".mp4", "$(id).mp4", "`id`.mp4", "-rf.mp4", "a;b&c|d.mp4"),
    *("<script>alert(1)<.mp4", "*.mp4", "[a].mp4", "{stem}.mp4", "~.mp4", " .mp4"),
    *("a:b.mp4", "C:x.mp4", "a\\b.mp4", "file:x.mp4", "\u202e4pm.mp4", *NOT_FOR_LANCE),
]

pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="other systems do not allow such names"
)


@pytest.fixture(scope="module")
def plain_clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("names") / "cam.mp4", N_FRAMES)


def is_right(video) -> bool:
    return read_numbers(video.frames).tolist() == [*range(N_FRAMES)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_a_video_of_any_name(tmp_path, plain_clip, name, monkeypatch, capfd):
    path = tmp_path / name
    shutil.copy(plain_clip, path)
    if name in NOT_FOR_LANCE:
        with pytest.raises(tv.FrameIndexError):
            tv.write_index(path, progress=False)
    else:
        tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path)
    assert is_right(pickle.loads(pickle.dumps(video)))
    assert is_right(tv.LazyVideo.from_uri("file://" + quote(str(path))))
    assert "<script>" not in video._repr_html_()
    monkeypatch.chdir(tmp_path)
    opened = tv.LazyVideo.from_uri(f"./{name}")
    Data(video=opened, domain=Interval(0.0, 1.0)).save("rec.h5")
    monkeypatch.chdir("/")
    assert is_right(opened)
    assert is_right(Data.load(tmp_path / "rec.h5").video)
    # A shell finds the file by the command that a finding names.
    listed = subprocess.run(
        ["bash", "-c", f"ls -d -- {shell_words([str(path)])}"], capture_output=True
    )
    assert listed.returncode == 0


@pytest.mark.parametrize("command", ["info", "check"])
def test_names_tell_a_terminal_nothing(tmp_path, plain_clip, command):
    name = NOT_FOR_LANCE[-1]
    shutil.copy(plain_clip, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "temporaldata_video._cli.main", command, name],
        cwd=tmp_path,
        capture_output=True,
    )
    assert b"24" in done.stdout and b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stdout + done.stderr


def test_a_name_that_is_no_text(tmp_path, plain_clip):
    path = tmp_path / os.fsdecode(b"\xff.mp4")
    shutil.copy(plain_clip, path)
    with pytest.warns(tv.IndexWarning):
        video = tv.LazyVideo.from_uri("file://" + quote(os.fsencode(path)))
    assert is_right(video)
    with pytest.raises(tv.SourceError, match=r"the name is no UTF-8. Rename"):
        Data(video=video, domain=Interval(0.0, 1.0)).save(tmp_path / "rec.h5")
    assert shell_words([path.name]) == r"$'\xff.mp4'"
