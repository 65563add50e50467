"""Fixtures: S3 (moto) and Cloud Storage (emulator), started once and shared, and an empty bucket for each test; and an
S3 whose answers a test writes itself."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from botocore.stub import Stubber
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from functions.common.store import open_store
from functions.common.store.s3 import S3Store
from tests.support.lambda_runtime import interpreter
from tests.support.processes import ROOT, aws_environment, gcs_emulator, moto_server


@pytest.fixture(scope="session")
def moto():
    with moto_server() as served:
        yield served


@pytest.fixture(scope="session")
def gcs():
    with gcs_emulator() as served:
        yield served


@pytest.fixture
def s3_client(moto, monkeypatch):
    for name, value in aws_environment(moto.url).items():
        monkeypatch.setenv(name, value)
    return boto3.client("s3")


@pytest.fixture
def s3_bucket(s3_client):
    bucket = f"records-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return bucket


@contextmanager
def stubbed_s3(prefix: str = "") -> Iterator[tuple[S3Store, Stubber]]:
    """A store without a server, and what answers its requests: one that the stub was not told of fails."""
    client = boto3.client("s3", region_name="ap-south-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield S3Store("records", prefix, client=client), stub


@pytest.fixture
def gcs_client(gcs, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    return storage.Client(project="test", credentials=AnonymousCredentials())


@pytest.fixture
def gcs_bucket(gcs_client):
    bucket = f"records-{uuid.uuid4().hex[:12]}"
    gcs_client.create_bucket(bucket)
    return bucket


def _folder(request, tmp_path):
    return f"file:{tmp_path / 'data'}", {}


def _s3(request, tmp_path):
    url = f"s3://{request.getfixturevalue('s3_bucket')}/some/prefix"
    return url, aws_environment(request.getfixturevalue("moto").url)


def _gcs(request, tmp_path):
    url = f"gs://{request.getfixturevalue('gcs_bucket')}/some/prefix"
    emulator = request.getfixturevalue("gcs").url
    return url, {"STORAGE_EMULATOR_HOST": emulator, "GOOGLE_CLOUD_PROJECT": "test"}


STORES = {"folder": _folder, "s3": _s3, "gcs": _gcs}
"""The one list of stores for tests: each makes an empty one."""


@pytest.fixture(params=STORES)
def place(request, tmp_path, monkeypatch):
    """(URL of an empty store of each kind, what a process needs in its environment to reach it)"""
    url, environment = STORES[request.param](request, tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return url, environment


@pytest.fixture
def store(place):
    """Each kind, empty, opened as everybody opens it."""
    return open_store(place[0])


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The archives of `make package`, the Lambda ones for the Python that can be run here."""
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "scripts/package_functions.py", "--output", str(folder), "--platform", "x86_64"]
    subprocess.run([*command, "--python-version", interpreter()[1]], cwd=ROOT, check=True, capture_output=True)
    return folder
