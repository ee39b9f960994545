r"""Nothing that a file names is opened, and no file leads out of its own scheme."""

from __future__ import annotations

import io
import json
import shutil
import socketserver
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import h5py
import lance
import pytest
from temporaldata import Data, Interval
from typer.testing import CliRunner

import temporaldata_video as tv
from temporaldata_video._cli.main import app
from temporaldata_video._decode.container_packets import open_stream
from temporaldata_video.errors import SourceError, VideoError
from temporaldata_video.testing import make_clip
from temporaldata_video.testing.damage import box_places


class Counter:
    r"""An HTTP server that counts who connects, and serves one file to all."""

    def __init__(self, data: bytes) -> None:
        counter = self
        self.connections = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("ETag", '"one"')
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

            def verify_request(self, *_):
                counter.connections += 1
                return True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.01,), daemon=True
        )
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/cam.mp4"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = make_clip(tmp_path_factory.mktemp("security") / "cam.mp4", 24, size=(32, 32))
    tv.write_index(path, progress=False)
    return path


@pytest.fixture
def server(clip):
    counter = Counter(clip.read_bytes())
    yield counter
    counter.close()


def with_outside_media(data: bytes, url: str) -> bytes:
    r"""An MP4 file that says that its media lie at a url (a ``dref`` that is not local)."""
    (dref,) = (place for place in box_places(data) if place.kind == b"dref")
    entry = bytes(4) + url.encode() + b"\0"
    entry = (len(entry) + 8).to_bytes(4, "big") + b"url " + entry
    body = bytes(4) + (1).to_bytes(4, "big") + entry
    out = bytearray(data)
    out[dref.start : dref.stop] = (len(body) + 8).to_bytes(4, "big") + b"dref" + body
    growth = len(out) - len(data)
    for at in dref.parents:
        length = int.from_bytes(out[at : at + 4], "big") + growth
        out[at : at + 4] = length.to_bytes(4, "big")
    return bytes(out)


LEADS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\n{url}\n#EXT-X-ENDLIST\n",
    "hls-master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
    "ffconcat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1"><BaseURL>{url}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "reference": "[Reference]\nRef1={url}\n",
    "rtsp-text": "RTSPtextRTSP://127.0.0.1:{port}/\n",
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns='
    '"http://www.smpte-ra.org/schemas/2067-3/2016"><Id>{url}</Id></CompositionPlaylist>',
}


def lead(name: str, clip: Path, url: str) -> bytes:
    if name == "outside-media":
        return with_outside_media(clip.read_bytes(), url)
    return LEADS[name].format(url=url, port=url.split(":")[2].split("/")[0]).encode()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".m3u8", ".mpd", ".ffconcat"])
@pytest.mark.parametrize("name", [*LEADS, "outside-media"])
def test_what_a_file_names_is_not_followed(clip, server, tmp_path, name, suffix):
    path = tmp_path / f"trap{suffix}"
    path.write_bytes(lead(name, clip, server.url))
    for method in ("auto", "demux"):
        try:
            tv.write_index(path, method=method, overwrite=True, progress=False)
            _ = tv.LazyVideo.from_uri(path).frames
        except VideoError:
            continue
        # The samples were read from the file itself, whatever its header says.
        assert name == "outside-media"
    for command in ("index", "info", "check"):
        CliRunner().invoke(app, [command, str(path)])
    assert server.connections == 0


@pytest.mark.parametrize("protocol", ["concat:", "subfile,,start,0,end,0,,:", "async:"])
def test_protocols_of_ffmpeg_are_no_uris(clip, server, tmp_path, protocol):
    for uri in (f"{protocol}{server.url}", f"{protocol}{clip}"):
        with pytest.raises(VideoError):
            tv.write_index(uri, progress=False)
    assert server.connections == 0


