r"""An S3 server: moto's, speaking HTTP/1.1 so that connections stay open."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .process import announce, running

CREDENTIALS = {"key": "testing", "secret": "not-so-secret"}


@dataclass(frozen=True)
class S3Server:
    r"""A server that runs.

    Args:
        url: where it listens.
    """

    url: str

    def options(self, at: Any = None) -> dict[str, Any]:
        r"""Returns ``storage_options`` that lead here, or to a proxy before it.

        Args:
            at: has the ``url`` to go to instead.
        """
        url = at.url if at else self.url
        return {
            **CREDENTIALS,
            "endpoint_url": url,
            "client_kwargs": {"region_name": "eu-west-1"},
        }

    def environment(self, at: Any = None) -> dict[str, str]:
        r"""Returns the environment variables that lead here, as :meth:`options` do."""
        return {
            "AWS_ACCESS_KEY_ID": CREDENTIALS["key"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["secret"],
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": at.url if at else self.url,
        }

    def client(self) -> Any:
        r"""Returns a client of boto3, for what the tests do behind our back."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id=CREDENTIALS["key"],
            aws_secret_access_key=CREDENTIALS["secret"],
        )

    def make_bucket(self, name: str) -> None:
        r"""Makes an empty bucket."""
        where = {"LocationConstraint": "eu-west-1"}
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration=where)

    def put(self, path: str, data: bytes) -> str:
        r"""Stores an object at ``"bucket/key"`` and returns its uri."""
        bucket, _, key = path.partition("/")
        self.client().put_object(Bucket=bucket, Key=key, Body=data)
        return f"s3://{path}"

    def names(self, bucket: str) -> list[str]:
        r"""Returns the keys of all objects of a bucket, sorted."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@contextmanager
def serve_s3() -> Iterator[S3Server]:
    r"""Runs an S3 server, empty, that keeps what it is given in memory."""
    with running("s3") as url:
        yield S3Server(url)


def main() -> None:
    r"""The server process."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

    _keep_values_whole()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    announce(server.port)
    server.serve_forever()


def _keep_values_whole() -> None:
    # moto copies the whole object to answer for a range of it: 70 ms for one of 50 MB.
    from moto.s3.models import FakeKey

    read, write = FakeKey.value.fget, FakeKey.value.fset
    wholes: weakref.WeakKeyDictionary[FakeKey, bytes] = weakref.WeakKeyDictionary()

    def value(key: FakeKey) -> bytes:
        if key not in wholes:
            wholes[key] = read(key)
        return wholes[key]

    def set_value(key: FakeKey, new: bytes) -> None:
        wholes.pop(key, None)
        write(key, new)

    FakeKey.value = property(value, set_value)
