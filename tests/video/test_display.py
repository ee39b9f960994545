r"""Videos show themselves: frames along time, recordings on one picture, notebooks."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries, RegularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_number
from tests.deep import depth_frames, write_frames

pytest.importorskip("matplotlib")

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread


@pytest.fixture(scope="module")
def data(recording):
    video = tv.LazyVideo.from_uri(recording.video)
    return Data(
        video=video,
        spikes=IrregularTimeSeries(
            timestamps=recording.spike_timestamps,
            unit_index=recording.spike_unit_index,
            domain="auto",
        ),
        lfp=RegularTimeSeries(lfp=recording.lfp, sampling_rate=250.0, domain="auto"),
        pose=IrregularTimeSeries(
            timestamps=np.load(recording.camera_times),
            body=recording.body,
            nose=recording.nose,
            domain="auto",
        ),
        trials=Interval(recording.trial_start, recording.trial_end),
        domain=Interval(0.0, 6.0),
    )


@pytest.fixture
def axes():
    return Figure(figsize=(12, 2.4), dpi=100).add_axes((0, 0.2, 1, 0.8))


def picture_of(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    file.seek(0)
    return (255 * imread(file)[..., :3]).round().astype(np.uint8)


def cut(picture, axes):
    box = axes.get_window_extent()
    top, bottom = (round(len(picture) - y) for y in (box.y1, box.y0))
    return picture[top:bottom, round(box.x0) : round(box.x1)]


def shown_in(picture, strip):
    r"""Numbers of the frames in a strip, from left to right, read from the picture."""
    insets = sorted(strip.child_axes, key=lambda axes: axes.get_window_extent().x0)
    return [read_number(cut(picture, inset), "NHWC") for inset in insets]


def assert_colors(picture, axes, points, colors):
    for point, color in zip(points, colors):
        x, y = axes.transData.transform(point)
        found = picture[round(len(picture) - y), round(x)]
        np.testing.assert_allclose(found, 255 * np.array(to_rgb(color)), atol=10)


def test_frames_stand_in_time_order_under_their_labels(data, axes):
    window = data.video.slice(1.0, 3.0)
    assert window.plot(axes, count=6) is axes
    numbers = shown_in(picture_of(axes.figure), axes)
    assert len(numbers) == 6 and numbers == sorted(set(numbers))
    assert set(numbers) <= set(window.frame_indices.tolist())
    for inset in axes.child_axes:
        time, number = inset.get_title().split("\n")
        (position,) = np.flatnonzero(window.frame_indices == int(number[1:]))
        assert time == f"{window.timestamps[position]:.3f} s"
        assert read_number(cut(picture_of(axes.figure), inset), "NHWC") == int(number[1:])


@pytest.mark.parametrize("size", [(64, 96), (160, 64), (64, 320)])
@pytest.mark.parametrize("n", [1, 3, 12, 100])
def test_frames_keep_their_shape_and_cover_nothing(tmp_path, axes, size, n):
    clip = make_clip(tmp_path / "clip.mp4", n, size=size, gop=1, rate=10)
    tv.write_index(clip, progress=False)
    tv.LazyVideo.from_uri(clip).plot(axes)
    picture = picture_of(axes.figure)
    assert 1 <= len(axes.child_axes) <= 12
    insets = [inset.get_window_extent() for inset in axes.child_axes]
    titles = [inset.title.get_window_extent() for inset in axes.child_axes]
    for box in insets:
        assert box.width / box.height == pytest.approx(size[1] / size[0], rel=0.05)
    whole = axes.get_window_extent().padded(1)
    boxes = insets + titles
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in boxes)
    assert all(whole.y0 <= box.y0 and box.y1 <= whole.y1 for box in boxes)
    assert picture.shape[1] == 1200


@pytest.mark.parametrize("options", [{}, {"resize": (48, 48)}, {"colorspace": "G"}])
@pytest.mark.parametrize("decoded", [False, True])
def test_points_are_where_they_belong(recording, data, axes, options, decoded):
    window = tv.LazyVideo.from_uri(recording.video, **options).slice(2.0, 4.0)
    if decoded:
        assert len(window.frames)
    window.plot(axes, pose=data.pose.slice(2.0, 4.0), count=4)
    picture = picture_of(axes.figure)
    for inset in axes.child_axes:
        number = int(inset.get_title().split("#")[1])
        points = recording.body[number], recording.nose[number]
        assert_colors(picture, inset, points, ("tab:red", "tab:cyan"))


def test_points_are_drawn_at_their_own_times_only(recording, data, axes):
    pose = data.pose.slice(2.0, 3.0, reset_origin=False)
    data.video.slice(2.0, 4.0, reset_origin=False).plot(axes, pose=pose, count=4)
    drawn = [len(inset.collections[0].get_offsets()) for inset in axes.child_axes]
    assert drawn == [2, 2, 0, 0]
    late = IrregularTimeSeries(
        timestamps=data.pose.timestamps + 1.0, nose=data.pose.nose, domain="auto"
    )
    axes.clear()
    data.video.slice(2.0, 4.0, reset_origin=False).plot(axes, pose=late, count=1)
    (inset,) = axes.child_axes
    number = int(inset.get_title().split("#")[1])
    times = data.pose.timestamps
    nearest = int(np.argmin(np.abs(times + 1.0 - times[number])))
    found = inset.collections[0].get_offsets()[0]
    np.testing.assert_allclose(found, recording.nose[nearest])


def test_what_is_no_pose_is_said(data, axes):
    with pytest.raises(ValueError, match=r"unit_index: int64\[\d+\]"):
        data.video.plot(axes, pose=data.spikes)
    with pytest.raises(TypeError, match="got ndarray"):
        data.video.plot(axes, pose=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="count must be a positive"):
        data.video.plot(axes, count=0)


def test_an_empty_window_says_so(data, axes):
    data.video.slice(5.0, 4.0).plot(axes)
    assert [text.get_text() for text in axes.texts] == ["no frame in this window"]


def test_a_recording_is_drawn_on_one_axis(data):
    figure = Figure()
    axes = tv.plot_recording(data, 1.0, 3.0, figure=figure)
    assert list(axes) == ["video", "spikes", "lfp", "pose", "trials"]
    tops = [one.get_window_extent().y1 for one in axes.values()]
    assert tops == sorted(tops, reverse=True)
    assert all(one.get_xlim() == (1.0, 3.0) for one in axes.values())
    picture = picture_of(figure)
    assert picture.shape[1] == 1200
    numbers = shown_in(picture, axes["video"])
    assert numbers == sorted(numbers)
    spikes = data.spikes.slice(1.0, 3.0, reset_origin=False)
    for time, unit in list(zip(spikes.timestamps, spikes.unit_index))[:20]:
        x, y = axes["spikes"].transData.transform((time, unit))
        around = picture[round(len(picture) - y), round(x) - 2 : round(x) + 3]
        assert around.min(axis=0)[0] < 150  # blue has little red


def test_what_a_nested_recording_holds_is_drawn(data):
    nested = Data(spikes=data.spikes, trials=data.trials, domain=data.domain)
    axes = tv.plot_recording(
        Data(probe=nested, domain=data.domain), 1.0, 3.0, figure=Figure()
    )
    assert list(axes) == ["probe.spikes", "probe.trials"]


def test_names_and_ticks_do_not_overlap(data):
    figure = Figure()
    units = IrregularTimeSeries(
        timestamps=np.array([1.1, 1.2]), unit_index=np.array([0, 1]), domain="auto"
    )
    speed = IrregularTimeSeries(
        timestamps=np.arange(0, 6, 0.01), speed=np.ones(600), domain="auto"
    )
    licks = IrregularTimeSeries(timestamps=np.array([1.5]), domain="auto")
    more = Data(
        video=data.video,
        a_pair_of_units=units,
        the_speed_of_the_wheel=speed,
        licks=licks,
        domain=Interval(0.0, 6.0),
    )
    axes = tv.plot_recording(more, 1.0, 2.0, figure=figure)
    picture_of(figure)
    boxes = []
    for one in axes.values():
        boxes.append(one.yaxis.label.get_window_extent())
        boxes += [t.get_window_extent() for t in one.get_yticklabels() if t.get_text()]
    assert all(box.x0 >= 0 for box in boxes)
    names = boxes[:1] + [one.yaxis.label.get_window_extent() for one in axes.values()]
    for one, name in zip(axes.values(), names[1:]):
        ticks = [t.get_window_extent() for t in one.get_yticklabels() if t.get_text()]
        assert not any(name.overlaps(tick) for tick in ticks)


def test_a_raster_of_one_unit_has_one_tick(data):
    unit = IrregularTimeSeries(
        timestamps=np.array([1.1, 1.2]), unit_index=np.array([3, 3]), domain="auto"
    )
    axes = tv.plot_recording(
        Data(unit=unit, domain=Interval(0.0, 6.0)), 1.0, 2.0, figure=Figure()
    )
    assert axes["unit"].get_yticks().tolist() == [3]


def test_each_of_several_cameras_has_the_pose_of_its_name(data):
    rig = {
        "face": data.video,
        "body": data.video,
        "tail": data.video,
        "face_pose": data.pose,
        "tail_pose": data.spikes,  # no points
        "pose": data.pose,
    }
    figure = Figure()
    axes = tv.plot_recording(
        Data(**rig, domain=Interval(0.0, 6.0)), 1.0, 2.0, count=2, figure=figure
    )
    marked = {
        name: any(len(still.collections) for still in axes[name].child_axes)
        for name in ("face", "body", "tail")
    }
    assert marked == {"face": True, "body": False, "tail": False}


def test_the_only_camera_has_the_pose_of_its_name_or_the_only_one(data):
    for name in ("pose", "video_pose"):
        rig = {"video": data.video, name: data.pose}
        axes = tv.plot_recording(
            Data(**rig, domain=Interval(0.0, 6.0)), 1.0, 2.0, count=2, figure=Figure()
        )
        assert axes["video"].child_axes[0].collections


def test_seconds_since_1970_can_be_read(recording, tmp_path):
    place = tmp_path / "late.lance"
    times = 1.7e9 + np.load(recording.camera_times)
    tv.write_index(recording.video, timestamps=times, index_uri=place, progress=False)
    video = tv.LazyVideo.from_uri(recording.video, index_uri=place)
    figure = Figure()
    late = Data(video=video, domain=Interval(1.7e9, 1.7e9 + 6))
    axes = tv.plot_recording(late, 1.7e9 + 2, 1.7e9 + 2.2, figure=figure)["video"]
    picture_of(figure)
    assert axes.get_xlabel() == "time (s) from 1700000002 s"
    ticks = [t.get_text() for t in axes.get_xticklabels() if t.get_text()]
    assert all(len(text) <= 5 for text in ticks)
    clock = np.load(recording.camera_times)
    number = int(axes.child_axes[0].get_title().split("#")[1])
    assert axes.child_axes[0].get_title().startswith(f"+{clock[number] - 2:.3f} s")


def test_what_cannot_be_drawn_is_said(data):
    with pytest.raises(ValueError, match=r"end must come after start, got 2\.0 and 2\.0"):
        tv.plot_recording(data, 2.0, 2.0)
    with pytest.raises(ValueError, match="names what the recording does not have"):
        tv.plot_recording(data, 1.0, 2.0, pose="posture")
    with pytest.raises(ValueError, match="nothing to draw"):
        tv.plot_recording(Data(domain=Interval(0.0, 1.0)), 0.0, 1.0)


def test_without_matplotlib_the_extra_is_named(run_python, recording):
    said = run_python(
        "import sys; sys.modules['matplotlib'] = None\n"
        "import temporaldata_video as tv\n"
        "video = tv.LazyVideo.from_uri(sys.argv[1])\n"
        "try:\n    video.plot()\n"
        "except ImportError as error:\n    print(error)\n"
        "assert 'base64' in video._repr_html_()\n",
        recording.video,
    )
    assert "pip install 'temporaldata-video[plot]'" in said


class Checker(HTMLParser):
    r"""Refuses tags that do not match, and keeps pictures and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.images, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_notebooks_show_frames_and_facts(data):
    window = data.video.slice(1.0, 3.0)
    html = window._repr_html_()
    page = Checker(html)
    assert len(html) < 100_000
    assert str(window.shape) in page.text and "0.0" in page.text
    assert len(page.images) == 5
    assert all(i["src"].startswith("data:image/jpeg;base64,") for i in page.images)
    assert window._lazy_frames.decoded is None


