"""`make release`: tags the version in common/__init__.py, and makes later code be tested against this release."""

import re
import subprocess
import sys
from pathlib import Path

from common import __version__

ROOT = Path(__file__).parent.parent
SBOMS = ROOT / "build/sbom"
LAST = ROOT / "tests/fixtures/releases/last.toml"


def git(*arguments: str) -> str:
    """The output of git. Raises CalledProcessError."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def problem(changelog: str, tags: list[str], changes: str, sboms: list[str]) -> str:
    """Why a release is not possible now; empty if it is."""
    if changes:
        return "the tree has changes that are not committed"
    if not sboms:
        return "build/sbom has no bill of materials: run make release, which makes them"
    if f"v{__version__}" in tags:
        return f"v{__version__} is tagged already: raise the version in common/__init__.py"
    if not re.search(rf"^## {re.escape(__version__)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        return f'CHANGELOG.md has no heading "## {__version__} - YYYY-MM-DD"'
    return ""


def main() -> int:
    """Exit status 2 if something is missing; nothing was changed then."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sboms = sorted(str(path.relative_to(ROOT)) for path in SBOMS.glob("*.cdx.json"))
    if why := problem(changelog, git("tag").split(), git("status", "--porcelain"), sboms):
        print(f"release: {why}", file=sys.stderr)
        return 2
    commit = git("rev-parse", "--short=12", "HEAD")
    git("tag", "--annotate", f"v{__version__}", "--message", f"Release {__version__}")
    comment = LAST.read_text(encoding="utf-8").splitlines()[0]
    LAST.write_text(f'{comment}\nversion = "{__version__}"\ncommit = "{commit}"\n', encoding="utf-8")
    git("commit", "--message", f"Play the next code against release {__version__}", str(LAST))
    print(f"v{__version__} is {commit}. Publish it: git push --follow-tags")
    print("Attach the bills of materials to it:", *sboms)
    return 0


if __name__ == "__main__":
    sys.exit(main())
