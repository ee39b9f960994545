r"""Folders that cannot be used or trusted: a warning, and reading without the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import temporaldata_video as tv

from .caching import read

REPOSITORY = Path(__file__).resolve().parents[2]
AS_ROOT = os.name == "posix" and os.geteuid() == 0


def refused(cache, store, content, match):
    with pytest.warns(tv.CacheWarning, match=match) as warned:
        found = [read(cache, store, (10, 9000)) for _ in range(3)]
    assert found == [[content[10:9000]]] * 3
    assert len(warned) == 1
    assert len(store.requests()) == 3


def test_a_link_is_not_followed(cache, store, content, tmp_path):
    (tmp_path / "mine").mkdir(mode=0o700)
    os.symlink(tmp_path / "mine", cache.files.root)
    refused(cache, store, content, "is a link")
    assert os.listdir(tmp_path / "mine") == []
    with pytest.raises(tv.CacheError, match="is a link"):
        tv.configure(cache_directory=tmp_path)


@pytest.mark.skipif(not AS_ROOT, reason="only root gives folders away")
def test_the_folder_of_another_user_is_not_used(cache, store, content):
    os.mkdir(cache.files.root, 0o700)
    os.chown(cache.files.root, 65534, 65534)
    refused(cache, store, content, "belongs to user 65534")
    assert os.listdir(cache.files.root) == []


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_the_file_of_another_user_is_not_read(cache, store, content):
    read(cache, store, (0, 100))
    (entry,) = cache.files.entries()
    os.chown(entry.path, 65534, 65534)
    store.forget()
    assert read(cache, store, (0, 100)) == [content[:100]]
    assert len(store.requests()) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_folder_that_others_can_write_is_not_used(cache, store, content):
    os.mkdir(cache.files.root)
    os.chmod(cache.files.root, 0o770)
    refused(cache, store, content, r"written by others \(mode 770\)")


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_others_may_do_nothing_with_what_is_kept(cache, store):
    read(cache, store, (0, 9000))
    cache.files.prune(0)
    read(cache, store, (10, 20000))
    kept = [Path(cache.files.root), *Path(cache.files.root).rglob("*")]
    # Locks hold nothing, and lie in a folder that is private.
    private = [path for path in kept if path.parent.name != "locks"]
    assert len(private) > 5
    assert [str(path) for path in private if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("when", ["from the start", "later"])
def test_a_folder_that_cannot_be_written(cache, store, content, when, tmp_path):
    if when == "later":
        read(cache, store, (50000, 50001))
        store.forget()
        subprocess.run(["rm", "-r", cache.files.root], check=True)
    # A file in the folder's place stops even root.
    Path(cache.files.root).write_bytes(b"")
    refused(cache, store, content, "link or no folder")


READ_ONLY = """
import os, sys, warnings
import temporaldata_video as tv
from temporaldata_video.types import ByteRange
from tests.bytes.fetching import LoggingStore

folder, log = sys.argv[1:]
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
    root = f"{folder}/temporaldata-video-65534"
else:
    root = f"{folder}/temporaldata-video-{os.geteuid()}"
store = LoggingStore(f"{folder}/object", log)
cache = tv.BlockCache(folder, block_bytes=4096)
content = open(store.path, "rb").read()
def read(a, b):
    (got,) = cache.read_ranges(store, "s3://cam", [ByteRange(a, b)], store.head(""))
    assert got == content[a:b]
read(0, 100)
for path in (root, f"{root}/locks", f"{root}/aside", f"{root}/objects"):
    os.chmod(path, 0o500)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for start in (0, 50000, 90000):
        read(start, start + 100)
print(len(store.requests()), [w.category.__name__ for w in caught])
os.chmod(root, 0o700)
"""


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_read_only_folder_still_serves_what_it_has(store, run_python):
    # Where pytest keeps its files, another user than root cannot look.
    with tempfile.TemporaryDirectory() as shared:
        os.chmod(shared, 0o777)
        shutil.copy(store.path, f"{shared}/object")
        said = run_python(READ_ONLY, shared, f"{shared}/log", paths=[REPOSITORY])
    assert said == "3 ['CacheWarning']\n"


FULL_DISK = """
import resource, sys, warnings
import temporaldata_video as tv
from temporaldata_video.types import ByteRange
from tests.bytes.fetching import LoggingStore

folder, kind = sys.argv[1:]
store = LoggingStore(f"{folder}/object", f"{folder}/log")
content = open(store.path, "rb").read()
cache = tv.SegmentCache(folder) if kind == "files" else tv.BlockCache(folder)
# No file can grow beyond this: what the system says then is what a full disk says.
resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for start in (0, 50000, 90000):
        span = ByteRange(start, start + 100)
        (got,) = cache.read_ranges(store, "s3://cam", [span], store.head(""))
        assert got == content[slice(*span)]
print([w.category.__name__ for w in caught], cache.files.entries())
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")
@pytest.mark.parametrize("kind", ["blocks", "files"])
def test_a_full_disk_is_no_harm(store, tmp_path, run_python, kind):
    said = run_python(FULL_DISK, tmp_path, kind, paths=[REPOSITORY])
    assert said == "['CacheWarning'] []\n"
    root = tv.BlockCache(str(tmp_path)).files.root
    assert os.listdir(os.path.join(root, "aside")) == []
