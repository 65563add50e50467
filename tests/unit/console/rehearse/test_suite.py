"""Suites are read whole before anything is spent, and what is wrong in one is named."""

import pytest

from console.rehearse.suite import SuiteError, load

GOOD = 'title = "Asks"\n[[steps]]\nsay = "Hello"\n'


def suite(folder, caller=GOOD, file='title = "A suite"\n'):
    (folder / "suite.toml").write_text(file, encoding="utf-8")
    (folder / "asks.toml").write_text(caller, encoding="utf-8")
    return str(folder)


def test_a_suite_of_ten_lines_is_read(tmp_path):
    found = load(suite(tmp_path))
    assert found.file.title == "A suite"
    [caller] = found.callers
    assert (caller.name, caller.title, caller.steps[0].say) == ("asks", "Asks", "Hello")


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    assert load(suite(tmp_path, caller="\ufeff" + GOOD)).callers


@pytest.mark.parametrize(
    ("caller", "says"),
    [
        ('title = "x"', "expected steps, reactions or a goal"),
        ('title = "x"\n[[steps]]\nsay = "a"\nwhen = "soon"', "when = 'soon': expected"),
        ('title = "x"\n[[steps]]\nsay = "file:nothing.wav"', "'nothing.wav': expected a WAV file below"),
        ('title = "x"\n[[steps]]\nsay = "file:../../etc/passwd"', "expected a WAV file below"),
        ('title = "x"\nvoice = "hi"\n[[steps]]\nsay = "a"', "voice = 'hi': expected one of"),
        ('title = "x"\n[[steps]]\nsay = "a"\n[goal]\nwants = "b"', "either goal or steps"),
        ('title = "x"\n[[steps]]\nsay = "a"\n[expect]\nsaid = ["("]', "'(' is not a regular expression"),
        ('title = "x"\n[[steps]]\nsay = "a"\n[expect]\nlanguage = "xx"', "language = 'xx': expected one of en, hi"),
        ('title = "x"\n[[steps]]\nsay = "a"\n[expect]\nanswers = 3', "unknown field `answers`"),
        ('title = "x"\nsteps = 3', "Expected `array`"),
        ("title = ", "asks.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file(tmp_path, caller, says):
    with pytest.raises(SuiteError) as refused:
        load(suite(tmp_path, caller))
    assert "asks.toml" in str(refused.value)
    assert says in str(refused.value)


def test_a_folder_without_a_suite_lists_the_available_suites(tmp_path):
    with pytest.raises(SuiteError, match="expected a folder with suite.toml, or one of front_desk"):
        load(str(tmp_path / "nothing"))
    with pytest.raises(SuiteError, match=r"suite\.toml: there is no such file"):
        load(str(tmp_path))


def test_the_suite_that_comes_along_has_twelve_callers_in_four_languages():
    found = load("front_desk")
    assert len(found.callers) == 12
    assert {found.voice(caller).espeak for caller in found.callers} >= {"en-gb", "hi", "ta"}
    assert all(caller.title and (caller.expect != type(caller.expect)()) for caller in found.callers)