def test_thumbnails_are_the_frames_they_say(data):
    import base64

    import av

    for image in Checker(data.video.slice(1.0, 3.0)._repr_html_()).images:
        jpeg = base64.b64decode(image["src"].partition(",")[2])
        with av.open(io.BytesIO(jpeg), format="mjpeg") as container:
            pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert read_number(pixels, "NHWC") == int(image["alt"].split("#")[1])


def test_notebooks_show_what_is_wrong(tmp_path):
    clip = make_clip(tmp_path / "<b>&.mp4", 10, gop=1)
    tv.write_index(clip, progress=False)
    video = tv.LazyVideo.from_uri(clip)
    page = Checker(video._repr_html_())
    assert len(page.images) == 5 and "<b>&.mp4" in page.text
    clip.unlink()
    page = Checker(tv.LazyVideo.from_uri(clip)._repr_html_())
    assert page.images == [] and "SourceNotFoundError" in page.text


def test_notebooks_decode_little(tmp_path):
    clip = make_clip(tmp_path / "long.mp4", 1200, size=(32, 32), gop=1200)
    tv.write_index(clip, progress=False)
    video = tv.LazyVideo.from_uri(clip)
    assert Checker(video._repr_html_()).images == []
    assert "frames to decode" in video._repr_html_()
    assert len(Checker(video.slice(0.0, 0.5)._repr_html_()).images) == 5


