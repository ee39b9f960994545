r"""Plugins that were really installed take part; broken ones warn and are left out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from tests.pages import blocks_of, text_of

HELPFUL = '''
"""Videos in a vault: every byte is stored inverted, under a protocol of its own."""
import dataclasses
import io
import os

import temporaldata_video as tv

CALLS = []
FOLDER = os.environ.get("VAULT_FOLDER", "")


class VaultStore:
    def _path(self, key):
        return os.path.join(FOLDER, key.removeprefix("vault://"))

    def _bytes(self, key):
        try:
            with open(self._path(key), "rb") as file:
                return bytes(255 - b for b in file.read())
        except FileNotFoundError as error:
            raise tv.SourceNotFoundError(f"nothing in the vault at {key!r}.") from error

    def head(self, key):
        return tv.ObjectMeta(len(self._bytes(key)))

    def read_range(self, key, start, length, etag=None):
        CALLS.append("store")
        return self._bytes(key)[start : start + length]

    def open(self, key):
        return io.BytesIO(self._bytes(key))


class VaultCache:
    def read_ranges(self, store, key, ranges, meta):
        CALLS.append("cache")
        return [
            store.read_range(key, start, stop - start, meta.etag) for start, stop in ranges
        ]


class Hooks:
    @tv.hookimpl
    def resolve_store(self, uri, storage_options):
        if uri.startswith("vault://"):
            return VaultStore()

    @tv.hookimpl
    def resolve_index(self, uri, store):
        if uri.startswith("vault://"):
            CALLS.append("index")
            name = uri.removeprefix("vault://")
            return tv.LanceFrameIndex.open(os.path.join(FOLDER, name + ".index"))

    @tv.hookimpl
    def resolve_cache(self, uri, store):
        if uri.startswith("vault://"):
            return VaultCache()


hooks = Hooks()


@dataclasses.dataclass
class Pose:
    uri: str
    options: dict


def read_hdf5(group, *, data_class, lazy):
    return Pose(group.attrs["uri"], {"lazy": lazy, "data_class": data_class.__name__})


backend = tv.Backend("POSE", lambda uri, **options: Pose(uri, options), read_hdf5)
'''

# Both names come first in the alphabet, so that what comes after them must still load.
BROKEN = {
    "aaa_raises.py": "raise RuntimeError('this plugin is out of order')\n",
    "aaa_wrong.py": "backend = 'no backend at all'\n",
    "aaa_hooks.py": """
import temporaldata_video as tv

class UnknownHook:
    @tv.hookimpl
    def resolve_nonsense(self, uri):
        return None

class WrongArgument:
    @tv.hookimpl
    def resolve_store(self, address):
        return None

unknown, wrong = UnknownHook(), WrongArgument()
""",
}
BROKEN_ENTRY_POINTS = """
[temporaldata_video]
aaa_raises = aaa_raises
aaa_missing = aaa_no_such_module:hooks
aaa_unknown_hook = aaa_hooks:unknown
aaa_wrong_argument = aaa_hooks:wrong
[temporaldata.backends]
AAA_RAISES = aaa_raises:backend
AAA_WRONG = aaa_wrong:backend
MP4_INDEX = aaa_impostor:backend
"""
IMPOSTOR = """
import temporaldata_video as tv

backend = tv.Backend("MP4_INDEX", print, print)
"""


def install(folder: Path, name: str, modules: dict[str, str], entry_points: str) -> Path:
    r"""Writes a wheel by hand, which needs no build tool, and has pip install it."""
    info = f"{name}-1.0.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entry_points,
    }
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        archive.writestr(f"{info}/RECORD", record)
    target = folder / name
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--target", target, wheel]
    subprocess.run(command, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def helpful(tmp_path_factory):
    entry_points = """
