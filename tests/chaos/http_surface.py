"""`python -m tests.chaos.http_surface ST`: schemathesis makes up requests from docs/openapi.yaml.

None may be answered by a 5xx of ours, and every answer must be one that the description promises. First as a stranger,
then with every request signed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import calls
from tests.support.processes import BARE, ROOT, free_port, server

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> int:
    """The worst exit status of the two runs."""
    worst = 0
    schemathesis = Path(sys.argv[1]).absolute()
    for module in ("functions.local", "tests.chaos.proved_functions"):
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            environment = {**BARE, **calls.ENVIRONMENT, "PORT": str(port), "STORE": f"file:{folder}"}
            arguments = [str(port), folder] if module.startswith("tests") else []
            with server([sys.executable, "-m", module, *arguments], port, environment):
                description, url = ROOT / "docs" / "openapi.yaml", f"http://127.0.0.1:{port}"
                command = [schemathesis, "run", description, "--url", url]
                ran = subprocess.run([*command, "--max-examples", "1000", "--checks", CHECKS], cwd=folder, check=False)
        worst = max(worst, ran.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
