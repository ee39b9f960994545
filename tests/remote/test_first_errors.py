r"""What goes wrong first with a store is named, each with what to do."""

from __future__ import annotations

import pytest

import temporaldata_video as tv

SECRET = "5ecret-0f-s0me0ne"


def write(uri, options):
    tv.write_index(uri, storage_options=options, progress=False)


def read(uri, options):
    return tv.LazyVideo.from_uri(uri, storage_options=options)


@pytest.fixture(params=[write, read])
def use(request):
    return request.param


def test_a_bucket_that_is_not_there(use, uri, s3):
    elsewhere = uri.replace("s3://lab/", "s3://no-such-lab/")
    with pytest.raises(tv.SourceNotFoundError, match=r"there is no bucket.*no-such-lab"):
        use(elsewhere, s3.options())


def test_an_object_that_is_not_there(use, uri, s3):
    with pytest.raises(tv.SourceNotFoundError, match=r"no object at .*Check bucket and"):
        use(uri.replace("cam", "mac"), s3.options())


@pytest.mark.parametrize("scheme", ["s3", "r2"])
def test_an_option_that_the_store_does_not_take(use, uri, s3, scheme):
    options = {**s3.options(), "sekret": SECRET}
    with pytest.raises(tv.BackendError, match=r"it takes no 'sekret'.*names") as caught:
        use(uri.replace("s3://", f"{scheme}://"), options)
    assert SECRET not in str(caught.value)


def test_an_option_of_another_type(use, uri, s3):
    with pytest.raises(tv.BackendError, match=r"with these storage_options.*their types"):
        use(uri, {**s3.options(), "key": 5})


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nowhere"])
def test_an_endpoint_where_nothing_answers(use, uri, s3, endpoint):
    with pytest.raises(tv.VideoError, match=r"nothing answers there.*endpoint_url"):
        use(uri, {**s3.options(), "endpoint_url": endpoint})


def test_a_scheme_that_nobody_knows(use):
    with pytest.raises(tv.BackendError, match=r"no store is known for s4://.*plugin"):
        use("s4://lab/cam.mp4", {})
