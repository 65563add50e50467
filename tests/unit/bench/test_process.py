from tests.bench.process import AS_DEPLOYED


def test_the_relay_is_measured_with_the_image_s_setting_of_the_allocator():
    """Taken out of relay/Dockerfile, it costs a call over TLS 23 to 47 KB, and no other test would notice."""
    assert AS_DEPLOYED == {"MALLOC_TRIM_THRESHOLD_": "2097152"}
