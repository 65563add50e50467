"""The fakes take what real servers take: fields they don't know are left out, and named."""

import msgspec
import pytest

from sim.vendors.lenient import camel, read_leniently


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Tree(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    first_leaf: Leaf
    leaves: list[Leaf] = []


def test_what_is_not_known_is_left_out_and_named():
    message = b'{"firstLeaf":{"a":1,"b":2},"leaves":[{"a":2},{"a":3,"c":4}],"d":5}'
    read, left_out = read_leniently(message, Tree)
    assert read == Tree(Leaf(1), [Leaf(2), Leaf(3)])
    assert sorted(left_out) == ["d", "firstLeaf.b", "leaves[1].c"]


def test_what_is_wrong_is_refused():
    with pytest.raises(msgspec.ValidationError, match="firstLeaf"):
        read_leniently(b'{"leaves":[]}', Tree)


def test_either_spelling_is_read_and_names_of_users_stay_as_they_are():
    read, left_out = read_leniently(b'{"first_leaf":{"a":1}}', Tree, prepare=camel)
    assert (read, left_out) == (Tree(Leaf(1)), [])
    assert camel({"function_responses": [{"response": {"my_key": 1}}]}) == {
        "functionResponses": [{"response": {"my_key": 1}}]
    }
