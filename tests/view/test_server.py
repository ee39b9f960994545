r"""The server of a view: who is answered, with what, and until when."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.helpers import needs_fork
from tests.view.browser import Page


class Answer:
    r"""What a server answered to a request on a connection of its own."""

    def __init__(self, url, path="", *, method="GET", prefix=True, **headers):
        where = urlsplit(url)
        connection = http.client.HTTPConnection(where.hostname, where.port)
        path = where.path + path if prefix else path
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        self.status, self.headers = answer.status, answer.headers
        self.body = (
            b"" if "event-stream" in answer.headers["content-type"] else answer.read()
        )
        connection.close()

    @property
    def text(self):
        return self.body.decode()

    @property
    def facts(self):
        r"""The facts of a packed answer, with its arrays among them."""
        size = int.from_bytes(self.body[:8], "little")
        facts = json.loads(self.body[8 : 8 + size])
        for name, place in facts.pop("arrays").items():
            n = int(np.prod(place["shape"]))
            at = 8 + size + place["at"]
            array = np.frombuffer(self.body, place["dtype"], n, at)
            facts[name] = array.reshape(place["shape"])
        return facts


def refuses(url) -> bool:
    where = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((where.hostname, where.port)) != 0


@pytest.fixture(scope="module")
def url(data):
    shown = tv.view(data)
    yield shown.url
    shown.close()


def test_it_listens_on_this_machine_alone(viewing, data):
    shown = viewing(data)
    assert shown._socket.getsockname()[0] == "127.0.0.1"
    assert urlsplit(shown.url).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["", "page.js", "session", "frame?camera=0&time=1", "alive"]
)
@pytest.mark.parametrize("token", ["", "wrong", "x" * 32])
def test_nothing_is_answered_without_the_token(url, path, token):
    assert Answer(url, path).status != 404
    answer = Answer(url, f"/{token}/{path}" if token else f"/{path}", prefix=False)
    assert answer.status == 404
    assert answer.text == "Open the address that the viewer printed."


def test_tokens_are_not_used_again(viewing, data):
    tokens = {urlsplit(viewing(data).url).path for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil:1", ""]
)
def test_a_name_that_leads_here_is_refused(url, host):
    assert Answer(url, host=host).status == 403


def test_this_machine_may_be_called_localhost(url):
    assert Answer(url, host=f"localhost:{urlsplit(url).port}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_asked_and_not_told(url, method):
    assert Answer(url, "session", method=method).status == 405


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "view.py",
        "page.html",
        "left.mp4",
        "frame/../view.py",
        "%2e%2e/view.py",
    ],
)
def test_no_file_is_served(url, path):
    assert Answer(url, path).status == 404


def test_what_the_browser_may_do_with_it(url):
    for path in ("", "bokeh.js", "session", "nothing", "frame?camera=0&time=1&width=64"):
        headers = Answer(url, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "http" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers


def test_the_page_names_no_other_site(url):
    for path in ("", "page.js", "page.css"):
        assert "//" not in Answer(url, path).text.replace("// ", "").replace("//\n", "")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("frame?camera=2&time=1&width=64", "camera must be a number from 0 to 1, got '2'"),
        ("frame?camera=0&time=nan&width=64", "time"),
        ("frame?camera=0&time=1&width=1e9", "width"),
        ("frame?camera=0", "time must be a number"),
        ("track?track=-1&start=0&end=1&pixels=100", "track"),
        ("track?track=0&start=1&end=1&pixels=100", "end"),
        ("track?track=0&start=0&end=1&pixels=inf", "pixels"),
    ],
)
def test_requests_that_make_no_sense(url, path, word):
    answer = Answer(url, path)
    assert answer.status == 400
    assert word in answer.text


def test_frames_and_gaps(url, data):
    facts = Answer(url, "frame?camera=0&time=3.2&width=640").facts
    clock = data.left.timestamps
    number = int(data.left.resample([3.2]).frame_indices[0])
    assert facts["number"] == number
    assert (facts["start"], facts["end"]) == (clock[number], clock[number + 1])
    assert facts["previous"] == clock[number - 1]
    assert facts["jpeg"][:2].tobytes() == b"\xff\xd8"
    gap = Answer(url, "frame?camera=0&time=11.0&width=640").facts
    assert gap["number"] == -1
    assert gap["jpeg"].size == 0
    assert gap["previous"] == clock[239]
    assert clock[239] < gap["start"] < 11.0 < gap["end"] == clock[240]


def test_a_window_begins_with_the_frame_that_is_on_screen(viewing, data):
    clock = data.left.timestamps
    start = float((clock[30] + clock[31]) / 2)
    url = viewing(data, start, start + 1).url
    facts = Answer(url, f"frame?camera=0&time={start!r}&width=64").facts
    assert facts["number"] == 30
    assert (facts["start"], facts["taken"]) == (start, clock[30])


@pytest.mark.parametrize("n_frames", [1, 30])
def test_the_last_frame_of_a_video_has_its_time(viewing, tmp_path, n_frames):
    path = make_clip(tmp_path / "cam.mp4", n_frames, rate=10)
    tv.write_index(path, progress=False)
    url = viewing(tv.LazyVideo.from_uri(path)).url
    end = json.loads(Answer(url, "session").text)["end"]
    assert end == pytest.approx((n_frames - 1) / 10 + (0.1 if n_frames > 1 else 1.0))
    marks = Answer(url, f"track?track=0&start=0&end={end}&pixels=2000").facts
    assert len(marks["x"]) == n_frames
    assert Answer(url, f"frame?camera=0&time={end - 0.01}&width=64").facts["number"] == (
        n_frames - 1
    )


@pytest.mark.filterwarnings("ignore::temporaldata_video.errors.DecodeWarning")
def test_a_frame_that_does_not_decode(viewing, tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 30, rate=10, gop=1, b_frames=0)
    row = tv.write_index(path, progress=False).segments[0].rows(17, 18)
    content = bytearray(path.read_bytes())
    content[int(row.pos[0]) : int(row.pos[0] + row.size[0])] = b"\xff" * int(row.size[0])
    path.write_bytes(content)
    tv.write_index(path, overwrite=True, progress=False)
    url = viewing(tv.LazyVideo.from_uri(path)).url
    faults = [Answer(url, f"frame?camera=0&time={t}&width=64").facts for t in (1.65, 1.75)]
    assert [(one["number"], one["fault"]) for one in faults] == [
        (16, ""),
        (17, "does not decode"),
    ]


# Its end --------------------------------------------------------------------------------


def test_closing_frees_the_port(data):
    shown = tv.view(data)
    port = urlsplit(shown.url).port
    stream = socket.create_connection(("127.0.0.1", port))
    stream.sendall(f"GET {urlsplit(shown.url).path}alive HTTP/1.1\r\n".encode())
    stream.sendall(f"Host: 127.0.0.1:{port}\r\n\r\n".encode())
    assert stream.recv(15) == b"HTTP/1.1 200 OK"
    shown.close()
    shown.close()
    assert refuses(shown.url)
    assert not shown._thread.is_alive()
    again = tv.view(data, port=port)
    assert urlsplit(again.url).port == port
    again.close()
    stream.close()


def test_a_port_in_use_is_named(viewing, data):
    port = urlsplit(viewing(data).url).port
    with pytest.raises(OSError, match=f"port {port} cannot be used"):
        tv.view(data, port=port)


def _hold(pipe):
    pipe.send("begun")
    pipe.recv()


@needs_fork
def test_a_forked_child_holds_no_port(data):
    shown = tv.view(data)
    assert Answer(shown.url).status == 200
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_hold, args=(theirs,))
    child.start()
    assert ours.recv() == "begun"
    assert Answer(shown.url, "frame?camera=0&time=1&width=64").status == 200
    shown.close()
    assert refuses(shown.url)
    ours.send(None)
    child.join()
    assert child.exitcode == 0


# The command ----------------------------------------------------------------------------


@pytest.fixture
def recording(data, cameras, tmp_path):
    r"""A saved recording beside its videos."""
    shutil.copytree(cameras, tmp_path / "rec")
    videos = {
        n: tv.LazyVideo.from_uri(tmp_path / f"rec/{n}.mp4") for n in ("left", "right")
    }
    kept = {name: getattr(data, name) for name in ("spikes", "lfp", "trials", "pose")}
    path = tmp_path / "rec" / "rec.h5"
    Data(**videos, **kept, domain=Interval(0.0, 20.0)).save(path)
    return path


# A program that was started in the background ignores Ctrl-C, and so do those it starts.
VIEW = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from temporaldata_video._cli.main import main
main()
"""


