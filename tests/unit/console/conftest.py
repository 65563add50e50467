import pytest

from console.calls.index import Index
from console.calls.refresh import Refresh
from console.calls.source import open_source
from tests.support.cloud_stores import (  # noqa: F401  # fixtures
    gcs,
    gcs_bucket,
    gcs_client,
    moto,
    place,
    s3_bucket,
    s3_client,
)
from tests.support.many_calls import write_records


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """(source, index) of 600 calls in thirty days, the same ones each time."""
    folder = tmp_path_factory.mktemp("store")
    write_records(folder, 600)
    source = open_source(f"file:{folder}")
    index = Index(source.name, tmp_path_factory.mktemp("index"))
    assert Refresh(source, index).run() == 600
    return source, index
