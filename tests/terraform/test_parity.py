"""The two clouds stay in step: the same thing has the same name, kind and default; each difference has its reason."""

import re

import pytest

from common.setting import settings_of
from functions.transfer.settings import Settings as TransferSettings
from functions.webhook.settings import Settings as WebhookSettings
from relay.agents import VENDORS
from relay.settings import Settings as RelaySettings
from tests.terraform.hcl import INFRA, blocks, text

# Renamed because the thing is called that on the other cloud: AWS → Google Cloud.
RENAMED = {
    "tags": "labels",
    "hosted_zone_id": "dns_zone",
    "kms_key_arn": "kms_key_name",
    "monthly_budget_usd": "monthly_budget",
    "relay_min_tasks": "relay_min_instances",
    "relay_max_tasks": "relay_max_instances",
}
AWS_ONLY = {
    "network": "Cloud Run has no network of ours",
    "nat_gateways": "as network",
    "private_endpoints": "as network",
    "permissions_boundary": "IAM's own notion",
    "vpc_cidr": "Cloud Run has no network of ours",
    "zone_count": "Cloud Run spreads over a region's zones by itself",
    "codebuild": "on Google Cloud Build builds unless told otherwise",
    "architecture": "Cloud Run runs x86_64 only",
    "scale_out_percent": "Cloud Run scales by requests alone",
    "relay_schedule": "Cloud Run has no schedule; raise relay_min_instances before a known peak",
    "access_logs": "Cloud Run logs every request",
    "origin_secret_version": "the header by which the load balancer knows CloudFront; Google's has no such need",
    "webhook_reserved_concurrency": "Lambda's own notion; here function_max_instances",
    "transfer_reserved_concurrency": "Lambda's own notion; here function_max_instances",
    "api_rate_limit": "for each route of the API Gateway; here each function has instances of its own",
}
GCP_ONLY = {
    "project": "AWS takes the account from the credentials",
    "billing_account": "for monthly_budget; on AWS it is the account's own",
    "transfer_min_instances": "keeps a function warm; on AWS the like (provisioned concurrency) is paid by the hour",
    "function_max_instances": "bounds cost and floods, as reserved concurrency and the rate limit do on AWS",
}
DEFAULTS_DIFFER = {
    "region": "each cloud's Mumbai",
    "relay_cpu": "AWS counts 1,024ths; Cloud Run shares nothing less than a whole CPU between requests",
    "relay_min_instances": "AWS keeps one in each of two zones; Cloud Run replaces an instance in another zone",
}
CHECKS_DIFFER = {
    "region": "each cloud's spelling",
    "tags": "renamed",
    "hosted_zone_id": "an id there, a name here",
    "allowed_addresses": "the text says what the load balancer sees without a domain",
    "kms_key_arn": "an ARN there, a name here",
    "monthly_budget_usd": "dollars there; here the billing account's currency, and its id",
    "relay_min_tasks": "renamed, and named in the text",
    "relay_max_tasks": "renamed, and named in the text",
    "relay_cpu": "other sizes",
    "relay_memory": "Fargate has pairs",
    "relay_max_calls": "here bound to the one CPU a process uses",
    "relay_environment": "the text names the cloud's place for secrets",
    "relay_secrets": "ARNs there, ids here",
    "alarm_thresholds": "each cloud's own alarms",
    "log_retention_days": "CloudWatch knows certain numbers of days only",
}
READERS = {
    "relay_environment": RelaySettings,
    "webhook_environment": WebhookSettings,
    "transfer_environment": TransferSettings,
}
OUTPUTS_RENAMED = {"control_token_secret_arn": "control_token_secret_id"}
OUTPUTS_AWS_ONLY = {
    "alarm_topic_arn": "alert policies notify their channel directly",
    "relay_cluster_name": "ECS's",
    "dns_records": "for a domain whose zone is elsewhere; here domain_address is all that takes",
    "relay_target_group_arn": "the load balancer's",
}
OUTPUTS_GCP_ONLY = {
    "domain_address": "for a domain whose zone is not in Cloud DNS; on AWS dns_records",
    "project": "as the variable",
}
ALARMS_RENAMED = {
    "no-healthy-task": "no-healthy-relay",
    "few-healthy-tasks": "few-healthy-instances",
    "api-5xx": "functions-5xx",
}
ALARMS_GCP_ONLY = {
    "requests-turned-away": "Cloud Run's 429 when all instances are full; on AWS the relay says full",
    "deployment-failed": "on AWS an event of ECS's, mailed through the alarms' topic",
}
ALARMS_AWS_ONLY = {
    "webhook-errors": "Lambda's crash count; a crashed function of Google's answers 500, which functions-5xx sees",
    "transfer-errors": "as webhook-errors",
    "webhook-throttled": "Lambda's; a full function of Google's answers 429 or 500",
    "transfer-throttled": "as webhook-throttled",
}


