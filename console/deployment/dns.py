"""DNS records to create if a domain's zone is hosted elsewhere; shown before anything waits for them."""

from collections.abc import Iterator, Mapping
from typing import Any

CERTIFICATE = "module.bridge.aws_acm_certificate.relay"


def kept_elsewhere(variables: Mapping[str, Any]) -> bool:
    """Whether there is a domain whose zone is not in the account."""
    return bool(variables.get("domain_name")) and not variables.get("hosted_zone_id")


def proof(resources: Mapping[str, Mapping[str, Any]]) -> str:
    """The record that proves the domain is yours to the certificate authority; "" before there is a certificate."""
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
        "\n".join(["", "Create this record at the domain's DNS provider; the deploy waits for it:", *lines])
        if lines
        else ""
    )


def all_records(records: Mapping[str, str]) -> Iterator[str]:
    """Lines about all records that must stay, for renewing the certificate and for reaching the relay."""
    if records:
        yield "\nRecords that the domain needs:"
        yield from (f"   {name} {value}" for name, value in sorted(records.items()))
