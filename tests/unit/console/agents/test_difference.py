"""What two versions differ in, as it is shown: never a secret."""

from common.agent_version import File
from console.agents.difference import difference

ROOM, HALL = File.of(b"x" * 2048), File.of(b"y" * 100)


def shown(old: str, new: str, before=None, after=None) -> list[str]:
    return difference((old, before or {}), (new, after or {}), ("1-a", "agents.toml"))


def test_what_is_the_same_is_not_shown():
    assert shown("a = 1\n", "a = 1\n", {"r": ROOM}, {"r": ROOM}) == []


def test_a_plain_unified_diff():
    assert shown('[agents.a]\nid = "a"\n', '[agents.a]\nid = "b"\n') == [
        "--- 1-a",
        "+++ agents.toml",
        "@@ -1,2 +1,2 @@",
        " [agents.a]",
        '-id = "a"',
        '+id = "b"',
    ]


def test_sounds_that_came_went_or_are_others():
    before, after = {"gone.wav": ROOM, "room.wav": ROOM, "same.wav": HALL}, {"room.wav": HALL, "same.wav": HALL}
    assert shown("", "", before, {**after, "new.wav": HALL}) == [
        "- gone.wav (2 KiB)",
        "+ new.wav (100 bytes)",
        "! room.wav is another sound (2 KiB, now 100 bytes)",
    ]


def test_a_secret_that_somebody_put_there_is_not_shown():
    old = (
        'headers = { Authorization = "Bearer 0123456789", Accept = "text/plain" }\n'
        'x_api_key = "0123456789"\n'
        "token = '0123456789'\n"
        'password = """0123456789"""\n'
        'url = "https://user:0123456789@shop.example/"\n'
        'note = "sk-0123456789012345678901234567890"\n'
        'headers = { Authorization = "Bearer ${SHOP_TOKEN}" }\n'
        'api_key_env = "MY_KEY"\n'
    )
    lines = shown(old, "")
    assert not [line for line in lines if "0123456789" in line]
    assert '-headers = { Authorization = "(hidden)", Accept = "text/plain" }' in lines
    assert '-headers = { Authorization = "Bearer ${SHOP_TOKEN}" }' in lines
    assert '-api_key_env = "MY_KEY"' in lines
    assert '-url = "https://(hidden)@shop.example/"' in lines


def test_that_only_a_secret_differs_is_said():
    [line] = shown('token = "0123456789"\n', 'token = "9876543210"\n')
    assert line.startswith("(the text differs only in parts that are not shown")
