"""Jobs are named by what they are about."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.domain.job import job_identifier
from dicom_node.workflow.testing.fakes import FAKE_MODEL

UIDS = st.lists(st.integers(1, 99_999).map("1.2.840.{}".format), min_size=1, max_size=12)


@pytest.mark.slow
@given(UIDS)
def test_the_order_of_arrival_does_not_make_another_job(uids: list[str]) -> None:
    assert job_identifier("1.2", FAKE_MODEL, uids) == job_identifier("1.2", FAKE_MODEL, uids[::-1])


def test_a_late_image_other_weights_or_another_study_do() -> None:
    first = job_identifier("1.2", FAKE_MODEL, ["1.1"])
    retrained = replace(FAKE_MODEL, weights_digest="1" * 64)
    others = {
        job_identifier("1.2", FAKE_MODEL, ["1.1", "1.2"]),
        job_identifier("1.2", retrained, ["1.1"]),
        job_identifier("1.3", FAKE_MODEL, ["1.1"]),
    }
    assert first not in others
    assert len(others) == 3
