from tests.support.cloud_stores import (  # noqa: F401  # fixtures
    gcs,
    gcs_bucket,
    gcs_client,
    moto,
    packages,
    place,
    s3_bucket,
    s3_client,
    store,
)
