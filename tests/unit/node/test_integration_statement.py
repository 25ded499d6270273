"""Each claim of the IHE Integration Statement names tests that there are."""

import re
from pathlib import Path

import pytest

from dicom_node.node.integration_statement import CLAIMS, Claim, integration_statement

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda each: f"{each.profile} {each.actor}")
def test_a_claim_is_proved_by_tests_that_there_are_or_is_none(claim: Claim) -> None:
    assert bool(claim.proofs) != bool(claim.why)
    for each in claim.proofs:
        path, _, name = each.test.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{each.test} is not there"


def test_the_statement_says_what_is_claimed_and_what_is_not() -> None:
    statement = integration_statement()
    for claim in CLAIMS:
        assert f"| {claim.profile} | {claim.actor} | {claim.words} |" in statement
        assert (claim.why or claim.except_for or "Yes") in claim.words
        assert all(f"`{each.test}`" in statement for each in claim.proofs)
