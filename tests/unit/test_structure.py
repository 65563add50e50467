"""How the house is built: layers whose imports only go down, no circle of modules, an opening sentence in each file."""

import ast
import re
from graphlib import TopologicalSorter

import grimp
import pytest

from console.deployment import relay_image
from sim.processes import ROOT

LAYERS = {"common": 0, "relay": 1, "functions": 1, "sim": 2, "console": 3}
FOLDERS = ("audio", "agents", "events", "recording", "line", "control", "call")
"""Of the relay, from what knows nothing of a call to what runs one. Files beside the folders belong to the process."""
FAKE = re.compile(r"relay\.agents\.\w+\.fake\w*")
"""A vendor's fake is in the vendor's folder, but part of the outside world, and not in the relay's image."""
LINES = 250
LONGER = {
    # data, or a table: one looks for a field or a row, and finds all of them in one place
    "relay/agents/seam.py": 400,
    "relay/events/records.py": 350,
    "relay/settings.py": 300,
    "console/elevenlabs/wanted.py": 300,
    # a service and its rules, in the order of its documentation: a protocol, a client, a fake
    "console/elevenlabs/client.py": 300,
    "console/softphone/app.py": 300,
    "relay/agents/deepgram/fake.py": 350,
    "relay/agents/elevenlabs/codec.py": 300,
    "relay/agents/elevenlabs/fake.py": 350,
    "relay/agents/elevenlabs/fake_rest.py": 400,
    "relay/agents/gemini/fake.py": 400,
    "relay/agents/openai/fake.py": 350,
    "relay/agents/ultravox/fake.py": 350,
    "relay/line/exotel.py": 350,
    "sim/bots.py": 300,
    "sim/exotel_rest.py": 350,
    "sim/exotel_stream.py": 300,
    "sim/seam/test_seam.py": 450,
    # one thing from its beginning to its end, already without what is a thing of its own
    "console/call_out/campaign.py": 350,
    "console/person/find.py": 300,
    "console/rehearse/suite.py": 300,
    "functions/webhook/joining.py": 300,
    "functions/webhook/post_call.py": 300,
    "relay/agents/elevenlabs/session.py": 300,
    "relay/agents/telephony/session.py": 300,
    "relay/audio/playout.py": 400,
    "relay/call/agent_leg.py": 300,
}
"""Files that may have more lines than LINES, and how many."""
FILES = sorted(path for part in (*LAYERS, "scripts", "examples") for path in (ROOT / part).rglob("*.py"))


def layer(module):
    """The name of the layer's folder."""
    return "sim" if FAKE.fullmatch(module) else module.split(".")[0]


@pytest.fixture(scope="module")
def imports():
    """Module to the modules it imports, of ours; what only types need is not counted."""
    graph = grimp.build_graph(*LAYERS, exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_imports_only_go_down(imports):
    """The relay and the functions are deployed apart: neither may know the other."""
    wrong = [
        f"{module} imports {imported}"
        for module, found in imports.items()
        for imported in found
        if (here := layer(module)) != (there := layer(imported)) and LAYERS[there] >= LAYERS[here]
    ]
    assert wrong == []


def test_the_folders_of_the_relay_import_only_downwards_too(imports):
    """A conversation may know the line, but the line knows no conversation."""
    folders = {path.parent.name for path in (ROOT / "relay").glob("*/*.py")}
    assert folders == {*FOLDERS, "aws"}, "aws belongs to the process; a new folder needs its height here"

    def height(module):
        _, *rest = module.split(".")
        return FOLDERS.index(rest[0]) if layer(module) == "relay" and rest and rest[0] in FOLDERS else None

    upward = [
        f"{module} imports {imported}"
        for module, found in imports.items()
        for imported in found
        if None not in (here := height(module), there := height(imported)) and there > here
    ]
    assert upward == []


def test_no_module_imports_itself_by_way_of_others(imports):
    """A folder may open its own files when they are asked for, as the stores' does: that is no circle."""
    upward = {
        module: {imported for imported in found if not imported.startswith(f"{module}.")}
        for module, found in imports.items()
    }
    TopologicalSorter(upward).prepare()  # names the circle when there is one


@pytest.mark.parametrize("part", ["console", "functions"])
def test_no_folder_of_a_part_imports_itself_by_way_of_others(imports, part):
    """The relay's folders have an order of their own, above."""

    def folder(module):
        name = ".".join(module.split(".")[:2])
        return name if (ROOT / name.replace(".", "/")).is_dir() else part

    below = {}
    for module, found in imports.items():
        if module.startswith(f"{part}."):
            others = {folder(name) for name in found if name.startswith(f"{part}.")}
            below.setdefault(folder(module), set()).update(others - {folder(module)})
    TopologicalSorter({name: found - {part} for name, found in below.items() if name != part}).prepare()


def test_one_module_alone_knows_the_loop_whose_timers_fire_early():
    """uvloop rounds a timer to the nearest millisecond: who waits for a computed moment on it may wait again and
    again. relay/loop.py rounds up, for every timer; asyncio's own loop, which all other parts use, does so itself."""
    graph = grimp.build_graph(*LAYERS, include_external_packages=True, cache_dir=None)
    assert graph.find_modules_that_directly_import("uvloop") == {"relay.loop"}
    assert graph.find_modules_that_directly_import("relay.loop") == {"relay.process"}


def test_no_cloud_library_can_reach_the_relay(imports):
    """Its image holds none (design D9)."""
    graph = grimp.build_graph("relay", "common", include_external_packages=True, cache_dir=None)
    assert not {"boto3", "botocore", "google", "aws_lambda_powertools", "flask"} & graph.modules


def test_no_fake_is_in_the_image_or_its_name():
    assert not [file for file in relay_image.files() if "fake" in file.name or file.name.startswith("messages")]
    assert "fake" in (ROOT / ".dockerignore").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_first_what_it_is_and_is_not_long(path):
    text = path.read_text(encoding="utf-8")
    if path.name != "__init__.py" or text.strip():
        assert ast.get_docstring(ast.parse(text)), "expected an opening sentence"
    assert len(text.splitlines()) <= LONGER.get(path.relative_to(ROOT).as_posix(), LINES)


def test_a_protocol_has_no_bodies():
    """A method without one would return None where a class that derives from the protocol forgot it."""
    without = [
        f"{path.relative_to(ROOT)}: {kind.name}.{method.name}"
        for path in FILES
        for kind in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(kind, ast.ClassDef) and "Protocol" in map(ast.unparse, kind.bases)
        for method in kind.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and ast.unparse(method.body[-1]) != "..."
    ]
    assert without == []
