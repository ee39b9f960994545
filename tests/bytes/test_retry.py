r"""Which errors say that a name is taken, and when to try again."""

from __future__ import annotations

import errno
import time
from email.utils import formatdate

import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video._bytes.retry import StatusError, asked_pause, is_taken


class Answer(Exception):
    r"""An error of a library that holds the status of an answer over HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def because_of(cause: BaseException) -> Exception:
    try:
        raise OSError("the store says no") from cause
    except OSError as error:
        return error


@pytest.mark.parametrize(
    ("error", "taken"),
    [
        (FileExistsError(errno.EEXIST, "exists"), True),
        (Answer(412), True),
        (Answer(409), True),
        (because_of(Answer(412)), True),
        (because_of(FileExistsError()), True),
        (Answer(404), False),
        (Answer(500), False),
        (because_of(Answer(403)), False),
        (OSError(errno.EIO, "broken"), False),
    ],
    ids=repr,
)
def test_names_that_are_taken(error, taken):
    assert is_taken(error) is taken


def botocores(value: str) -> Exception:
    r"""An error as botocore raises it."""
    from botocore.exceptions import ClientError

    answer = {"HTTPStatusCode": 503, "HTTPHeaders": {"retry-after": value}}
    return ClientError({"Error": {}, "ResponseMetadata": answer}, "GetObject")


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        (StatusError(429, "", {"Retry-After": "3"}), 3.0, 3.0),
        (because_of(StatusError(503, "", {"retry-after": "3"})), 3.0, 3.0),
        (botocores("7"), 7.0, 7.0),
        (StatusError(429, "", {"Retry-After": formatdate(time.time() + 9e4)}), 8e4, 9e4),
        (StatusError(429, "", {"Retry-After": formatdate(0)}), 0.0, 0.0),
        (StatusError(429, "", {"Retry-After": "soon"}), 0.0, 0.0),
        (StatusError(429, ""), 0.0, 0.0),
        (ValueError("no answer"), 0.0, 0.0),
    ],
)
def test_how_long_a_server_asks_to_wait(error, least, most):
    assert least <= asked_pause(error) <= most


@pytest.mark.parametrize("status", ["429", "503"])
def test_nobody_comes_back_before_the_server_says(files, files_proxy, configure, status):
    # Whoever comes earlier is refused again, and there is no third attempt.
    configure(retries=1)
    url = f"{files_proxy.url}/{files.put('waits.bin', bytes(100)).rpartition('/')[2]}"
    store = FsspecStore("http")
    files_proxy.behave(script=(status,), closed=1)
    assert store.read_range(url, 10, 20) == bytes(20)
    assert [r.status for r in files_proxy.requests()] == [int(status), 206]


def test_no_request_waits_longer_than_it_may_take(files, files_proxy, configure):
    configure(request_seconds=5)
    url = f"{files_proxy.url}/{files.put('waits.bin', bytes(100)).rpartition('/')[2]}"
    files_proxy.behave(script=("429",), closed=3600)
    with pytest.raises(tv.SourceError, match="429"):
        FsspecStore("http").read_range(url, 10, 20)
    assert len(files_proxy.requests()) == 1
