"""The Google provider's stand-in, with what the real one does about write-only arguments: `standin.py FILE SOCKET`.

FILE is the stand-in itself. Terraform gives a write-only argument to the provider and keeps it nowhere; here its value
goes to the folder GCP_SECRETS, one file a secret, as Secret Manager would keep it. So a test can look for secrets in
state and plans, and find none.
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

_spec = importlib.util.spec_from_file_location("google_provider_standin", sys.argv[1])
assert _spec is not None
assert _spec.loader is not None
standin = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(standin)


class Provider(standin.P):
    """The stand-in's answers, without what must not come back."""

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
        if request.type_name == "google_secret_manager_secret" and planned is not None:
            # an id of its own, which the versions are told
            values = standin.dec(answer.new_state)
            answer.new_state.CopyFrom(standin.enc(values | {"id": f"projects/fake/secrets/{values['secret_id']}"}))
        return pb.ApplyResourceChange.Response(new_state=_without(request.type_name, answer.new_state))


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
