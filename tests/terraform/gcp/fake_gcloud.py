"""A gcloud and a docker that do nothing but remember: what was asked of them, and what there is.

Started as `python fake_gcloud.py FOLDER NAME ARGUMENTS…`; FOLDER holds `calls.jsonl` and `there.json`.
"""

import json
import os
import sys
from pathlib import Path

NOT_FOUND = (1, "ERROR: (gcloud) NOT_FOUND: there is no such thing.")


def answer(there: dict, name: str, arguments: list[str]) -> tuple[int, str]:
    """Exit status and what it prints; may change what there is."""
    text = " ".join([name, *arguments])
    for beginning, failure in there["fails"].items():
        if text.startswith(beginning):
            return 1, failure
    options = dict(
        argument[2:].split("=", 1) for argument in arguments if argument.startswith("--") and "=" in argument
    )
    words = [argument for argument in arguments if not argument.startswith("--")]
    match [name, *words]:
        case ["gcloud", "auth", "print-access-token"]:
            return 0, "ya29.of-tests"
        case ["gcloud", "projects", "describe", project]:
            return (0, project) if project in there["projects"] else NOT_FOUND
        case ["gcloud", "billing", "projects", "describe", _]:
            return 0, str(there["billing"])
        case ["gcloud", "secrets", *_] if not there["secrets_api"]:
            return (
                1,
                "ERROR: (gcloud) PERMISSION_DENIED: Secret Manager API has not been used. reason: SERVICE_DISABLED",
            )
        case ["gcloud", "services", "enable", *_]:
            there["secrets_api"] = True
            return 0, ""
        case ["gcloud", "secrets", "versions", "access", "latest"]:
            kept = Path(os.environ["GCP_SECRETS"]) / options["secret"]  # what Terraform's stand-in has put there
            return (0, kept.read_text()) if kept.exists() else NOT_FOUND
        case ["gcloud", "artifacts", "docker", "images", "describe", image]:
            return (0, image) if image in there["images"] else NOT_FOUND
        case ["gcloud", "builds", "submit", source]:
            build = json.loads(Path(options["config"]).read_text())
            there["built"] = {"build": build, "bytes": Path(source).stat().st_size}
            there["images"] += build["images"]
            return 0, ""
        case ["gcloud", "storage", "ls", _]:
            return (0, "\n".join(there["records"])) if there["records"] else NOT_FOUND
        case ["gcloud", "run", "services", "update-traffic", service]:
            there.setdefault("traffic", {})[service] = "--to-latest" in arguments
            return 0, ""
        case ["docker", "push", image]:
            there["images"].append(image)
            return 0, ""
        case ["docker", "login", *_]:
            there["password"] = sys.stdin.read()
            return 0, ""
        case ["gcloud", "version"] | ["docker", "info"] | ["docker", "build", *_]:
            return 0, ""
    return 2, f"the fake knows no `{text}`"


def main() -> int:
    folder, name, *arguments = sys.argv[1:]
    with (Path(folder) / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps([name, *arguments]) + "\n")
    there = json.loads((Path(folder) / "there.json").read_text())
    sys.stderr.write("WARNING: this fake is about to be updated\n")  # gcloud says such things at any time
    status, text = answer(there, name, arguments)
    (Path(folder) / "there.json").write_text(json.dumps(there))
    print(text, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