@pytest.fixture
def started(tmp_path):
    r"""Starts the command, and returns it with the address that it printed."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", VIEW, "view", *map(str, arguments), "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_the_command_ends_on_ctrl_c(started, recording):
    process, url = started(recording)
    session = json.loads(Answer(url, "session").text)
    assert [camera["name"] for camera in session["cameras"]] == ["left", "right"]
    names = ["left: frames", "right: frames", "spikes", "lfp", "trials"]
    assert [row["name"] for row in session["tracks"] if row["name"] in names] == names
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    assert process.stderr.read() == ""
    assert refuses(url)


def test_the_command_ends_with_its_page(started, recording):
    process, url = started(recording.parent / "left.mp4", "1", "5")
    session = json.loads(Answer(url, "session").text)
    assert (session["start"], session["end"]) == (1.0, 5.0)
    assert Answer(url, "alive").status == 200  # a page that opens and closes
    assert process.wait() == 0
    assert refuses(url)


def test_the_command_ends_when_a_browser_leaves(started, recording, chromium):
    process, url = started(recording)
    page = Page(chromium, url)
    assert page.shown(1) == 1000
    assert process.poll() is None
    chromium.get("about:blank")
    assert process.wait() == 0
    assert refuses(url)


def test_the_command_stays_if_told_so(started, recording):
    kept, url = started(recording, "--keep")
    assert Answer(url, "alive").status == 200
    other, its_url = started(recording)
    assert Answer(its_url, "alive").status == 200  # later than that of the first
    assert other.wait() == 0
    assert kept.poll() is None
    assert Answer(url).status == 200


def test_nothing_is_written(started, recording):
    def files():
        return {path: path.stat().st_mtime_ns for path in recording.parent.rglob("*")}

    before = files()
    process, url = started(recording)
    assert Answer(url, "frame?camera=0&time=1&width=64").status == 200
    assert Answer(url, "track?track=2&start=0&end=20&pixels=1000").status == 200
    process.send_signal(signal.SIGINT)
    process.wait()
    assert files() == before


def test_what_is_missing_is_named(run_python):
    said = run_python(
        "import sys; sys.modules['uvicorn'] = None\n"
        "import temporaldata_video as tv\n"
        "try: tv.view(None)\n"
        "except ImportError as error: print(error)"
    )
    assert 'pip install "temporaldata-video[view]"' in said


def test_wrong_windows(data):
    with pytest.raises(ValueError, match="end must come after start"):
        tv.view(data, 3.0, 3.0)
    with pytest.raises(ValueError, match="no domain"):
        tv.view(Data())
    with pytest.raises(ValueError, match="nothing to show"):
        tv.view(Data(domain=Interval(0.0, 1.0)))


def test_a_notebook_shows_the_page(viewing, data):
    shown = viewing(data)
    assert f"<iframe src='{shown.url}'" in shown._repr_html_()
    assert repr(shown) == f"View({shown.url!r})"
