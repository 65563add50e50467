"""The people to call: a CSV with a column `number`, read and checked as a whole before the first call.

Further columns: `custom_field` goes to Exotel's CustomField, `timezone` sets the clock for the calling hours, and every
other one is a parameter of the call, which the agent gets as a dynamic variable.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from common.phone import to_e164

NUMBER, CUSTOM_FIELD, TIMEZONE = "number", "custom_field", "timezone"
INDIA = ZoneInfo("Asia/Kolkata")
# Spreadsheets turn a number into 9.8765E+9 or 9876500001.0, whose digits are another person's number.
_SPELLING = re.compile(r"[\d\s()+-]+")


@dataclass(frozen=True, slots=True)
class Callee:
    """One person. `number` in E.164; `zone`: None if unknown; `line`: of the CSV, or 0."""

    number: str
    line: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    custom_field: str = ""
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be used, and the reason, without the number."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The list that was read. `repeated`: line → line of the number's first row, which is the one used."""

    callees: Sequence[Callee]
    bad: Sequence[BadRow]
    repeated: Mapping[int, int]


def number_of(text: str | None) -> str:
    """E.164. Raises ValueError with a reason that does not contain the number."""
    text = (text or "").strip()
    if not text:
        raise ValueError("the number is missing")
    if not _SPELLING.fullmatch(text):
        raise ValueError(
            "the number holds more than digits, spaces, hyphens, parentheses and +: save the column as text"
        )
    number = to_e164(text)
    if number is None:
        raise ValueError("not a number that can be dialled: expected +91 and ten digits, or + and a country's code")
    return number


def zone_of(number: str, name: str, default: ZoneInfo | None) -> ZoneInfo | None:
    """A person's time zone: the row's, the command's, else India's for an Indian number. Raises ValueError."""
    if name:
        return zone(name)
    return default or (INDIA if number.startswith("+91") else None)


def zone(name: str) -> ZoneInfo:
    """Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a name such as "Asia", which is a folder
        raise ValueError(f"{name!r} is not a time zone: expected a name such as Asia/Kolkata") from None


def read_list(
    path: Path,
    *,
    only: Sequence[str] | None = None,
    default_zone: ZoneInfo | None = None,
    check: Callable[[Callee], object] = lambda _: None,
) -> Reading:
    """`only`: the columns that are parameters (default: all others). `check` raises ValueError for a refused number.

    Raises ValueError if the file is not such a list.
    """
    callees: list[Callee] = []
    bad: list[BadRow] = []
    repeated: dict[int, int] = {}
    first: dict[str, int] = {}
    for line, names, cells in _rows(path, only):
        try:
            if len(cells) > len(names):
                raise ValueError(f"{len(cells)} cells, but {len(names)} columns: is there a comma too many?")
            callee = _callee(line, dict(zip(names, cells, strict=False)), only, default_zone)
            check(callee)
        except ValueError as error:
            bad.append(BadRow(line, str(error)))
            continue
        if callee.number in first:
            repeated[line] = first[callee.number]
        else:
            first[callee.number] = line
            callees.append(callee)
    return Reading(callees, bad, repeated)


def read_do_not_call(path: Path) -> frozenset[str]:
    """Numbers, one per line or in a column `number`.

    Raises ValueError if one can't be read: it could then be called.
    """
    numbers: set[str] = set()
    column = 0
    for line, cells in _lines(path):
        lowered = [cell.strip().lower() for cell in cells]
        if not numbers and NUMBER in lowered:
            column = lowered.index(NUMBER)
            continue
        text = cells[column] if column < len(cells) else ""
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            numbers.add(number_of(text))
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: {error}; nobody is called until the whole list can be read"
            ) from None
    return frozenset(numbers)


def _callee(line: int, row: Mapping[str, str], only: Sequence[str] | None, default_zone: ZoneInfo | None) -> Callee:
    number = number_of(row.get(NUMBER))
    named = only if only is not None else [name for name in row if name not in {NUMBER, CUSTOM_FIELD, TIMEZONE}]
    parameters = {name: value for name in named if (value := (row.get(name) or "").strip())}
    zone = zone_of(number, (row.get(TIMEZONE) or "").strip(), default_zone)
    return Callee(number, line, parameters, (row.get(CUSTOM_FIELD) or "").strip(), zone)


def _rows(path: Path, only: Sequence[str] | None) -> Iterator[tuple[int, Sequence[str], Sequence[str]]]:
    """(line, names of the columns, cells) for each row that is not empty."""
    lines = _lines(path)
    header = next(lines, None)
    if header is None:
        raise ValueError(f"{path} is empty: expected a line that names the columns, {NUMBER} among them")
    names = [name.strip() for name in header[1]]
    if NUMBER not in names:
        raise ValueError(f"{path}: the first line must name the columns, and one of them {NUMBER}")
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two columns have the same name")
    if missing := sorted(set(only or ()) - set(names)):
        raise ValueError(f"{path} has no column {missing[0]}")
    for line, cells in lines:
        if any(cell.strip() for cell in cells):
            yield line, names, cells


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                yield reader.line_num, cells
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{path}: {error}") from None
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
