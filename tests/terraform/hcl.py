"""Terraform files as Python values, without Terraform and without a provider."""

from dataclasses import dataclass
from pathlib import Path

import hcl2

INFRA = Path(__file__).resolve().parents[2] / "infra/terraform"


@dataclass(frozen=True)
class Block:
    """A `variable` or `output` block."""

    name: str
    body: dict
    file: str

    @property
    def default(self) -> object:
        return self.body.get("default")

    @property
    def required(self) -> bool:
        return "default" not in self.body


def blocks(cloud: str, kind: str) -> dict[str, Block]:
    """Every block of a kind in the root infra/terraform/CLOUD, by name."""
    found = {}
    for path in sorted((INFRA / cloud).glob("*.tf")):
        with path.open() as file:
            for block in hcl2.load(file).get(kind, []):
                ((name, body),) = block.items()
                found[name.strip('"')] = Block(name.strip('"'), body, path.name)
    return found


def default(cloud: str, variable: str) -> float:
    """Of a variable that is a number."""
    value = blocks(cloud, "variable")[variable].default
    assert isinstance(value, int | float), f"{variable}: expected a number, found {value!r}"
    return value


def text(cloud: str) -> str:
    """All files of a cloud's module, one after the other."""
    return "\n".join(path.read_text() for path in sorted((INFRA / "modules" / cloud).glob("*.tf")))
