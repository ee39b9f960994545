r"""In a browser: the picture is that of the cursor, whatever the user does."""

from __future__ import annotations

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv

LEFT, RIGHT, UP, DOWN, SPACE = "\ue012", "\ue014", "\ue013", "\ue015", " "


def expected(data, name, time) -> int:
    return int(getattr(data, name).resample([time]).frame_indices[0])


def assert_right(page, data) -> None:
    time = page.time
    for camera, (name, shift) in enumerate((("left", 0), ("right", 1000))):
        number = expected(data, name, time)
        assert page.shown(camera) == (number + shift if number >= 0 else -1), (name, time)
    assert not page.fault


def seek(page, time) -> None:
    page.run(
        "const seek = document.querySelector('#seek'); seek.value = arguments[0];"
        "seek.dispatchEvent(new Event('input'))",
        time,
    )
    page.settle()


def test_the_frame_at_200_random_times(show, data):
    page = show(data, pose=None)
    for time in np.random.default_rng(0).uniform(0.0, 20.0, 200).tolist():
        seek(page, time)
        assert page.time == pytest.approx(time, abs=1e-9)
        assert_right(page, data)
    assert page.complaints() == []


def test_times_at_which_frames_begin_and_fade(show, data):
    page = show(data, pose=None)
    clock = data.left.timestamps
    for time in (0.0, *clock[[0, 1, 239, 240, -1]].tolist(), 20.0):
        for near in (np.nextafter(time, -1.0), time, np.nextafter(time, 99.0)):
            seek(page, float(np.clip(near, 0.0, 20.0)))
            assert_right(page, data)


def test_playing_at_all_speeds(show, data):
    page = show(data, pose=None)
    for keys in ([], [UP], [UP, UP], [DOWN] * 5):
        seek(page, 3.0)
        page.press(*keys, SPACE)
        page.wait_until("Number(document.querySelector('main').dataset.time) > 3.2")
        assert page.playing
        page.press(SPACE)
        page.settle()
        assert not page.playing
        assert_right(page, data)


def test_all_pictures_while_it_plays_faster_and_faster(show, data):
    page = show(data, pose=None)
    page.run(
        "const main = document.querySelector('main'); window.seen = [];"
        "const canvases = [...document.querySelectorAll('canvas[role=img]')];"
        "const note = () => { seen.push([main.dataset.time,"
        "  ...canvases.map((canvas) => canvas.dataset.frame)]);"
        "  requestAnimationFrame(note) };"
        "note()"
    )
    seek(page, 7.5)
    page.press(SPACE)
    for second in (7.8, 8.4):
        page.wait_until(f"Number(document.querySelector('main').dataset.time) > {second}")
        page.press(UP)
    page.wait_until("Number(document.querySelector('main').dataset.time) > 13")
    page.press(SPACE)
    seen = np.array(page.run("return seen"), float)
    seen = seen[seen[:, 0] > 7.5]
    for column, name in ((1, "left"), (2, "right")):
        numbers = getattr(data, name).resample(np.sort(seen[:, 0])).frame_indices
        assert (
            seen[np.argsort(seen[:, 0], kind="stable"), column].tolist() == numbers.tolist()
        )


def test_it_plays_to_the_end_and_begins_again(show, data):
    page = show(data, 18.0, 19.0, pose=None)
    page.press(SPACE)
    page.wait_until("!document.body.classList.contains('playing')")
    page.settle()
    assert page.time == 19.0
    assert_right(page, data)
    page.press(SPACE)
    page.wait_until("Number(document.querySelector('main').dataset.time) < 19")
    page.press(SPACE)
    page.settle()
    assert_right(page, data)


def test_steps_go_through_all_frames_of_all_cameras(show, data):
    page = show(data, pose=None)
    seek(page, 8.3)
    clocks = np.unique(np.concatenate([data.left.timestamps, data.right.timestamps]))
    reached = []
    for _ in range(12):
        page.press(RIGHT)
        page.settle()
        assert_right(page, data)
        reached.append(page.time)
    fades = np.nextafter(data.left.timestamps[239] + tolerance(data), np.inf)
    assert reached == sorted({*clocks[clocks > 8.3].tolist(), fades})[:12]
    for before in [*reached[-2::-1]]:
        page.element("#back").click()
        page.settle()
        assert page.time == before
        assert_right(page, data)