[temporaldata_video]
vault = helpful_plugin:hooks
[temporaldata.backends]
POSE = helpful_plugin:backend
"""
    folder = tmp_path_factory.mktemp("helpful")
    return install(folder, "helpful_plugin", {"helpful_plugin.py": HELPFUL}, entry_points)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    modules = BROKEN | {"aaa_impostor.py": IMPOSTOR}
    folder = tmp_path_factory.mktemp("broken")
    return install(folder, "aaa_broken", modules, BROKEN_ENTRY_POINTS)


@pytest.fixture
def vault(clip, tmp_path, monkeypatch):
    content = bytes(255 - b for b in clip.read_bytes())
    (tmp_path / "cam.mp4").write_bytes(content)
    monkeypatch.setenv("VAULT_FOLDER", str(tmp_path))
    return tmp_path


READ_FROM_VAULT = """
{first}
import sys, os
import helpful_plugin
import temporaldata_video as tv
from temporaldata_video.testing import read_numbers
index_uri = os.path.join(os.environ["VAULT_FOLDER"], "cam.mp4.index")
tv.write_index("vault://cam.mp4", index_uri=index_uri, progress=False)
helpful_plugin.CALLS.clear()
window = tv.LazyVideo.from_uri("vault://cam.mp4").slice(1.0, 1.1)
calls = helpful_plugin.CALLS
print(list(calls), read_numbers(window.frames).tolist(), calls[-2:])
print(tv.get_backend("POSE").name, tv.open_backend("POSE", "a.pose", joints=7))
"""


@pytest.mark.parametrize(
    "first",
    [
        "import temporaldata_video",
        "import helpful_plugin",
        "import temporaldata_video.types",
    ],
)
def test_an_installed_plugin_takes_part(helpful, vault, run_python, first):
    said = run_python(READ_FROM_VAULT.format(first=first), paths=[helpful])
    assert said == (
        "['index'] [30, 31, 32] ['cache', 'store']\n"
        "POSE Pose(uri='a.pose', options={'joints': 7})\n"
    )


@pytest.fixture
def archive(clip, tmp_path, monkeypatch):
    r"""The distribution of the page about plugins, and a video in its archive."""
    modules, folder = {}, tmp_path / "archive"
    for block in blocks_of("docs/plugins.md"):
        if block.file.startswith("archive_plugin/"):
            modules[block.file] = block.text.replace('"/archive"', repr(str(folder)))
    text = re.search(r"```toml\n(.*?)```", text_of("docs/plugins.md"), re.DOTALL)[1]
    ((group, points),) = tomllib.loads(text)["project"]["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {place}" for name, place in points.items())]
    (folder / "mouse7").mkdir(parents=True)
    shutil.copy(clip, folder / "mouse7" / "cam.mp4")
    return install(tmp_path, "archive_plugin", modules, "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "first",
    [
        "from archive_plugin.store import ArchiveStore",
        "from archive_plugin import hooks",
        "import archive_plugin.hooks, temporaldata_video.types",
        "import temporaldata_video",
        "import imports_both",
    ],
)
def test_the_plugin_of_the_docs_loads_in_any_order(archive, run_python, first):
    (archive / "imports_both.py").write_text(
        "import temporaldata_video\nfrom archive_plugin.store import ArchiveStore\n"
    )
    program = f"""
import warnings
warnings.simplefilter("error")
{first}
import temporaldata_video as tv
uri = "archive://mouse7/cam.mp4"
index = tv.write_index(uri, progress=False)
print(index.uri, len(tv.LazyVideo.from_uri(uri).slice(1.0, 1.1).frames))
"""
    assert run_python(program, paths=[archive]) == "archive://mouse7/cam.mp4.lance 3\n"


def test_an_index_of_a_plugin_is_taken_across_processes(helpful, vault, run_python):
    program = """
