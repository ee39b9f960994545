r"""``temporaldata-video sheet`` and what draws it: the right frames, where they belong."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._plot.contact_sheet import draw_sheet
from temporaldata_video._plot.figure import save_figure
from temporaldata_video._plot.stills import Stills
from temporaldata_video.testing import make_clip, read_number
from tests.deep import depth_frames, write_frames

pytest.importorskip("matplotlib")


@pytest.fixture
def drawn(monkeypatch):
    r"""The figures that were saved meanwhile."""
    from temporaldata_video._cli import sheet_command as sheet

    figures = []

    def save(figure, path):
        figures.append(figure)
        save_figure(figure, path)

    monkeypatch.setattr(sheet, "save_figure", save)
    return figures


def read_picture(path):
    from matplotlib.image import imread

    picture = imread(path)
    return (255 * picture[..., :3]).round().astype(np.uint8)


def numbers_in(figure, path):
    r"""Frame numbers, read from the pixels of the picture as it was written."""
    picture = read_picture(path)
    numbers = []
    for axes in figure.axes:
        box = axes.get_window_extent()
        top, bottom = (round(len(picture) - y) for y in (box.y1, box.y0))
        cut = picture[top:bottom, round(box.x0) : round(box.x1)]
        numbers.append(read_number(cut, "NHWC"))
    return numbers


def test_the_frames_of_the_window_are_on_the_picture(cli, recording, tmp_path, drawn):
    path = tmp_path / "sheet.png"
    done = cli("sheet", recording.video, 2, 3, "-o", path)
    assert done.status == 0
    clock = np.load(recording.camera_times)
    expected = np.flatnonzero((clock >= 2) & (clock < 3))
    assert f"{path}: 2 s to 3 s: {len(expected)} frames" in done.out
    assert read_picture(path).shape[1] == 1200
    assert numbers_in(drawn[0], path) == expected.tolist()
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert titles == [f"{clock[k]:.3f} s  #{k}" for k in expected]


def test_labels_do_not_overlap(cli, recording, tmp_path, drawn):
    for columns, width in ((6, 1200), (12, 900), (1, 300), (3, 2000)):
        path = tmp_path / "sheet.png"
        options = ["--columns", columns, "--width", width, "--count", 12]
        assert cli("sheet", recording.video, 0, 3, "-o", path, *options).status == 0
        figure = drawn[-1]
        picture = read_picture(path)
        assert picture.shape[1] == width
        boxes = [axes.title.get_window_extent() for axes in figure.axes]
        boxes += [axes.get_window_extent() for axes in figure.axes]
        boxes += [text.get_window_extent() for text in figure.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
        assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)


def test_frames_keep_their_shape(cli, recording, tmp_path, drawn):
    assert cli("sheet", recording.video, 2, 3, "-o", tmp_path / "a.png").status == 0
    box = drawn[0].axes[0].get_window_extent()
    assert box.width / box.height == pytest.approx(96 / 64, rel=0.02)


def test_more_frames_than_fit_are_thinned_evenly(cli, recording, tmp_path, drawn):
    path = tmp_path / "sheet.png"
    done = cli("sheet", recording.video, 0, 6, "-o", path, "--count", 10)
    assert done.status == 0
    assert "10 of 180 frames" in done.out
    numbers = numbers_in(drawn[0], path)
    assert numbers[0] == 0
    assert numbers[-1] == 179
    assert set(np.diff(numbers)) <= {19, 20}
    assert "10 of 180 frames" in drawn[0].texts[0].get_text()


def test_large_frames_are_scaled_down(cli, tmp_path, drawn):
    video = make_clip(tmp_path / "large.mp4", 8, size=(480, 640))
    tv.write_index(video, progress=False)
    path = tmp_path / "sheet.png"
    options = ["--columns", 4, "--width", 600]
    assert cli("sheet", video, 0, 1, "-o", path, *options).status == 0
    assert drawn[0].axes[0].images[0].get_array().shape == (112, 150, 3)
    assert numbers_in(drawn[0], path) == list(range(8))


def test_times_below_zero(cli, tiny_clip, tmp_path, drawn):
    place = tmp_path / "early.lance"
    times = np.arange(40) / 10 - 2
    tv.write_index(tiny_clip, timestamps=times, index_uri=place, progress=False)
    path = tmp_path / "sheet.png"
    done = cli("sheet", tiny_clip, "--index-uri", place, "-o", path, "--", "-1", "0.1")
    assert done.status == 0
    assert numbers_in(drawn[0], path) == list(range(10, 21))


@pytest.mark.filterwarnings("default::temporaldata_video.VideoWarning")
def test_without_an_index(cli, tiny_clip, tmp_path):
    done = cli("sheet", tiny_clip, 0, 1, "-o", tmp_path / "sheet.png")
    assert done.status == 0
    assert done.err.startswith("warning: ")
    assert "30 frames" in done.out


def test_a_window_outside_names_the_extent(cli, recording, tmp_path):
    path = tmp_path / "sheet.png"
    done = cli("sheet", recording.video, 100, 101, "-o", path)
    assert done.status == 1
    assert "no frame from 100 s to 101 s; it has 0.013 s to 5." in done.err
    assert not path.exists()


def test_what_cannot_be_written_is_said(cli, recording, tmp_path):
    done = cli("sheet", recording.video, 0, 1, "-o", tmp_path / "gone" / "sheet.png")
    assert (done.status, done.out) == (1, "")
    assert "No such file or directory" in done.err
    done = cli("sheet", recording.video, 0, 1, "-o", tmp_path / "sheet.nonsense")
    assert done.status == 1
    assert "nonsense" in done.err


def test_more_columns_than_can_be_read(cli, recording, tmp_path):
    narrow = ["--columns", 30, "--width", 300]
    done = cli("sheet", recording.video, 0, 1, "-o", tmp_path / "sheet.png", *narrow)
    assert done.status == 1
    assert "30 columns are too many" in done.err


def test_what_is_no_video_is_said(cli, no_videos, tmp_path):
    for path, word in no_videos.items():
        done = cli("sheet", path, 0, 1, "-o", tmp_path / "sheet.png")
        assert (done.status, done.out) == (1, "")
        assert word in done.err


def test_frames_that_do_not_decode_are_marked():
    stills = Stills(
        np.full((2, 32, 48, 3), 200, np.uint8),
        np.array([0.0, 0.1]),
        np.array([0, 1]),
        np.array([True, False]),
        shape=(32, 48),
        whole=(32, 48),
        points=np.empty((2, 0, 2)),
    )
    figure = draw_sheet(stills, ["a", "b"], columns=2, width=400, title="t")
    marks = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert marks == [[], ["does not\ndecode"]]


def test_a_window_is_not_needed(cli, recording, tmp_path, drawn):
    path = tmp_path / "sheet.png"
    assert cli("sheet", recording.video, "-o", path, "--count", 4).status == 0
    assert numbers_in(drawn[0], path) == [0, 60, 119, 179]
    assert cli("sheet", recording.video, 5.5, "-o", path).status == 0
    clock = np.load(recording.camera_times)
    assert numbers_in(drawn[1], path) == np.flatnonzero(clock >= 5.5).tolist()


def test_times_are_chosen(cli, recording, tmp_path, drawn):
    path, clock = tmp_path / "sheet.png", np.load(recording.camera_times)
    wanted = [0.5, 1.25, 4.0]
    on_screen = (np.searchsorted(clock, wanted, side="right") - 1).tolist()
    np.save(tmp_path / "times.npy", wanted)
    for times in ("4, 0.5,1.25", tmp_path / "times.npy"):
        assert cli("sheet", recording.video, "-o", path, "--times", times).status == 0
        assert numbers_in(drawn[-1], path) == on_screen
    done = cli("sheet", recording.video, 1, 3, "-o", path, "--every", 0.5)
    assert done.status == 0
    wanted = [1.0, 1.5, 2.0, 2.5]
    on_screen = (np.searchsorted(clock, wanted, side="right") - 1).tolist()
    assert numbers_in(drawn[-1], path) == on_screen
    assert "4 frames, one every 0.5 s" in done.out


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        (["--times", "1", "--count", "3"], 2, "one of --count"),
        (["--times", "0"], 1, "no previous frame at 0 s"),
        (["--times", "nowhere.npy"], 1, "nowhere.npy"),
        (["--every", "0"], 1, "positive"),
        (["--every", "0.0001"], 1, "a sheet shows 1 to 1000"),
    ],
)
def test_times_that_cannot_be_shown(cli, recording, tmp_path, options, status, word):
    done = cli("sheet", recording.video, "-o", tmp_path / "sheet.png", *options)
    assert done.status == status
    assert word in done.err


def test_labels_are_chosen(cli, recording, tmp_path, drawn):
    clock = np.load(recording.camera_times)
    expected = {"time": f"{clock[0]:.3f} s", "number": "#0", "none": ""}
    for labels, text in expected.items():
        options = ["--labels", labels, "--count", 1, "-o", tmp_path / "a.png"]
        assert cli("sheet", recording.video, *options).status == 0
        assert drawn[-1].axes[0].get_title() == text


def test_points_are_where_they_belong(cli, recording, tmp_path, drawn):
    from matplotlib.colors import to_rgb

    rows = [
        ",".join(map(str, [k, *body.tolist(), *nose.tolist()]))
        for k, (body, nose) in enumerate(zip(recording.body, recording.nose))
    ]
    header = ["scorer,n,n,n,n", "bodyparts,body,body,nose,nose", "coords,x,y,x,y"]
    pose, path = tmp_path / "pose.csv", tmp_path / "sheet.png"
    pose.write_text("\n".join([*header, *rows]) + "\n")
    options = ["--count", 3, "--pose", pose, "-o", path]
    assert cli("sheet", recording.video, 1, 5, *options).status == 0
    picture = read_picture(path)
    for axes in drawn[0].axes:
        number = int(axes.get_title().split("#")[1])
        places = (recording.body[number], recording.nose[number])
        for place, color in zip(places, ("tab:red", "tab:cyan")):
            x, y = axes.transData.transform(place)
            found = picture[round(len(picture) - y), round(x)]
            np.testing.assert_allclose(found, 255 * np.array(to_rgb(color)), atol=8)
    pose.write_text("\n".join([*header, *rows[:-1]]) + "\n")
    done = cli("sheet", recording.video, 1, 5, *options)
    assert done.status == 1
    assert "180 frames" in done.err and "179 rows" in done.err


def test_points_of_a_series_are_at_their_own_times(cli, recording, tmp_path, drawn):
    from matplotlib.colors import to_rgb
    from temporaldata import Data, Interval, IrregularTimeSeries

    clock = np.load(recording.camera_times)
    # The pose of every other frame, a little late: the others have no points.
    pose = IrregularTimeSeries(
        timestamps=clock[::2] + 0.004, body=recording.body[::2], domain="auto"
    )
    nested = Data(pose=pose, trials=Interval(0.0, 1.0), domain=pose.domain)
    Data(behavior=nested, domain=pose.domain).save(str(tmp_path / "rec.h5"))
    path = tmp_path / "sheet.png"
    chosen = ",".join(map(str, clock[[60, 61, 62]]))
    options = ["--times", chosen, "-o", path, "--pose"]
    assert (
        cli("sheet", recording.video, *options, f"{tmp_path}/rec.h5:behavior.pose").status
        == 0
    )
    picture = read_picture(path)
    red = 255 * np.array(to_rgb("tab:red"))
    for axes in drawn[0].axes:
        number = int(axes.get_title().split("#")[1])
        x, y = axes.transData.transform(recording.body[number])
        found = picture[round(len(picture) - y), round(x)]
        assert (np.abs(found - red).max() <= 8) == (number % 2 == 0)
    for name, word in (("nothing", "it has behavior"), ("behavior.trials", "Interval")):
        done = cli("sheet", recording.video, *options, f"{tmp_path}/rec.h5:{name}")
        assert done.status == 1
        assert word in done.err


def test_a_tall_frame_fits_a_screen(cli, tmp_path, drawn):
    video = make_clip(tmp_path / "tall.mp4", 1, size=(160, 64))
    tv.write_index(video, progress=False)
    path = tmp_path / "sheet.png"
    assert cli("sheet", video, "-o", path).status == 0
    assert read_picture(path).shape[:2] < (1000, 1201)
    box = drawn[0].axes[0].get_window_extent()
    assert box.height / box.width == pytest.approx(160 / 64, rel=0.01)
    assert numbers_in(drawn[0], path) == [0]


def test_deep_video_says_what_is_black_and_white(cli, tmp_path, drawn):
    path = write_frames(tmp_path / "depth.mkv", depth_frames(6))
    tv.write_index(path, progress=False)
    assert cli("sheet", path, "-o", tmp_path / "a.png").status == 0
    done = cli("sheet", path, "-o", tmp_path / "b.png", "--range", 600, 640)
    assert done.status == 0
    titles = [figure.texts[0].get_text() for figure in drawn]
    assert "16 bits, shown from 58" in titles[0]
    assert titles[1].endswith("16 bits, shown from 600 (black) to 640 (white)")
    for figure in drawn:
        shown = figure.axes[0].images[0].get_array()
        assert (shown.min(), shown.max()) == (0, 255)
        assert len(np.unique(shown)) > 20


def test_a_range_must_grow(cli, recording, tmp_path):
    done = cli("sheet", recording.video, "-o", tmp_path / "a.png", "--range", 9, 9)
    assert done.status == 2
    assert "--range needs LOW below HIGH, got 9 and 9" in done.err
