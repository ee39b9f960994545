r"""One dict of options serves fsspec and Lance, and the environment fills in."""

from __future__ import annotations

import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.storage_options import fsspec_options, lance_options

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
    assert lance_options("s3", options) == {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "aws_endpoint": "http://here",
        "aws_skip_signature": "false",
        "allow_http": "true",
    }


def test_names_of_lance():
    lance = {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "aws_endpoint": "https://here",
        "aws_region": "eu-west-1",
    }
    assert lance_options("s3", lance) == lance
    assert fsspec_options("s3", lance) == {
        **SECRETS,
        "endpoint_url": "https://here",
        "client_kwargs": {"region_name": "eu-west-1"},
    }


def test_what_botocore_is_told_reaches_lance():
    client = {"client_kwargs": {"region_name": "eu-west-1", "endpoint_url": "https://here"}}
    assert fsspec_options("s3", client) == client
    passed = lance_options("s3", client)
    assert passed == {"aws_region": "eu-west-1", "aws_endpoint": "https://here"}


def test_the_environment_fills_in(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://there")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert lance_options("s3", {}) == {
        "aws_endpoint": "http://there",
        "aws_region": "eu-west-1",
        "allow_http": "true",
    }
    # What is said in the call comes first.
    assert lance_options("s3", {"endpoint_url": "https://here"})["aws_endpoint"] == (
        "https://here"
    )


def test_a_profile_reaches_lance(monkeypatch, tmp_path):
    pytest.importorskip("botocore")
    text = "[lab]\naws_access_key_id = k\naws_secret_access_key = s\nregion = eu-west-1\n"
    (tmp_path / "credentials").write_text(text)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert lance_options("s3", {"profile": "lab"}) == {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "aws_region": "eu-west-1",
    }


@pytest.mark.parametrize("by", ["options", "environment"])
def test_the_account_of_r2(monkeypatch, by):
    if by == "environment":
        monkeypatch.setenv("R2_ACCOUNT_ID", "0123")
    options = {**SECRETS} if by == "environment" else {**SECRETS, "account_id": "0123"}
    place = "https://0123.r2.cloudflarestorage.com"
    assert fsspec_options("r2", options)["endpoint_url"] == place
    passed = lance_options("r2", options)
    assert passed["aws_endpoint"] == place and passed["aws_region"] == "auto"
    assert "account_id" not in passed and "account_id" not in fsspec_options("r2", options)


def test_r2_without_an_account():
    with pytest.raises(tv.BackendError, match="R2_ACCOUNT_ID"):
        fsspec_options("r2", SECRETS)


def test_google():
    assert lance_options("gs", {"token": "/keys/lab.json", "project": "lab"}) == {
        "google_service_account": "/keys/lab.json"
    }
    passed = lance_options("gs", {"token": {"client_email": "lab"}})
    assert passed == {"google_service_account_key": '{"client_email": "lab"}'}
    assert lance_options("gs", {"token": "anon"}) == {"google_skip_signature": "true"}


def test_azure():
    options = {"account_name": "lab", "account_key": "k"}
    passed = {"azure_storage_account_name": "lab", "azure_storage_account_key": "k"}
    assert lance_options("az", options) == passed
    text = "AccountName=lab;AccountKey=k==;BlobEndpoint=http://here/lab;"
    assert lance_options("az", {"connection_string": text}) == {
        "azure_storage_account_name": "lab",
        "azure_storage_account_key": "k==",
        "azure_storage_endpoint": "http://here/lab",
        "allow_http": "true",
    }
