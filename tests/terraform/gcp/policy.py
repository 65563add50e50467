"""What a deployment to Google Cloud must never stop being: rules over the JSON of a Terraform plan.

Each rule yields one sentence a violation. A value that is known only after the apply reads as LATER.
"""

import json
import re
from collections.abc import Callable, Iterator

from tests.terraform.gcp.workspace import ROOT

Rule = Callable[["Plan"], Iterator[str]]
RULES: dict[str, Rule] = {}
LATER = "(known after apply)"
SECRET_NAME = re.compile(r"(SECRET|TOKEN|PASSWORD|API_KEY|BASIC_AUTH)")
EVERYBODY = {"allUsers", "allAuthenticatedUsers"}


class Plan:
    """The planned resources, unknown values filled in as LATER."""

    def __init__(self, document: dict, secrets: dict[str, str]) -> None:
        self.secrets = secrets
        self.outputs = document["planned_values"]["outputs"]
        self.resources = [
            {
                "type": change["type"],
                "address": change["address"].removeprefix("module.bridge."),
                "values": _fill(change["change"]["after"], change["change"]["after_unknown"]),
            }
            for change in document["resource_changes"]
            if change["change"]["after"] is not None
        ]

    def all(self, kind: str) -> dict[str, dict]:
        """Address → values of every resource of a type."""
        return {resource["address"]: resource["values"] for resource in self.resources if resource["type"] == kind}

    def one(self, kind: str, part: str) -> dict:
        """Values of the one resource of a type whose address has `part` in it."""
        (values,) = [values for address, values in self.all(kind).items() if part in address]
        return values

    @property
    def relay(self) -> dict:
        return self.one("google_cloud_run_v2_service", ".relay")

    @property
    def relay_container(self) -> dict:
        return self.relay["template"][0]["containers"][0]

    def relay_environment(self) -> dict[str, str]:
        """Plain variables of the relay; those that come from a secret are not in it."""
        return {env["name"]: env["value"] for env in self.relay_container["env"] if not env.get("value_source")}


def _fill(known: object, unknown: object) -> object:
    """`known` with LATER where `unknown` says true."""
    if unknown is True:
        return LATER
    if isinstance(unknown, dict) and isinstance(known, dict | None):
        known = known or {}
        return {key: _fill(known.get(key), unknown.get(key, False)) for key in {*known, *unknown}}
    if isinstance(unknown, list) and isinstance(known, list):
        return [_fill(item, unknown[index] if index < len(unknown) else False) for index, item in enumerate(known)]
    return known


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def violations(plan: Plan) -> dict[str, list[str]]:
    """Rule → what it found, for the rules that found something."""
    return {name: found for name, check in RULES.items() if (found := list(check(plan)))}


@rule
def a_call_may_last_an_hour(plan: Plan) -> Iterator[str]:
    if plan.relay["template"][0]["timeout"] != "3600s":
        yield f"request timeout is {plan.relay['template'][0]['timeout']}: every call is cut there"
    for address, backend in plan.all("google_compute_backend_service").items():
        if backend["timeout_sec"] is not None:
            yield f"{address}: a serverless backend takes no timeout_sec"


@rule
def the_relay_speaks_before_cloud_run_acts(plan: Plan) -> Iterator[str]:
    environment = plan.relay_environment()
    timeout = int(plan.relay["template"][0]["timeout"].rstrip("s"))
    if not int(environment.get("MAX_CALL_SECONDS", 10**6)) <= timeout - 30:
        yield "the relay does not hand over half a minute before Cloud Run cuts the call"
    if not int(environment.get("DRAIN_SECONDS", 110)) <= 3:
        yield "the relay waits too long after SIGTERM: events need most of the ten seconds before SIGKILL"


@rule
def one_number_of_calls(plan: Plan) -> Iterator[str]:
    concurrency = plan.relay["template"][0]["max_instance_request_concurrency"]
    if plan.relay_environment().get("MAX_CALLS") != str(concurrency):
        yield f"concurrency {concurrency} and MAX_CALLS {plan.relay_environment().get('MAX_CALLS')} differ"


@rule
def the_relay_is_on_and_has_its_cpu(plan: Plan) -> Iterator[str]:
    if not plan.relay["scaling"] or not plan.relay["scaling"][0]["min_instance_count"]:
        yield "no instance is kept running: the first caller waits for a container"
    if plan.relay_container["resources"][0]["cpu_idle"] is not False:
        yield "CPU is taken away between requests: the pacer's clock stops"
    if plan.relay_container["ports"][0]["name"] != "http1":
        yield "HTTP/2 end to end breaks the WebSocket upgrade"


