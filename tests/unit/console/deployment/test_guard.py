"""Nothing that matters is destroyed by a deploy that was not told to."""

import pytest

from console.deployment.guard import allowed, check
from console.deployment.steps import Problems

CHANGES = {
    "module.bridge.aws_s3_bucket.records": ["delete", "create"],
    'module.bridge.aws_secretsmanager_secret.secret["media_token"]': ["delete"],
    "module.bridge.aws_lb.relay": ["no-op"],
    "module.bridge.aws_ecs_service.relay": ["update"],
    "module.bridge.aws_ecs_task_definition.relay": ["create", "delete"],
    "module.bridge.aws_cloudwatch_metric_alarm.few_calls": ["delete"],
}


def test_each_protected_thing_has_its_line_with_what_allows_it():
    """name = "staging" and a deploy: 86 resources were gone in 46 s, without a question."""
    with pytest.raises(Problems) as refused:
        check(CHANGES, set())
    bucket, secret = refused.value.lines
    assert bucket.startswith("aws_s3_bucket.records would be replaced by another")
    assert secret.endswith("""ALLOW_DESTROY='aws_secretsmanager_secret.secret["media_token"]'""")


def test_what_is_allowed_by_name_goes_and_nothing_else():
    with pytest.raises(Problems) as refused:
        check(CHANGES, allowed("module.bridge.aws_s3_bucket.records"))
    assert len(refused.value.lines) == 1
    check(CHANGES, allowed('aws_s3_bucket.records, aws_secretsmanager_secret.secret["media_token"]'))


@pytest.mark.parametrize(
    "address",
    [
        "aws_lb.relay",
        "aws_cloudfront_distribution.relay[0]",
        "aws_apigatewayv2_api.functions",
        "aws_eip.nat[0]",
        "aws_s3_bucket_versioning.records",
        "google_storage_bucket.records",
        "google_cloud_run_v2_service.relay",
        'google_cloudfunctions2_function.function["transfer"]',
        'google_compute_global_address.relay["calls.example.in"]',
        'google_secret_manager_secret.secret["media_token"]',
    ],
)
def test_what_is_pasted_kept_or_carries_calls_is_protected(address: str):
    with pytest.raises(Problems, match="would be destroyed"):
        check({f"module.bridge.{address}": ["delete"]}, set())


def test_replaced_versions_and_rights_are_everyday():
    everyday = ["google_secret_manager_secret_version.secret", "aws_secretsmanager_secret_version.secret"]
    everyday += ["google_cloud_run_v2_service_iam_member.relay_public", "aws_lb_listener_rule.no_metrics"]
    check({f"module.bridge.{one}": ["delete", "create"] for one in everyday}, set())