import pickle, sys, os
import temporaldata_video as tv
from temporaldata_video.testing import read_numbers
if not os.path.exists(os.path.join(os.environ["VAULT_FOLDER"], "video.pickle")):
    folder = os.environ["VAULT_FOLDER"]
    index_uri = os.path.join(folder, "cam.mp4.index")
    tv.write_index("vault://cam.mp4", index_uri=index_uri, progress=False)
    video = tv.LazyVideo.from_uri("vault://cam.mp4")
    with open(os.path.join(folder, "video.pickle"), "wb") as file:
        pickle.dump(video, file)
with open(os.path.join(os.environ["VAULT_FOLDER"], "video.pickle"), "rb") as file:
    print(read_numbers(pickle.load(file).slice(1.0, 1.1).frames).tolist())
"""
    for _ in range(2):
        assert run_python(program, paths=[helpful]) == "[30, 31, 32]\n"


def write_group(path: Path, backend: str) -> None:
    import h5py

    with h5py.File(path, "a") as file:
        file["video"].attrs["backend"] = backend
        file["video"].attrs["uri"] = "mouse.pose"


@pytest.fixture
def saved(clip, tmp_path):
    video = tv.LazyVideo.from_uri(clip)
    Data(video=video, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    return tmp_path / "rec.h5"


@pytest.mark.parametrize("lazy", [True, False])
def test_a_backend_reads_its_own_groups(helpful, saved, run_python, lazy):
    write_group(saved, "POSE")
    program = """
import sys
import temporaldata_video
from temporaldata import Data
print(Data.load(sys.argv[1], lazy=sys.argv[2] == "True").video)
"""
    said = run_python(program, saved, lazy, paths=[helpful])
    expected = {"lazy": lazy, "data_class": "Data"}
    assert said == f"Pose(uri='mouse.pose', options={expected})\n"


def test_a_broken_plugin_is_named_and_the_others_load(helpful, broken, vault, run_python):
    program = "import warnings; warnings.simplefilter('always')\n" + READ_FROM_VAULT
    said = run_python(
        program.format(first="import temporaldata_video"), paths=[broken, helpful]
    )
    assert "['index'] [30, 31, 32] ['cache', 'store']" in said
    warned = [line for line in said.splitlines() if "PluginWarning" in line]
    broken_names = ["aaa_raises", "aaa_missing", "aaa_unknown_hook", "aaa_wrong_argument"]
    for name in [*broken_names, "AAA_RAISES", "AAA_WRONG"]:
        (line,) = (line for line in warned if repr(name) in line)
        assert "'aaa-broken'" in line.replace("_", "-") and "left out" in line
    assert any("out of order" in line for line in warned)
    # Nobody takes the place of a backend that is there.
    assert any("'MP4_INDEX'" in line and "already" in line for line in warned)
    assert len(warned) == 7, warned


def test_our_own_backend_survives_an_impostor(broken, saved, run_python):
    program = """
import sys, warnings
warnings.simplefilter("ignore")
import temporaldata_video as tv
from temporaldata import Data
print(type(Data.load(sys.argv[1]).video) is tv.LazyVideo)
"""
    assert run_python(program, saved, paths=[broken]) == "True\n"


def test_a_store_that_is_none_is_an_error(tmp_path, run_python):
    module = """
import temporaldata_video as tv

class Hooks:
    @tv.hookimpl
    def resolve_store(self, uri, storage_options):
        return object() if uri.startswith("odd://") else None

hooks = Hooks()
"""
    entry_points = "[temporaldata_video]\nodd = odd_plugin:hooks\n"
    target = install(tmp_path, "odd_plugin", {"odd_plugin.py": module}, entry_points)
    program = """
import temporaldata_video as tv
try:
    tv.LazyVideo.from_uri("odd://cam.mp4")
except tv.BackendError as error:
    print(error)
"""
    assert "returned object, which lacks methods of ObjectStore" in run_python(
        program, paths=[target]
    )


def test_the_plugin_of_this_package_is_declared():
    from importlib.metadata import entry_points

    (found,) = entry_points(group="temporaldata.backends", name="MP4_INDEX")
    assert found.load() is tv.MP4_INDEX