@rule
def probes_are_there_and_patient(plan: Plan) -> Iterator[str]:
    startup, liveness = (plan.relay_container[probe] for probe in ("startup_probe", "liveness_probe"))
    if not startup or startup[0]["http_get"][0]["path"] != "/ready":
        yield "nothing keeps calls away from an instance that is not ready"
    if not liveness or liveness[0]["http_get"][0]["path"] != "/health":
        yield "a dead instance is never replaced (or a draining one is: /ready fails while it drains)"
    elif liveness[0]["period_seconds"] * liveness[0]["failure_threshold"] < 60:
        yield "a hiccup of less than a minute restarts the instance and cuts its calls"


@rule
def secrets_by_reference(plan: Plan) -> Iterator[str]:
    for name in plan.relay_environment():
        if SECRET_NAME.search(name):
            yield f"the relay has {name} in plain"
    for address, function in plan.all("google_cloudfunctions2_function").items():
        for name in function["service_config"][0]["environment_variables"] or {}:
            if SECRET_NAME.search(name):
                yield f"{address} has {name} in plain"
    for resource in plan.resources:
        visible = {key: value for key, value in resource["values"].items() if key != "secret_data_wo"}
        for name, value in plan.secrets.items():
            if value in json.dumps(visible):
                yield f"{resource['address']} shows the value of {name}"
    for name, output in plan.outputs.items():
        if not output["sensitive"] and any(value in json.dumps(output.get("value")) for value in plan.secrets.values()):
            yield f"output {name} shows a secret on the terminal"


@rule
def revisions_name_the_secrets_version(plan: Plan) -> Iterator[str]:
    for env in plan.relay_container["env"]:
        if env.get("value_source") and env["value_source"][0]["secret_key_ref"][0]["version"] == "latest":
            yield f"the relay's {env['name']} may change under a running revision"
    for address, function in plan.all("google_cloudfunctions2_function").items():
        for secret in function["service_config"][0]["secret_environment_variables"]:
            if secret["version"] == "latest":
                yield f"{address}: {secret['key']} may change under a running revision"


@rule
def public_only_where_meant(plan: Plan) -> Iterator[str]:
    meant = {"google_cloud_run_v2_service_iam_member.relay_public"} | {
        f'google_cloud_run_v2_service_iam_member.function_public["{name}"]' for name in ("webhook", "transfer")
    }
    for resource in plan.resources:
        if resource["values"].get("member") in EVERYBODY and (
            resource["address"] not in meant or resource["values"]["role"] != "roles/run.invoker"
        ):
            yield f"{resource['address']} is open to everybody"


@rule
def the_sweep_is_not_on_the_internet(plan: Plan) -> Iterator[str]:
    if (
        plan.one("google_cloudfunctions2_function", '"sweep"')["service_config"][0]["ingress_settings"]
        != "ALLOW_INTERNAL_ONLY"
    ):
        yield "the sweep can be reached from the internet"
    if not plan.one("google_cloud_scheduler_job", ".sweep")["http_target"][0]["oidc_token"]:
        yield "the schedule does not say who it is"


@rule
def buckets_are_private(plan: Plan) -> Iterator[str]:
    for address, bucket in plan.all("google_storage_bucket").items():
        if bucket["uniform_bucket_level_access"] is not True:
            yield f"{address}: single objects can be given away (no uniform access)"
        if bucket["public_access_prevention"] != "enforced":
            yield f"{address}: could be made public"


@rule
def records_are_kept_and_then_deleted(plan: Plan) -> Iterator[str]:
    records = plan.one("google_storage_bucket", ".records")
    if not records["versioning"] or records["versioning"][0]["enabled"] is not True:
        yield "an overwritten record is gone"
    if not records["soft_delete_policy"] or records["soft_delete_policy"][0]["retention_duration_seconds"] < 7 * 86400:
        yield "a deleted record is gone at once"
    if records["force_destroy"]:
        yield "destroy deletes the records without being told so"
    ages = [item["condition"][0]["age"] for item in records["lifecycle_rule"] if item["action"][0]["type"] == "Delete"]
    if not any(ages):
        yield "records are never deleted: retention is not kept"


@rule
def everybody_has_an_identity(plan: Plan) -> Iterator[str]:
    if not plan.relay["template"][0]["service_account"]:
        yield "the relay runs as the project's default account, which may do almost everything"
    for address, function in plan.all("google_cloudfunctions2_function").items():
        if (
            not function["service_config"][0]["service_account_email"]
            or not function["build_config"][0]["service_account"]
        ):
            yield f"{address} runs or is built as the project's default account"


