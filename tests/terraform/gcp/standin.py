"""The Google provider's stand-in, with what the real one does about write-only arguments: `standin.py FILE SOCKET`.

FILE is the stand-in itself. Terraform gives a write-only argument to the provider and keeps it nowhere; here its value
goes to the folder GCP_SECRETS, one file a secret, as Secret Manager would keep it. So a test can look for secrets in
state and plans, and find none.

In the project SHARED there is one of each name, as at Google: a second is refused, what is destroyed is gone for every
state that knows it.
"""

import importlib.util
import json
import os
import sys
from concurrent import futures
from pathlib import Path

import grpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

WRITE_ONLY = {("google_secret_manager_secret_version", "secret_data_wo")}
# Field 11 of Schema.Attribute since protocol 6.8, which the generated code is older than: kept as an unknown field.
_WRITE_ONLY_IS_TRUE = bytes([11 << 3, 1])

SHARED = "acme-shared"
# What tells two things of a kind apart in a project. An API is switched on once, however often it is asked for.
IDENTITY = (
    *("account_id", "bucket", "bucket_id", "cloud_function", "dashboard_json", "display_name", "location", "member"),
    "name",
    *("region", "repository", "repository_id", "role", "secret", "secret_data_wo_version", "secret_id", "service"),
)
IDEMPOTENT = {"google_project_service"}

_spec = importlib.util.spec_from_file_location("google_provider_standin", sys.argv[1])
assert _spec is not None
assert _spec.loader is not None
standin = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(standin)


class Provider(standin.P):
    """The stand-in's answers, without what must not come back; and what there is in the project SHARED."""

    def __init__(self):
        self.project = ""
        self.there = set()

    def ConfigureProvider(self, request, context):  # noqa: N802
        self.project = standin.dec(request.config).get("project") or ""
        return super().ConfigureProvider(request, context)

    def ReadResource(self, request, context):  # noqa: N802
        if self.project == SHARED and _identity(request.type_name, request.current_state) not in self.there:
            return pb.ReadResource.Response(new_state=standin.enc(None))
        return super().ReadResource(request, context)

    def GetProviderSchema(self, request, context):  # noqa: N802
        answer = super().GetProviderSchema(request, context)
        for kind, name in WRITE_ONLY & {(kind, name) for kind in answer.resource_schemas for _, name in WRITE_ONLY}:
            for attribute in answer.resource_schemas[kind].block.attributes:
                if attribute.name == name:
                    attribute.MergeFromString(_WRITE_ONLY_IS_TRUE)
        return answer

    def PlanResourceChange(self, request, context):  # noqa: N802
        answer = super().PlanResourceChange(request, context)
        return pb.PlanResourceChange.Response(planned_state=_without(request.type_name, answer.planned_state))

    def ApplyResourceChange(self, request, context):  # noqa: N802
        planned, given = standin.dec(request.planned_state), standin.dec(request.config)
        for kind, name in WRITE_ONLY:
            if kind == request.type_name and planned is not None and given[name] is not None:
                file = Path(os.environ["GCP_SECRETS"]) / planned["secret"].rpartition("/")[2]
                file.write_text(given[name])
        answer = super().ApplyResourceChange(request, context)
        if self.project == SHARED and request.type_name not in IDEMPOTENT and planned is None:
            self.there.discard(_identity(request.type_name, request.prior_state))
        if request.type_name == "google_secret_manager_secret" and planned is not None:
            # an id of its own, which the versions are told
            values = standin.dec(answer.new_state)
            answer.new_state.CopyFrom(standin.enc(values | {"id": f"projects/fake/secrets/{values['secret_id']}"}))
        if request.type_name == "google_service_account" and planned is not None:
            values = standin.dec(answer.new_state)
            email = f"{values['account_id']}@{self.project}.iam.gserviceaccount.com"
            answer.new_state.CopyFrom(standin.enc(values | {"email": email, "member": f"serviceAccount:{email}"}))
        if self.project == SHARED and planned is not None:
            made = _identity(request.type_name, answer.new_state)
            new = standin.dec(request.prior_state) is None
            if new and made in self.there and request.type_name not in IDEMPOTENT:
                refused = pb.Diagnostic(severity=1, summary=f"Error 409: {made} already exists", detail="")
                return pb.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[refused])
            self.there.add(made)
        return pb.ApplyResourceChange.Response(new_state=_without(request.type_name, answer.new_state))


def _identity(kind, state):
    values = standin.dec(state)
    return kind, *(str(values.get(name)) for name in IDENTITY)


def _without(kind, state):
    values = standin.dec(state)
    if values is not None:
        values |= {name: None for of, name in WRITE_ONLY if of == kind}
    return standin.enc(values)


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(8))
    rpc.add_ProviderServicer_to_server(Provider(), server)
    server.add_insecure_port(f"unix://{sys.argv[2]}")
    server.start()
    address = {"Network": "unix", "String": sys.argv[2]}
    how = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
    sys.stdout.write(json.dumps({"registry.terraform.io/hashicorp/google": how}) + "\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