def gcp_name(aws_name: str) -> str:
    return RENAMED.get(aws_name, aws_name)


def test_variables_are_the_same_or_differ_for_a_reason():
    aws = {gcp_name(name) for name in blocks("aws", "variable")} - set(AWS_ONLY)
    assert aws == set(blocks("gcp", "variable")) - set(GCP_ONLY)


def test_every_reason_is_still_needed():
    aws, gcp = blocks("aws", "variable"), blocks("gcp", "variable")
    assert set(AWS_ONLY) | set(RENAMED) <= set(aws)
    assert set(GCP_ONLY) | set(RENAMED.values()) | set(DEFAULTS_DIFFER) <= set(gcp)
    assert set(CHECKS_DIFFER) <= set(aws)


def test_shared_variables_have_one_kind_and_one_default():
    aws, gcp = blocks("aws", "variable"), blocks("gcp", "variable")
    for name in set(aws) - set(AWS_ONLY):
        mine, theirs = gcp[gcp_name(name)], aws[name]
        assert mine.body["type"] == theirs.body["type"], name
        assert mine.body.get("sensitive") == theirs.body.get("sensitive"), name
        if gcp_name(name) not in DEFAULTS_DIFFER:
            assert (mine.required, mine.default) == (theirs.required, theirs.default), name


