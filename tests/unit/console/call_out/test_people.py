"""Reading lists: every row is right, or named with its line and its reason."""

from zoneinfo import ZoneInfo

import pytest

from console.call_out.people import INDIA, Callee, read_do_not_call, read_list

ASHA, RAVI = "+919876500001", "+919876500002"


def read(tmp_path, text, **how):
    path = tmp_path / "people.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_list(path, **how)


def test_columns_become_parameters_and_every_indian_spelling_is_read(tmp_path):
    reading = read(
        tmp_path,
        "\ufeffname,number,custom_field,timezone,plan\n"
        "Asha,098765 00001,batch 7,,gold\n"
        '"Ravi, Jr.",919876500002,,Asia/Dubai,\n'
        "\n"
        "Lee,+65 6123 4567,,,\n",
    )
    assert reading.callees == [
        Callee(ASHA, 2, {"name": "Asha", "plan": "gold"}, "batch 7", INDIA),
        Callee(RAVI, 3, {"name": "Ravi, Jr."}, "", ZoneInfo("Asia/Dubai")),
        Callee("+6561234567", 5, {"name": "Lee"}, "", None),
    ]
    assert not reading.bad


def test_digits_of_any_script_are_dialled_in_those_that_exotel_takes(tmp_path):
    """An order with ९८७६५०००१० was placed as it stood, and refused for every row."""
    reading = read(tmp_path, "number,name\n९८७६५००००१,आशा\n+91 98765 00002,रवि\n")
    assert [one.number for one in reading.callees] == [ASHA, RAVI]
    assert [one.parameters["name"] for one in reading.callees] == ["आशा", "रवि"]


def test_a_number_that_comes_again_is_called_once(tmp_path):
    reading = read(tmp_path, "number\n9876500001\n9876500002\n+91 98765-00001\n09876500001\n")
    assert [one.number for one in reading.callees] == [ASHA, RAVI]
    assert reading.repeated == {4: 2, 5: 2}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",x", "the number is missing"),
        ("12345,x", "not a number that can be dialled"),
        ("1800123456,x", "not a number that can be dialled"),
        ("9.87650000E+9,x", "save the column as text"),
        ("987650000.0,x", "save the column as text"),
        ("9876500001 ext 2,x", "save the column as text"),
        ("9876500001,x,y,z", "4 cells, but 3 columns"),
        ("9876500001,x,Mars/Olympus", "'Mars/Olympus' is not a time zone"),
        ("9876500001,x,Asia", "'Asia' is not a time zone"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_without_its_number(tmp_path, row, why):
    """A spreadsheet turns 9876500001 into 9.87650000E+9, whose digits alone are somebody else's number."""
    reading = read(tmp_path, f"number,name,timezone\n9876500002,y\n{row}\n")
    [bad] = reading.bad
    assert bad.line == 3
    assert why in bad.why
    assert "98765" not in bad.why
    assert [one.number for one in reading.callees] == [RAVI]


def test_only_the_columns_that_are_asked_for(tmp_path):
    reading = read(tmp_path, "number,name,city\n9876500001,Asha,Pune\n", only=["city"])
    assert reading.callees[0].parameters == {"city": "Pune"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("9876500001\n", "must name the columns"),
        ("number,name,name\n", "two columns have the same name"),
        (b"number\n\xff\xfe\n", "is not text in UTF-8"),
        ('number\n"9876500001\n', "unexpected end of data"),
    ],
)
def test_values_that_are_not_lists(tmp_path, text, says):
    with pytest.raises(ValueError, match=says):
        read(tmp_path, text)


def test_a_list_that_is_not_there_or_lacks_a_column(tmp_path):
    with pytest.raises(ValueError, match="can't be read: No such file"):
        read_list(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="has no column city"):
        read(tmp_path, "number\n9876500001\n", only=["city"])


@pytest.mark.parametrize(
    "text", ["9876500001\n# a comment\n\n098765 00002\n", "name,number\nA,9876500001\nB,9876500002\n"]
)
def test_do_not_call(tmp_path, text):
    path = tmp_path / "dnc.csv"
    path.write_text(text)
    assert read_do_not_call(path) == {ASHA, RAVI}


def test_a_do_not_call_list_that_can_not_be_read_stops_everything(tmp_path):
    path = tmp_path / "dnc.csv"
    path.write_text("9876500001\n98765\n")
    with pytest.raises(ValueError, match="line 2: not a number .* until the whole list can be read"):
        read_do_not_call(path)
