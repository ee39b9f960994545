r"""Which errors say that the name of an object is taken."""

from __future__ import annotations

import errno

import pytest

from temporaldata_video._bytes.retry import is_taken


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
