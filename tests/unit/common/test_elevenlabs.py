import pytest

from common.elevenlabs import rest_base


@pytest.mark.parametrize(
    ("region", "override", "base"),
    [
        ("default", "", "https://api.elevenlabs.io"),
        ("india", "", "https://api.in.residency.elevenlabs.io"),
        ("india", "https://proxy.example.in/eleven/", "https://proxy.example.in/eleven"),
        ("us", "ws://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("us", "wss://fake.example", "https://fake.example"),
    ],
)
def test_the_base_is_the_region_s_or_the_one_given(region, override, base):
    assert rest_base(region, override) == base
