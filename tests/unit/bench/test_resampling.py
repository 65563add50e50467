import pytest

from tests.bench.resampling import RESAMPLERS, judge


def test_the_one_in_use_is_clean_and_quick():
    verdict = judge(RESAMPLERS[0], 8000, 16000)
    assert RESAMPLERS[0].name == "relay.audio.resample"
    assert verdict.snr_db > 80  # samples of 16 bits at half the scale have 92
    assert verdict.rejection_db > 75
    assert abs(verdict.passband_db) < 0.01
    assert verdict.worst_lag_ms == pytest.approx(2.1, abs=0.2)


def test_a_resampler_without_a_filter_is_found_out():
    quickest = next(it for it in RESAMPLERS if it.name == "soxr stream QQ")
    assert judge(quickest, 16000, 8000).rejection_db < 1