@pytest.fixture(scope="module")
def depth(tmp_path_factory):
    r"""A depth recording of 55 levels between 580 and 650 mm, opened as uint16."""
    path = write_frames(tmp_path_factory.mktemp("depth") / "cam.mkv", depth_frames(10))
    tv.write_index(path, progress=False)
    return tv.LazyVideo.from_uri(path, dtype="auto")


@pytest.mark.parametrize("decoded", [False, True])
def test_deep_video_is_drawn_from_black_to_white(depth, decoded):
    video = depth.slice(0.0, 0.2)
    if decoded:
        _ = video.frames
    axes = video.plot(count=3)
    low, high = np.percentile(depth.frames_at([0, 2, 5]), [1, 99])
    note = f"16 bits, shown from {low:g} (black) to {high:g} (white)"
    assert axes.get_title(loc="right") == note
    shown = np.stack([inset.images[0].get_array() for inset in axes.child_axes])
    assert (shown.min(), shown.max()) == (0, 255)
    assert len(np.unique(shown)) > 40


def test_a_range_says_what_is_black_and_white(depth, data):
    axes = depth.plot(count=2, value_range=(0, 1000))
    shown = np.stack([inset.images[0].get_array() for inset in axes.child_axes])
    assert (shown.min(), shown.max()) == (int(0.58 * 255), int(0.65 * 255))
    assert axes.get_title(loc="right") == "16 bits, shown from 0 (black) to 1000 (white)"
    assert data.video.plot(count=2).get_title(loc="right") == ""


def test_notebooks_say_how_deep_video_is_shown(depth):
    page = Checker(depth._repr_html_())
    assert "16 per sample, read as uint16" in page.text
    assert "16 bits, shown from 5" in page.text
    assert len(page.images) == 5


def test_a_video_of_8_bits_that_is_read_as_16_looks_the_same(recording):
    usual, deep = (
        tv.LazyVideo.from_uri(recording.video, dtype=dtype).slice(1.0, 1.3)
        for dtype in ("uint8", "uint16")
    )
    _ = usual.frames, deep.frames
    pair = [video.plot(count=1).child_axes[0].images[0] for video in (usual, deep)]
    first, second = (image.get_array().astype(int) for image in pair)
    assert np.abs(first - second).max() <= 3