@pytest.mark.parametrize("container", ["hls", "concat", "dash", "sdp", "image2"])
def test_a_container_is_not_opened_as_another_one(clip, server, container):
    segment = tv.LanceFrameIndex.open(f"{clip}.lance").segments[0]
    trap = replace(segment, stream=replace(segment.stream, container=container))
    data = io.BytesIO(lead("hls", clip, server.url))
    with (
        pytest.raises(SourceError),
        open_stream(lambda: data, "trap.mp4", trap),
    ):
        pass
    assert server.connections == 0


def test_the_server_would_have_been_seen(server):
    with av.open(server.url) as container:
        assert container.streams.video
    assert server.connections > 0


# Schemes --------------------------------------------------------------------------------


@pytest.fixture
def pointed(clip, server, tmp_path) -> Path:
    r"""A recording on this machine whose video is said to lie on a server."""
    path = tmp_path / "rec.h5"
    Data(video=tv.LazyVideo.from_uri(clip), domain=Interval(0.0, 1.0)).save(path)
    with h5py.File(path, "a") as file:
        parts = file["video"].attrs["parts"]
        local = parts.split('"uri": "')[1].split('"')[0]
        file["video"].attrs["parts"] = parts.replace(local, server.url, 1)
    return path


def test_a_recording_does_not_lead_to_the_network(pointed, server):
    with pytest.raises(SourceError, match=r"configure\(allowed_schemes=\['http'\]\)"):
        Data.load(pointed)
    assert server.connections == 0


def test_a_recording_leads_where_it_is_allowed_to(pointed, server, configure):
    configure(allowed_schemes=["s3"])
    # What is allowed already stays in what the message advises.
    with pytest.raises(SourceError, match=r"\['s3', 'http'\].*_SCHEMES=s3,http\."):
        Data.load(pointed)
    configure(allowed_schemes=["s3", "http"])
    video = Data.load(pointed).video
    with pytest.raises(SourceError, match="not ranges of them"):
        _ = video.shape
    assert server.connections > 0


@pytest.fixture
def leading(tmp_path):
    r"""Makes a video of two files, the second of which its index alone names."""
    folder = tmp_path / "lab"
    (folder / "more").mkdir(parents=True)
    first = make_clip(folder / "cam.mp4", 12, size=(32, 32))
    second = make_clip(folder / "more" / "b.mp4", 12, size=(32, 32))
    shutil.copy(second, tmp_path / "b.mp4")
    tv.write_index(first, segment_uris=[second], progress=False)
    dataset = lance.dataset(f"{first}.lance")
    table = dataset.to_table()

    def lead(uri: str) -> tv.LazyVideo:
        header = json.loads(table.schema.metadata[b"temporaldata_video"])
        header["segments"][1]["uri"] = uri
        metadata = {b"temporaldata_video": json.dumps(header)}
        lance.write_dataset(
            table.replace_schema_metadata(metadata),
            dataset.uri,
            mode="overwrite",
            data_storage_version="2.0",
        )
        return tv.LazyVideo.from_uri(first)

    return lead


def test_an_index_does_not_lead_to_the_network(leading, server):
    with pytest.raises(SourceError, match="another scheme"):
        _ = leading(server.url).frames
    assert server.connections == 0


def test_an_index_leads_to_files_beside_the_video_alone(leading, tmp_path, configure):
    for uri in ("more/b.mp4", f"{tmp_path}/lab/more/b.mp4", "./more/../more/b.mp4"):
        assert len(leading(uri).frames) == 24
    outside = [
        "/dev/zero",
        "/etc/passwd",
        "../b.mp4",
        "more/../../b.mp4",
        f"{tmp_path}/b.mp4",
    ]
    for uri in outside:
        with pytest.raises(SourceError, match=r"nor below its folder.*\['file'\]"):
            _ = leading(uri).frames
    configure(allowed_schemes=["file"])
    assert len(leading("../b.mp4").frames) == 24
    with pytest.raises(SourceError, match="no regular file"):
        _ = leading("/dev/zero").frames
