"""The rules of policy.py hold for the files, and each is broken by the change it guards against, and by that alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.terraform.gcp.policy import RULES, Plan, violations
from tests.terraform.gcp.workspace import SECRETS, Workspace

WITH_EVERYTHING = SECRETS | {"elevenlabs_webhook_secret": "wsec_of_tests"}


def test_full_deployment_keeps_every_rule(plan: dict):
    assert violations(Plan(plan, WITH_EVERYTHING)) == {}


def test_least_deployment_keeps_every_rule(workspace: Workspace):
    assert violations(Plan(workspace.plan(), SECRETS)) == {}


# What somebody might loosen: file, from, to, and the rule that must object.
LOOSENED = {
    "default timeout": (
        "relay.tf",
        "relay_timeout_seconds = 3600",
        "relay_timeout_seconds = 300",
        "a_call_may_last_an_hour",
    ),
    "backend timeout": (
        "domain.tf",
        '  protocol              = "HTTPS"',
        '  protocol = "HTTPS"\n  timeout_sec = 30',
        "a_call_may_last_an_hour",
    ),
    "hand-over too late": (
        "relay.tf",
        "local.relay_timeout_seconds - 60",
        "local.relay_timeout_seconds + 60",
        "the_relay_speaks_before_cloud_run_acts",
    ),
    "drain too long": (
        "relay.tf",
        'DRAIN_SECONDS = "0"',
        'DRAIN_SECONDS = "110"',
        "the_relay_speaks_before_cloud_run_acts",
    ),
    "concurrency apart": (
        "relay.tf",
        "max_instance_request_concurrency = local.relay_max_calls",
        "max_instance_request_concurrency = 80",
        "one_number_of_calls",
    ),
    "no instance kept": (
        "relay.tf",
        "min_instance_count = var.relay_min_instances",
        "min_instance_count = 0",
        "the_relay_is_on_and_has_its_cpu",
    ),
    "cpu while serving only": (
        "relay.tf",
        "cpu_idle          = false",
        "cpu_idle = true",
        "the_relay_is_on_and_has_its_cpu",
    ),
    "nervous liveness": ("relay.tf", "failure_threshold = 4", "failure_threshold = 1", "probes_are_there_and_patient"),
    "plain secret": (
        "relay.tf",
        "    STATS_SECONDS     = ",
        '    MEDIA_TOKEN = "in plain"\n    STATS_SECONDS = ',
        "secrets_by_reference",
    ),
    "secret in the state": (
        "secrets.tf",
        "  secret_data_wo         = local.secret_values[each.key]\n",
        '  secret_data = "events_secret_of_tests_0005"\n',
        "secrets_by_reference",
    ),
    "latest secret": (
        "relay.tf",
        "google_secret_manager_secret_version.secret[env.value].version",
        '"latest"',
        "revisions_name_the_secrets_version",
    ),
    "public sweep": (
        "functions.tf",
        'member   = google_service_account.part["scheduler"].member',
        'member   = "allUsers"',
        "public_only_where_meant",
    ),
    "sweep on the internet": (
        "functions.tf",
        '"ALLOW_INTERNAL_ONLY"',
        '"ALLOW_ALL"',
        "the_sweep_is_not_on_the_internet",
    ),
    "nameless schedule": (
        "functions.tf",
        """    oidc_token {
      service_account_email = google_service_account.part["scheduler"].email
      audience              = google_cloudfunctions2_function.function["sweep"].service_config[0].uri
    }
""",
        "",
        "the_sweep_is_not_on_the_internet",
    ),
    "object access lists": (
        "main.tf",
        "uniform_bucket_level_access = true",
        "uniform_bucket_level_access = false",
        "buckets_are_private",
    ),
    "no versions": ("main.tf", "enabled = true", "enabled = false", "records_are_kept_and_then_deleted"),
    "forced destroy": (
        "main.tf",
        "force_destroy               = var.delete_records",
        "force_destroy = true",
        "records_are_kept_and_then_deleted",
    ),
    "records for ever": (
        "main.tf",
        "age        = var.records_retention_days",
        "num_newer_versions = 3",
        "records_are_kept_and_then_deleted",
    ),
    "default account": (
        "relay.tf",
        '    service_account                  = google_service_account.part["relay"].email\n',
        "",
        "everybody_has_an_identity",
    ),
    "wider prefix": (
        "functions.tf",
        '["callers/"]',
        '["callers/", "inbox/"]',
        "records_by_prefix_only",
    ),
    "bucket owner": (
        "functions.tf",
        '"roles/storage.objectUser"',
        '"roles/storage.legacyObjectOwner"',
        "records_by_prefix_only",
    ),
    "project role": ("main.tf", '"roles/logging.logWriter"', '"roles/editor"', "no_broad_roles"),
    "apis off for all": (
        "main.tf",
        "disable_on_destroy = false",
        "disable_on_destroy = true",
        "other_things_in_the_project_are_left_alone",
    ),
    "threads apart": (
        "functions.tf",
        "tostring(each.value.concurrency)",
        '"4"',
        "a_thread_for_every_request",
    ),
    "request logs": (
        "logs.tf",
        'log_id(\\"run.googleapis.com/requests\\")',
        'log_id(\\"run.googleapis.com/stdout\\")',
        "request_logs_are_not_kept",
    ),
    "one service's request logs": (
        "logs.tf",
        "for service in local.services :",
        "for service in slice(local.services, 1, 4) :",
        "request_logs_are_not_kept",
    ),
    "request logs in our bucket": (
        "logs.tf",
        'filter                 = "${local.our_logs} AND NOT log_id(\\"run.googleapis.com/requests\\")"',
        'filter = "${local.our_logs}"',
        "request_logs_are_not_kept",
    ),
    "balancer's logs": (
        "domain.tf",
        '  protocol              = "HTTPS"',
        '  protocol = "HTTPS"\n  log_config {\n    enable = true\n  }',
        "request_logs_are_not_kept",
    ),
    "short transfer": ("functions.tf", "timeout       = 15", "timeout = 5", "the_functions_are_given_time"),
}


@pytest.fixture(scope="module")
def found(initialised: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Change → the rules that object to it. Planned side by side: Terraform leaves a core idle."""

    def broken(change: str) -> list[str]:
        file, right, wrong, _ = LOOSENED[change]
        workspace = Workspace.copy_of(initialised.files, folder / change, initialised.standin)
        workspace.replace(file, right, wrong)
        return list(violations(Plan(workspace.plan(domain_name="calls.example.in"), SECRETS)))

    folder = tmp_path_factory.mktemp("loosened")
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(LOOSENED, pool.map(broken, LOOSENED), strict=True))


@pytest.mark.parametrize("change", LOOSENED)
def test_loosening_is_noticed(found: dict[str, list[str]], change: str):
    *_, expected = LOOSENED[change]
    assert found[change] == [expected]


def test_every_rule_was_shown_to_fail():
    assert {rule for *_, rule in LOOSENED.values()} == set(RULES)