def tolerance(data) -> float:
    return float(data.left._recording.tolerances(np.array([239]))[0])


def test_dragging_the_cursor(show, data):
    from selenium.webdriver import ActionChains

    page = show(data, pose=None)
    over = page.element("#over")
    ActionChains(page.driver).move_to_element(over).click_and_hold().perform()
    page.settle()
    assert_right(page, data)
    for by in (57, -203, 33):
        before = page.time
        ActionChains(page.driver).move_by_offset(by, 0).perform()
        page.wait_until(f"document.querySelector('main').dataset.time != {before}")
        page.settle()
        width = page.run("return document.querySelector('#over').clientWidth")
        assert page.time - before == pytest.approx(10.0 * by / width)
        assert_right(page, data)
    ActionChains(page.driver).release().perform()


def test_zoom_and_window(show, data):
    page = show(data, pose=None)

    def window():
        page.settle()
        return page.run(
            "const {x_range} = Bokeh.documents[0].roots()[0];"
            "return [x_range.start, x_range.end]"
        )

    assert window() == [0.0, 10.0]
    seek(page, 15.0)
    assert window() == [10.0, 20.0]
    for key, shown in (("+", [12.5, 17.5]), ("-", [10.0, 20.0]), ("0", [0.0, 20.0])):
        page.press(key)
        assert window() == shown
    assert page.time == 15.0
    assert_right(page, data)


def test_points_are_drawn_where_they_are(show, cameras):
    left = tv.LazyVideo.from_uri(cameras / "left.mp4")
    nose = np.full((len(left), 2), [63.5, 47.5])
    pose = IrregularTimeSeries(timestamps=left.timestamps.copy(), nose=nose, domain="auto")
    page = show(Data(left=left, pose=pose, domain=Interval(0.0, 20.0)))
    color = page.run(
        "const canvas = document.querySelector('canvas[role=img]');"
        "const [x, y] = [canvas.width / 2, canvas.height / 2];"
        "return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data]"
    )
    assert color == [214, 39, 40, 255]


def test_times_since_1970(show, cameras):
    left = tv.LazyVideo.from_uri(cameras / "left.mp4")
    left.timestamps = times = left.timestamps + 1.7e9
    left.domain = Interval(times[0], times[-1])
    page = show(left, 1.7e9 + 0.7, 1.7e9 + 30.7)
    seek(page, float(times[260]))
    assert page.shown() == 260
    assert page.element("#time").text == f"+{times[260] - 1.7e9:.3f} s"
    start, end, first, last = page.run(
        "const {x_range, renderers} = Bokeh.documents[0].roots()[0];"
        "const {x} = renderers[0].data_source.data;"
        "return [x_range.start, x_range.end, x[0], x.at(-1)]"
    )
    assert 0.0 <= start <= first < last <= end <= 30.7


NASTY = "<img src=x onerror=alert(1)>$$\\alpha$$"


def test_names_are_text(show, cameras):
    left = tv.LazyVideo.from_uri(cameras / "left.mp4")
    data = Data(domain=Interval(0.0, 20.0))
    trials = Interval(np.array([1.0]), np.array([9.0]), name=np.array([NASTY]))
    traces = IrregularTimeSeries(timestamps=np.arange(20.0), domain="auto")
    setattr(traces, NASTY, np.arange(20.0))
    for name, series in ((NASTY, left), (f"{NASTY}2", traces), (f"{NASTY}3", trials)):
        setattr(data, name, series)
    page = show(data)
    page.settle()
    assert page.element("figcaption b").text == NASTY
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.complaints() == []


def test_a_recording_that_fails_says_so(show, cameras, tmp_path):
    import shutil

    shutil.copytree(cameras / "left.mp4.lance", tmp_path / "left.mp4.lance")
    shutil.copy(cameras / "left.mp4", tmp_path / "left.mp4")
    page = show(tv.LazyVideo.from_uri(tmp_path / "left.mp4"))
    (tmp_path / "left.mp4").unlink()
    seek(page, 5.0)
    assert "left.mp4" in page.fault


def test_the_page_says_when_the_viewer_has_ended(chromium, data):
    from tests.view.browser import Page

    shown = tv.view(data)
    page = Page(chromium, shown.url)
    shown.close()
    page.wait_until("document.querySelector('#fault').textContent")
    assert "ended" in page.fault
