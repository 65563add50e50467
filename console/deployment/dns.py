"""Records to make where a domain's zone is kept elsewhere: told before anything waits for them."""

from collections.abc import Iterator, Mapping
from typing import Any

CERTIFICATE = "module.bridge.aws_acm_certificate.relay"


def kept_elsewhere(variables: Mapping[str, Any]) -> bool:
    """Whether there is a domain, and its zone is not in the account."""
    return bool(variables.get("domain_name")) and not variables.get("hosted_zone_id")


def proof(resources: Mapping[str, Mapping[str, Any]]) -> str:
    """The record by which the certificate's authority sees whose the domain is; "" while there is no certificate."""
    options = [
        option
        for address, values in resources.items()
        if address.startswith(CERTIFICATE)
        for option in values.get("domain_validation_options", [])
    ]
    lines = [
        f"   {one['resource_record_name']} {one['resource_record_type']} {one['resource_record_value']}"
        for one in options
    ]
    return (
        "\n".join(["", "Make this record where the domain is kept; the deploy waits for it:", *lines]) if lines else ""
    )


def all_records(records: Mapping[str, str]) -> Iterator[str]:
    """Lines on all that must stay for the certificate to be renewed and the domain to lead to the relay."""
    if records:
        yield "\nRecords that the domain needs:"
        yield from (f"   {name} {value}" for name, value in sorted(records.items()))
