r"""Options by any of their names reach fsspec by its own, and the environment fills in."""

from __future__ import annotations

import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.storage_options import fsspec_options

SECRETS = {"key": "k", "secret": "s", "token": "t"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    import os

    for name in os.environ:
        if name.startswith(("AWS_", "R2_", "CLOUDFLARE_", "GOOGLE_", "AZURE_", "STORAGE_")):
            monkeypatch.delenv(name)


def test_names_of_fsspec():
    options = {**SECRETS, "endpoint_url": "http://here", "anon": False, "use_ssl": False}
    assert fsspec_options("s3", options) == options


def test_names_of_the_tools_of_amazon():
    options = {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "aws_endpoint": "https://here",
        "aws_region": "eu-west-1",
        "aws_skip_signature": "false",
    }
    assert fsspec_options("s3", options) == {
        **SECRETS,
        "endpoint_url": "https://here",
        "anon": False,
        "client_kwargs": {"region_name": "eu-west-1"},
    }


def test_what_botocore_is_told_stays():
    client = {"client_kwargs": {"region_name": "eu-west-1", "endpoint_url": "https://here"}}
    assert fsspec_options("s3", {**client, "region": "us-east-1"}) == client


def test_the_environment_fills_in(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://there")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    region = {"client_kwargs": {"region_name": "eu-west-1"}}
    assert fsspec_options("s3", {}) == {"endpoint_url": "http://there", **region}
    # What is said in the call comes first.
    here = {"endpoint_url": "https://here"}
    assert fsspec_options("s3", here) == {**here, **region}


@pytest.mark.parametrize("by", ["options", "environment"])
def test_the_account_of_r2(monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("R2_ACCOUNT_ID", "0123")
    options = {**SECRETS} if by == "environment" else {**SECRETS, "account_id": "0123"}
    place = "https://0123.r2.cloudflarestorage.com"
    assert fsspec_options("r2", options)["endpoint_url"] == place
    assert fsspec_options("r2", options)["client_kwargs"] == {"region_name": "auto"}
    assert "account_id" not in fsspec_options("r2", options)


def test_r2_without_an_account():
    with pytest.raises(tv.BackendError, match="R2_ACCOUNT_ID"):
        fsspec_options("r2", SECRETS)


def test_google():
    options = {"google_service_account": "/keys/lab.json", "project": "lab"}
    assert fsspec_options("gs", options) == {"token": "/keys/lab.json", "project": "lab"}


def test_azure():
    options = {"azure_storage_account_name": "lab", "access_key": "k"}
    assert fsspec_options("az", options) == {"account_name": "lab", "account_key": "k"}
