r"""Completes ``storage_options`` for fsspec: other names for its own, and the environment.

Users write the names of fsspec, or the names that the services' own tools use. Options that
they leave out come from environment variables, where fsspec does not look itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import BackendError


class Option(NamedTuple):
    r"""One setting by all its names.

    Args:
        name: the one that fsspec's file system takes.
        aliases: further names that users may write.
        variables: environment variables that hold it, for a setting that the library
            doesn't look up itself.
    """

    name: str
    aliases: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


_S3 = (
    Option("key", ("aws_access_key_id", "access_key_id")),
    Option("secret", ("aws_secret_access_key", "secret_access_key")),
    Option("token", ("aws_session_token", "session_token")),
    Option(
        "endpoint_url",
        ("aws_endpoint", "endpoint", "aws_endpoint_url"),
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    ),
    Option(
        "region_name",
        ("aws_region", "region", "aws_default_region"),
        ("AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    Option("anon", ("aws_skip_signature", "skip_signature")),
    Option("requester_pays", ("aws_request_payer", "request_payer")),
)
_R2_VARIABLES = {
    "key": ("R2_ACCESS_KEY_ID",),
    "secret": ("R2_SECRET_ACCESS_KEY",),
    "account_id": ("R2_ACCOUNT_ID", "CLOUDFLARE_ACCOUNT_ID"),
}
_GCS = (
    Option("token", ("google_service_account", "service_account")),
    Option("endpoint_url", ("google_base_url",), ("STORAGE_EMULATOR_HOST",)),
)
_AZURE = (
    Option(
        "account_name",
        ("azure_storage_account_name", "azure_account_name"),
        ("AZURE_STORAGE_ACCOUNT_NAME",),
    ),
    Option(
        "account_key",
        ("azure_storage_account_key", "azure_account_key", "access_key"),
        ("AZURE_STORAGE_ACCOUNT_KEY",),
    ),
    Option("sas_token", ("azure_storage_sas_token", "sas_key", "azure_storage_sas_key")),
    Option("tenant_id", ("azure_storage_tenant_id",), ("AZURE_TENANT_ID",)),
    Option("client_id", ("azure_storage_client_id",), ("AZURE_CLIENT_ID",)),
    Option("client_secret", ("azure_storage_client_secret",), ("AZURE_CLIENT_SECRET",)),
    Option("account_host", ("azure_storage_endpoint", "azure_endpoint")),
    Option("anon", ("azure_skip_signature", "skip_signature")),
)
_TABLES = {
    **dict.fromkeys(("s3", "s3a", "r2"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GCS),
    **dict.fromkeys(("az", "abfs", "abfss"), _AZURE),
}


def fsspec_options(protocol: str, options: Mapping[str, Any]) -> dict[str, Any]:
    r"""Returns the options to make fsspec's file system with.

    Args:
        protocol: as in the uri.
        options: as the user wrote them.

    Raises:
        BackendError: if the protocol is ``"r2"`` and nothing names the account.
    """
    others = dict(options)
    found: dict[str, Any] = {}
    for option in _TABLES.get(protocol, ()):
        for name in (option.name, *option.aliases):
            if (value := others.pop(name, None)) is not None:
                found.setdefault(option.name, value)
    if protocol == "r2":
        _complete_r2(found, others)
    for option in _TABLES.get(protocol, ()):
        if option.name not in found and (value := _from_environment(option.variables)):
            found[option.name] = value
    for name in ("anon", "requester_pays"):
        if name in found:
            found[name] = _is_true(found[name])
    if region := found.pop("region_name", None):
        client = {"region_name": region, **others.get("client_kwargs", {})}
        others["client_kwargs"] = client
    return {**others, **found}


def _complete_r2(found: dict[str, Any], others: dict[str, Any]) -> None:
    for name in ("key", "secret"):
        if name not in found and (value := _from_environment(_R2_VARIABLES[name])):
            found[name] = value
    account = others.pop("account_id", None) or _from_environment(
        _R2_VARIABLES["account_id"]
    )
    found.setdefault("region_name", "auto")
    if "endpoint_url" in found:
        return
    if account:
        found["endpoint_url"] = f"https://{account}.r2.cloudflarestorage.com"
    elif not _from_environment(("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")):
        raise BackendError(
            "r2:// needs to know the account: set R2_ACCOUNT_ID, or pass "
            "storage_options={'account_id': ...} or an 'endpoint_url'."
        )


def _from_environment(variables: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in variables if os.environ.get(name)), "")


def _is_true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes")