def test_shared_variables_are_checked_alike():
    """The same wrong value is refused on both clouds, by the same condition in the same words."""
    aws, gcp = blocks("aws", "variable"), blocks("gcp", "variable")
    for name in set(aws) - set(AWS_ONLY) - set(CHECKS_DIFFER):
        conditions = [
            [(check["condition"], check["error_message"]) for check in variable.body.get("validation", [])]
            for variable in (aws[name], gcp[gcp_name(name)])
        ]
        assert conditions[0] == conditions[1], name


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("variable", READERS)
def test_a_map_of_plain_settings_takes_just_those_that_are_no_secret(cloud: str, variable: str):
    """By each setting's declaration. LOOKUP_HEADERS, which holds somebody's bearer token, stood in plain."""
    checks = str(blocks(cloud, "variable")[variable].body["validation"])
    pattern = re.search(r'regex\("(\([A-Z_|]+\))", name\)', checks)
    assert pattern, checks
    declared = settings_of(READERS[variable])
    plain = {name for one in declared if not one.secret for name in one.names} | {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    secret = {name for one in declared if one.secret for name in one.names} | {"OTEL_EXPORTER_OTLP_HEADERS"}
    secret |= {vendor.key_env for vendor in VENDORS.values() if vendor.key_env}
    assert [name for name in sorted(plain) if re.search(pattern[1], name)] == []
    assert [name for name in sorted(secret) if not re.search(pattern[1], name)] == []


def test_outputs_are_the_same_or_differ_for_a_reason():
    aws, gcp = blocks("aws", "output"), blocks("gcp", "output")
    assert {OUTPUTS_RENAMED.get(name, name) for name in aws} - set(OUTPUTS_AWS_ONLY) == set(gcp) - set(OUTPUTS_GCP_ONLY)
    for name in set(aws) - set(OUTPUTS_AWS_ONLY):
        assert gcp[OUTPUTS_RENAMED.get(name, name)].body.get("sensitive") == aws[name].body.get("sensitive"), name


def test_alarms_are_the_same_or_differ_for_a_reason():
    """By their keys, which both write with hyphens at the start of a line."""
    aws = set(re.findall(r"^\s+([a-z]+(?:-[a-z0-9]+)+)\s+= \{", text("aws"), re.M))
    aws |= {"no-healthy-task", "few-healthy-tasks", "sweep-not-run"} | set(
        ALARMS_AWS_ONLY
    )  # those of a loop over the functions
    gcp = set(re.findall(r"^\s+([a-z]+(?:-[a-z0-9]+)+)\s+= \{", text("gcp"), re.M)) | {"no-healthy-relay"}
    assert {ALARMS_RENAMED.get(name, name) for name in aws} - set(ALARMS_AWS_ONLY) == gcp - set(ALARMS_GCP_ONLY)


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_thresholds_can_be_set_for_just_the_alarms_that_have_one(cloud: str):
    """A misspelt name was passed over in silence, and the alarm rang as before."""
    condition = str(blocks(cloud, "variable")["alarm_thresholds"].body["validation"][0]["condition"])
    named = set(re.findall(r'"([a-z0-9-]+)"', condition))
    if cloud == "aws":
        table = set(re.findall(r"^\s+([a-z]+(?:-[a-z0-9]+)+)\s+= \{", text("aws"), re.M)) - {
            "no-calls",
            "webhook-silence",
        }
        assert named == table | set(ALARMS_AWS_ONLY) | {"few-healthy-tasks"}
    else:
        assert named == set(re.findall(r'lookup\(var\.alarm_thresholds, "([a-z0-9-]+)"', text("gcp")))


def test_relay_and_functions_get_the_same_settings():
    """Names of the environment variables in the files; what a cloud alone needs is named here."""
    only_aws = {
        "SECRET_VERSIONS",
        "PORT",
        "PUBLIC_URL",
        "METRICS_NAMESPACE",  # what the scaling goes by; Cloud Run counts requests
    }  # Lambda's cache; Cloud Run sets PORT itself and passes Host on
    only_gcp = {
        "MAX_CALL_SECONDS",  # Cloud Run's limit; on AWS the relay's own default is right
        "THREADS",  # a Lambda has one request at a time
    }
    setting = re.compile(r"^\s+(?:\{ )?\"?([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+|STORE|PORT)\"?\s+= ", re.M)
    inline = re.compile(r"[{,] ([A-Z][A-Z0-9_]+)\s+= ")
    aws, gcp = (set(setting.findall(text(cloud))) | set(inline.findall(text(cloud))) for cloud in ("aws", "gcp"))
    assert aws - only_aws == gcp - only_gcp - {"PUBLIC_URL"}


def test_both_pages_tell_the_same_story_in_the_same_order():
    """A reader who knows one cloud finds the other's answer in the same place; on call there is no time to search."""
    pages = [(INFRA.parents[1] / f"docs/{cloud}.md").read_text() for cloud in ("aws", "gcp")]
    headings = [re.findall(r"^#{2,3} (.+)$", page, re.M) for page in pages]
    assert headings[0] == headings[1]
    for page in pages:
        on_call = page.split("\n## Look at it\n")[1].split("\n## ")[0]
        assert on_call.index("phone number") < on_call.index("CallSid")


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_variables_are_typed_described_and_used(cloud: str):
    files = text(cloud) + (INFRA / cloud / "versions.tf").read_text()
    for name, variable in blocks(cloud, "variable").items():
        assert variable.file in {"variables.tf", "tags.tf"}, name
        assert "type" in variable.body, name
        assert len(variable.body.get("description", "")) > 15, name
        uses = len(re.findall(rf"var\.{name}\b", files))
        inside = str(variable.body).count(f"var.{name}")
        assert uses > inside, f"{name} is never used"


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_outputs_are_described(cloud: str):
    for name, output in blocks(cloud, "output").items():
        assert output.file == "outputs.tf", name
        assert len(output.body.get("description", "")) > 10, name


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_state_is_kept_elsewhere(cloud: str):
    """Partial: where exactly is said at `init`, so nobody's bucket is in the repository."""
    assert re.search(r'backend "(s3|gcs)" \{\}', (INFRA / cloud / "versions.tf").read_text())


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_the_root_only_passes_on(cloud: str):
    """Anybody who calls the module from their own Terraform gets the same thing, and the same words."""
    root = (INFRA / cloud / "main.tf").read_text()
    module = INFRA / "modules" / cloud
    assert (INFRA / cloud / "variables.tf").samefile(module / "variables.tf")
    names = re.findall(r'^variable "(\w+)"', (module / "variables.tf").read_text(), re.M)
    assert re.findall(r"^  (\w+) += var\.(\w+)$", root, re.M) == [(name, name) for name in names]
    outputs = re.findall(r'^output "(\w+)" \{\n  description = (.+)', (module / "outputs.tf").read_text(), re.M)
    passed = r'^output "(\w+)" \{\n  description = (.+)\n  value       = module\.bridge\.(\w+)'
    found = re.findall(passed, (INFRA / cloud / "outputs.tf").read_text(), re.M)
    assert found == [(name, about, name) for name, about in outputs]


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_a_state_from_before_the_module_is_taken_over(cloud: str):
    """Without these Terraform would destroy everything and make it anew, the bucket first."""
    moved = re.findall(
        r"from = ([\w.]+)\n  to   = module\.bridge\.([\w.]+)\n", (INFRA / cloud / "moved.tf").read_text()
    )
    assert moved
    assert all(before == after for before, after in moved)
    assert {"aws": "aws_s3_bucket.records", "gcp": "google_storage_bucket.records"}[cloud] in dict(moved)