def _contract() -> dict[str, dict[str, set[str]]]:
    """Part → role → prefixes, from the table under "Bucket" in docs/contracts.md."""
    table = (ROOT / "docs/contracts.md").read_text().split("## Bucket")[1].split("\n\n")[1]
    reach: dict[str, dict[str, set[str]]] = {"webhook": {}, "transfer": {}}
    for row in table.splitlines()[2:]:
        key, _, webhook, transfer = (cell.strip() for cell in row.strip("|").split("|"))
        prefix = key.strip("`").split("/")[0] + "/"
        for part, access in (("webhook", webhook), ("transfer", transfer)):
            if access:
                role = "roles/storage.objectViewer" if access == "read" else "roles/storage.objectUser"
                reach[part].setdefault(role, set()).add(prefix)
    for roles in reach.values():  # one key of a prefix is read, another written: the wider role is enough
        roles.get("roles/storage.objectViewer", set()).difference_update(roles["roles/storage.objectUser"])
    return reach | {"sweep": reach["webhook"]}


@rule
def records_by_prefix_only(plan: Plan) -> Iterator[str]:
    reach: dict[str, dict[str, set[str]]] = {}
    for address, grant in plan.all("google_storage_bucket_iam_member").items():
        if grant["role"] == "roles/storage.legacyBucketReader":
            continue
        expressions = " ".join(condition["expression"] for condition in grant["condition"] or [])
        found = set(re.findall(r'startsWith\("projects/_/buckets/[^/"]+/objects/([^"]*)"\)', expressions))
        reach.setdefault(address.split('"')[1].split("/")[0], {})[grant["role"]] = found or {"everything"}
    for part, roles in _contract().items():
        expected = {role: prefixes for role, prefixes in roles.items() if prefixes}
        if reach.get(part) != expected:
            yield f"{part} reaches {reach.get(part)}, and docs/contracts.md says {expected}"


@rule
def no_broad_roles(plan: Plan) -> Iterator[str]:
    for address, grant in plan.all("google_project_iam_member").items():
        if grant["role"] == "roles/logging.logWriter":
            continue
        if grant["role"] != "roles/storage.objectViewer" or not grant["condition"]:
            yield f"{address} gives {grant['role']} on the whole project"
    for resource in plan.resources:
        role = resource["values"].get("role", "")
        if isinstance(role, str) and re.search(r"roles/(owner|editor|viewer)$|[aA]dmin$", role):
            yield f"{resource['address']} gives {role}"


@rule
def other_things_in_the_project_are_left_alone(plan: Plan) -> Iterator[str]:
    for address, service in plan.all("google_project_service").items():
        if service["disable_on_destroy"] is not False:
            yield f"{address} is switched off for everybody by destroy"


@rule
def the_functions_are_given_time(plan: Plan) -> Iterator[str]:
    transfer = plan.one("google_cloudfunctions2_function", '"transfer"')["service_config"][0]
    if transfer["timeout_seconds"] < 10:
        yield "the transfer function is cut while it waits for a decision (TRANSFER_WAIT_SECONDS is 10)"
    if not transfer["min_instance_count"]:
        yield "Exotel's seconds for the Connect answer are spent on a cold start"
    for address, function in plan.all("google_cloudfunctions2_function").items():
        if not function["service_config"][0]["max_instance_count"]:
            yield f"{address}: nothing bounds what a flood costs"


@rule
def a_thread_for_every_request(plan: Plan) -> Iterator[str]:
    for address, function in plan.all("google_cloudfunctions2_function").items():
        config = function["service_config"][0]
        threads, requests = config["environment_variables"].get("THREADS"), config["max_instance_request_concurrency"]
        if threads != str(requests):
            yield f"{address}: {requests} requests an instance and {threads or 4} threads: some wait for the others"


@rule
def request_logs_are_not_kept(plan: Plan) -> Iterator[str]:
    """They hold whole URLs: the media token, Exotel's token, callers' numbers."""
    filters = [one["filter"] for one in plan.all("google_logging_project_exclusion").values() if not one["disabled"]]
    services = [plan.relay["name"], *(one["name"] for one in plan.all("google_cloudfunctions2_function").values())]
    for service in services:
        if not any(
            one.startswith('log_id("run.googleapis.com/requests")') and f'"{service}"' in one for one in filters
        ):
            yield f"{service}: request logs hold tokens"
    for address, sink in plan.all("google_logging_project_sink").items():
        if 'NOT log_id("run.googleapis.com/requests")' not in sink["filter"]:
            yield f"{address}: request logs are kept, and hold tokens"
    for address, backend in plan.all("google_compute_backend_service").items():
        if backend["log_config"]:
            yield f"{address}: the load balancer logs the path of every call"
