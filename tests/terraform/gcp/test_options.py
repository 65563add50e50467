"""What can be chosen, by the example files: each plan holds what its file asks for, and each is applied to the stand-in
and taken down again.

The stand-in makes whatever its schema allows. That a key, a budget or a rule of Cloud Armor does what Google says, and
that Google's own checks let it pass, only a live project can show (docs/gcp.md).
"""

import json

import pytest

from console.deployment import gcp
from tests.terraform.gcp.policy import Plan
from tests.terraform.gcp.workspace import FILES, SECRETS, VARIABLES, Workspace

EXAMPLES = FILES / "gcp/examples"
TOGETHER = (("own-key", "budget", "domain-elsewhere"), ("allowed-addresses",))

pytestmark = pytest.mark.chaos  # a plan for each example: minutes


@pytest.fixture(scope="module")
def plans(initialised: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """Each file's plan; "" for that of nothing chosen."""
    workspace = Workspace.copy_of(initialised.files, tmp_path_factory.mktemp("options"), initialised.standin)
    (workspace.directory / "test.tfvars.json").write_text(json.dumps(VARIABLES))
    found: dict[str, Plan] = {}
    for files in ((), *TOGETHER):
        chosen = [f"-var-file={EXAMPLES / name}.tfvars" for name in files]
        workspace.terraform("plan", "-input=false", "-out=plan.bin", "-var-file=test.tfvars.json", *chosen)
        plan = Plan(json.loads(workspace.terraform("show", "-json", "plan.bin").stdout), SECRETS)
        found |= dict.fromkeys(files or ("",), plan)
    return found


def test_your_own_terraform_can_call_the_module(workspace: Workspace):
    """The same secrets, ephemeral, and a name of its own."""
    given = {"secrets": SECRETS, "packages": "../../../modules/gcp/tests/packages"}
    own = "gcp/examples/own-root"
    (workspace.files / own / "own.auto.tfvars.json").write_text(json.dumps(given))
    workspace.terraform("init", "-input=false", within=own)
    workspace.terraform("plan", "-input=false", "-out=plan.bin", within=own)
    planned = json.loads(workspace.terraform("show", "-json", "plan.bin", within=own).stdout)
    (module,) = planned["planned_values"]["root_module"]["child_modules"]
    names = {one["values"].get("name") for one in module["resources"] if one["type"] == "google_cloud_run_v2_service"}
    assert names == {"clinic-relay"}
    assert not any(secret in json.dumps(planned) for secret in SECRETS.values())


def test_every_example_is_planned(plans: dict[str, Plan]):
    assert {file.stem for file in EXAMPLES.glob("*.tfvars")} == set(plans) - {""}


@pytest.mark.parametrize("files", TOGETHER, ids=", ".join)
def test_the_examples_are_applied_and_leave_nothing(applying: Workspace, files: tuple[str, ...]):
    """Each as somebody adds it to an installation that is there, and as a first apply never shows it."""
    chosen = ["-input=false", "-var-file=test.tfvars.json", *(f"-var-file={EXAMPLES / name}.tfvars" for name in files)]
    applying.apply()
    plain = {one["address"] for one in applying.resources()}
    applying.terraform("apply", "-auto-approve", *chosen)
    assert {one["address"] for one in applying.resources()} != plain
    applying.terraform("plan", "-detailed-exitcode", *chosen)  # 2 where anything would change
    with gcp.bucket_may_go(applying.directory, True):
        applying.terraform("destroy", "-auto-approve", *chosen)
    assert applying.resources() == []


def test_by_default_nothing_of_it_is_there(plans: dict[str, Plan]):
    for kind in ("google_compute_security_policy", "google_billing_budget", "google_compute_global_address"):
        assert plans[""].all(kind) == {}
    assert plans[""].one("google_storage_bucket", ".records")["encryption"] == []
    assert plans[""].relay["ingress"] == "INGRESS_TRAFFIC_ALL"


def test_your_own_key_is_used_wherever_people_are_named(plans: dict[str, Plan]):
    plan, key = plans["own-key"], "projects/acme-voice/locations/asia-south1/keyRings/voice/cryptoKeys/records"
    assert plan.one("google_storage_bucket", ".records")["encryption"] == [{"default_kms_key_name": key}]
    for secret in plan.all("google_secret_manager_secret").values():
        (replica,) = secret["replication"][0]["user_managed"][0]["replicas"]
        assert replica["customer_managed_encryption"] == [{"kms_key_name": key}]
    assert plan.one("google_logging_project_bucket_config", ".logs")["cmek_settings"][0]["kms_key_name"] == key


def test_a_budget_is_the_projects_own(plans: dict[str, Plan]):
    (budget,) = plans["budget"].all("google_billing_budget").values()
    assert budget["budget_filter"][0]["projects"] == ["projects/fake-number"]
    assert budget["amount"][0]["specified_amount"][0]["units"] == "15000"
    assert [one["threshold_percent"] for one in budget["threshold_rules"]] == [0.8, 1]


def test_a_domain_elsewhere_has_an_address_and_no_way_round_the_balancer(plans: dict[str, Plan]):
    plan = plans["domain-elsewhere"]
    assert plan.all("google_dns_record_set") == {}
    assert len(plan.all("google_compute_global_address")) == 1
    assert plan.relay["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    (policy,) = plan.all("google_compute_ssl_policy").values()
    assert policy["min_tls_version"] == "TLS_1_2"


def test_only_allowed_addresses_get_in_and_not_without_end(plans: dict[str, Plan]):
    plan = plans["allowed-addresses"]
    (policy,) = plan.all("google_compute_security_policy").values()
    allowed, others = sorted(policy["rule"], key=lambda rule: rule["priority"])
    assert sorted(allowed["match"][0]["config"][0]["src_ip_ranges"]) == ["198.51.100.7/32", "203.0.113.0/24"]
    (limit,) = allowed["rate_limit_options"]
    assert (allowed["action"], limit["enforce_on_key"], limit["exceed_action"]) == ("throttle", "IP", "deny(429)")
    assert limit["rate_limit_threshold"] == [{"count": 3000, "interval_sec": 300}]
    assert (others["action"], others["priority"]) == ("deny(403)", 2147483647)
    # Google's own checkers are not among them, and would ring for ever
    assert plan.all("google_monitoring_uptime_check_config") == {}
