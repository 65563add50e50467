"""Which of AWS's actions a deployment uses: written down by the moto server as Terraform and the deploy command ask.

An action is named as IAM names it, by the request alone: the service that it is signed for, and the operation that its
header, its form, or its path and query stand for in botocore's models.
"""

import functools
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.session

DEPLOYER = "exec-env/deployer"
"""In the user agent of the deploy command, by AWS_EXECUTION_ENV=deployer."""
_PREFIX = {"monitoring": "cloudwatch"}
_MODELS = {"lambda": "lambda", "s3": "s3", "cloudfront": "cloudfront", "route53": "route53", "scheduler": "scheduler"}
# Told from the plain operation by a header or a parameter alone; nothing here uses them.
_PARTS = {"AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "ListParts", "UploadPart", "UploadPartCopy"}
# Where IAM's name is not the operation's.
_RENAMED = {
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}


class Notes:
    """Notes what deployers ask for, each action once, in a file that is read when all is over."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: set[str] = set()

    def take(self, environ: dict[str, Any]) -> None:
        """Of a WSGI request, before it is answered."""
        agent = environ.get("HTTP_USER_AGENT", "")
        if "Terraform/" not in agent and DEPLOYER not in agent:
            return
        action = action_of(environ)
        if action and action not in self._seen:
            self._seen.add(action)
            with self._file.open("a") as lines:
                lines.write(f"{action}\n")


def action_of(environ: dict[str, Any]) -> str:
    """`service:Action`; "" for a request that is not signed."""
    signed = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    if not signed:
        return ""
    service = _PREFIX.get(signed[1], signed[1])
    if service == "apigateway":
        return f"apigateway:{environ['REQUEST_METHOD']}"
    action = f"{service}:{_operation(signed[1], environ)}"
    return _RENAMED.get(action, action)


def _operation(service: str, environ: dict[str, Any]) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return str(target).rpartition(".")[2]
    if by_path := re.fullmatch(r"/service/\w+/operation/(\w+)", environ["PATH_INFO"]):
        return by_path[1]
    if service in _MODELS:
        return _by_path(service, environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    named = parse_qs(body.decode(errors="replace")) | parse_qs(environ.get("QUERY_STRING", ""))
    return named.get("Action", ["unknown"])[0]


def _by_path(service: str, method: str, path: str, query: str) -> str:
    given = set(parse_qs(query, keep_blank_values=True))
    fitting = [
        (len(wanted), len(pattern.pattern), name)
        for name, verb, pattern, wanted in _routes(service)
        if verb == method and wanted <= given and pattern.fullmatch(unquote(path).rstrip("/") or "/")
    ]
    return max(fitting)[2] if fitting else "unknown"


@functools.cache
def _routes(service: str) -> list[tuple[str, str, re.Pattern[str], set[str]]]:
    return list(_modelled(service))


def _modelled(service: str) -> Iterator[tuple[str, str, re.Pattern[str], set[str]]]:
    model = botocore.session.get_session().get_service_model(_MODELS[service])
    for name in set(model.operation_names) - _PARTS:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(path.rstrip("/") or "/")))
        if service == "s3" and "/{Bucket}" not in http["requestUri"] and path != "/":
            pattern = "/[^/]+" + (pattern if pattern != "/" else "")
        wanted = {part.partition("=")[0] for part in query.split("&") if part}
        yield name, http["method"], re.compile(pattern), wanted
