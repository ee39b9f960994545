r"""Translates ``storage_options``: one dict of the user's serves fsspec and Lance.

Users write the names of fsspec or those of Lance (of Rust's ``object_store``); what they
leave out comes from the environment variables that the store's own tools read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import BackendError

LANCE_PREFIXES = {
    "s3": "s3://",
    "s3a": "s3://",
    "r2": "s3://",
    "gs": "gs://",
    "gcs": "gs://",
    "az": "az://",
}


class Option(NamedTuple):
    r"""One setting by all its names.

    Args:
        fsspec: the name that fsspec's file system takes, ``""`` if it has none.
        lance: the name that Lance takes.
        aliases: further names that users may write.
        variables: environment variables that say it, for what a library doesn't find
            there by itself.
    """

    fsspec: str
    lance: str
    aliases: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


_S3 = (
    Option("key", "aws_access_key_id", ("access_key_id",)),
    Option("secret", "aws_secret_access_key", ("secret_access_key",)),
    Option("token", "aws_session_token", ("session_token",)),
    Option(
        "endpoint_url",
        "aws_endpoint",
        ("endpoint", "aws_endpoint_url"),
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    ),
    Option(
        "region_name",
        "aws_region",
        ("region", "aws_default_region"),
        ("AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    Option("anon", "aws_skip_signature", ("skip_signature",)),
    Option("requester_pays", "aws_request_payer", ("request_payer",)),
)
_R2_VARIABLES = {
    "key": ("R2_ACCESS_KEY_ID",),
    "secret": ("R2_SECRET_ACCESS_KEY",),
    "account_id": ("R2_ACCOUNT_ID", "CLOUDFLARE_ACCOUNT_ID"),
}
_GCS = (
    Option("token", "google_service_account", ("service_account",)),
    Option("endpoint_url", "google_base_url", (), ("STORAGE_EMULATOR_HOST",)),
)
_AZURE = (
    Option(
        "account_name",
        "azure_storage_account_name",
        ("azure_account_name",),
        ("AZURE_STORAGE_ACCOUNT_NAME",),
    ),
    Option(
        "account_key",
        "azure_storage_account_key",
        ("azure_account_key", "access_key"),
        ("AZURE_STORAGE_ACCOUNT_KEY",),
    ),
    Option("sas_token", "azure_storage_sas_token", ("sas_key", "azure_storage_sas_key")),
    Option("tenant_id", "azure_storage_tenant_id", (), ("AZURE_TENANT_ID",)),
    Option("client_id", "azure_storage_client_id", (), ("AZURE_CLIENT_ID",)),
    Option("client_secret", "azure_storage_client_secret", (), ("AZURE_CLIENT_SECRET",)),
    Option("account_host", "azure_storage_endpoint", ("azure_endpoint",)),
    Option("anon", "azure_skip_signature", ("skip_signature",)),
)
_TABLES = {
    **dict.fromkeys(("s3", "s3a", "r2"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("az", "abfs", "abfss"), _AZURE),
}


def fsspec_options(protocol: str, options: Mapping[str, Any]) -> dict[str, Any]:
    r"""Returns what fsspec's file system is made with.

    Args:
        protocol: as in the uri.
        options: as the user wrote them.
    """
    told, others = _by_name(protocol, options)
    for name in ("anon", "requester_pays"):
        if name in told:
            told[name] = _is_true(told[name])
    if _TABLES.get(protocol) is _S3:
        region = told.pop("region_name", None)
        if region:
            client = {"region_name": region, **others.get("client_kwargs", {})}
            others["client_kwargs"] = client
    return {**others, **told}


def lance_options(protocol: str, options: Mapping[str, Any]) -> dict[str, str]:
    r"""Returns the ``storage_options`` with which Lance reaches the same place.

    Args:
        protocol: as in the uri, one of :data:`LANCE_PREFIXES`.
        options: as the user wrote them.
    """
    told, others = _by_name(protocol, options)
    if _TABLES.get(protocol) is _S3:
        _complete_s3(told, others)
    if _TABLES.get(protocol) is _AZURE:
        _complete_azure(told, others)
    if isinstance(told.get("token"), Mapping):  # a service account of Google, written out
        others["google_service_account_key"] = json.dumps(told.pop("token"))
    if told.get("token") == "anon" and _TABLES[protocol] is _GCS:
        told.pop("token")
        others["google_skip_signature"] = "true"
    names = {option.fsspec: option.lance for option in _TABLES[protocol]}
    passed = {names[name]: value for name, value in told.items()}
    passed |= {k: v for k, v in others.items() if k.startswith(_LANCE_ONLY)}
    if any(str(value).startswith("http://") for value in passed.values()):
        passed.setdefault("allow_http", True)
    return {name: _as_text(value) for name, value in passed.items()}


# What fsspec has no name for and Lance does.
_LANCE_ONLY = ("aws_", "google_", "azure_", "allow_", "timeout", "connect_timeout")


def _by_name(
    protocol: str, options: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    # What the table knows, by the name of fsspec, and the rest as it is.
    others = dict(options)
    told: dict[str, Any] = {}
    for option in _TABLES.get(protocol, ()):
        for name in (option.fsspec, option.lance, *option.aliases):
            if (value := others.pop(name, None)) is not None:
                told.setdefault(option.fsspec, value)
    if protocol == "r2":
        _complete_r2(told, others)
    for option in _TABLES.get(protocol, ()):
        if option.fsspec not in told and (value := _from_environment(option.variables)):
            told[option.fsspec] = value
    return told, others


def _complete_r2(told: dict[str, Any], others: dict[str, Any]) -> None:
    for name in ("key", "secret"):
        if name not in told and (value := _from_environment(_R2_VARIABLES[name])):
            told[name] = value
    account = others.pop("account_id", None) or _from_environment(
        _R2_VARIABLES["account_id"]
    )
    told.setdefault("region_name", "auto")
    if "endpoint_url" in told:
        return
    if account:
        told["endpoint_url"] = f"https://{account}.r2.cloudflarestorage.com"
    elif not _from_environment(("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")):
        raise BackendError(
            "r2:// needs to know the account: set R2_ACCOUNT_ID, or pass "
            "storage_options={'account_id': ...} or an 'endpoint_url'."
        )


def _complete_s3(told: dict[str, Any], others: dict[str, Any]) -> None:
    # Lance doesn't read what botocore is told, nor the profiles of its configuration.
    client = others.get("client_kwargs", {})
    for name in ("region_name", "endpoint_url"):
        if name not in told and client.get(name):
            told[name] = client[name]
    profile = others.get("profile")
    if profile and "key" not in told:
        from botocore.session import Session

        session = Session(profile=profile)
        found = session.get_credentials().get_frozen_credentials()
        told |= {"key": found.access_key, "secret": found.secret_key}
        told |= {"token": found.token} if found.token else {}
        if region := session.get_config_variable("region"):
            told.setdefault("region_name", region)
    if not told.get("requester_pays", True):
        del told["requester_pays"]


def _complete_azure(told: dict[str, Any], others: dict[str, Any]) -> None:
    # Lance knows no connection strings.
    text = others.get("connection_string") or _from_environment(
        ("AZURE_STORAGE_CONNECTION_STRING",)
    )
    pairs = [part.partition("=") for part in text.split(";") if part]
    said = {name: value for name, _, value in pairs}
    for name, part in (
        ("account_name", "AccountName"),
        ("account_key", "AccountKey"),
        ("sas_token", "SharedAccessSignature"),
        ("account_host", "BlobEndpoint"),
    ):
        if part in said:
            told.setdefault(name, said[part])


def _from_environment(variables: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in variables if os.environ.get(name)), "")


def _is_true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
