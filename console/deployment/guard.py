"""Protects things that can't be restored, or whose addresses somebody has pasted, from being destroyed or replaced."""

from collections.abc import Collection, Mapping, Sequence

from console.deployment.steps import Problems

PROTECTED = (
    # records and their settings
    "aws_s3_bucket",
    "google_storage_bucket.records",
    # addresses in Exotel's and ElevenLabs' settings
    "aws_lb.",
    "aws_cloudfront_distribution",
    "aws_route53_record.relay",
    "aws_apigatewayv2_api",
    "aws_eip",  # of NAT gateways: others let them in
    "google_compute_global_address",
    "google_compute_global_forwarding_rule",
    "google_cloudfunctions2_function",
    # tokens in those addresses
    "aws_secretsmanager_secret.secret",
    "google_secret_manager_secret.secret",
    # things that carry calls
    "aws_ecs_cluster",
    "aws_ecs_service",
    "aws_lb_target_group",
    "google_cloud_run_v2_service.",
)
"""Beginnings of addresses, without `module.bridge.`."""
BUCKETS = ("aws_s3_bucket", "google_storage_bucket.records")


def address(full: str) -> str:
    """Without the module that contains everything."""
    return full.removeprefix("module.bridge.")


def allowed(setting: str) -> set[str]:
    """The addresses in ALLOW_DESTROY, separated by commas."""
    return {address(one.strip()) for one in setting.split(",") if one.strip()}


def check(changes: Mapping[str, Sequence[str]], may: Collection[str]) -> None:
    """Raises Problems, a line for each protected thing that would be destroyed and is not in `may`."""
    lines = []
    for full, actions in changes.items():
        one = address(full)
        if "delete" in actions and one.startswith(PROTECTED) and one not in may:
            what = "replaced by another" if "create" in actions else "destroyed"
            lines.append(f"{one} would be {what}. If that is intended: ALLOW_DESTROY='{one}'")
    if lines:
        raise Problems(lines)
