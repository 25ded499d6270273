"""What the problems of a node make of its status."""

import pytest

from dicom_node.domain.health import Problem, Severity, status_of


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], "ok"),
        ([Severity.DEGRADED], "degraded"),
        ([Severity.DEGRADED, Severity.FAILING], "failing"),
        ([Severity.FAILING], "failing"),
    ],
)
def test_the_worst_problem_is_the_status(severities: list[Severity], status: str) -> None:
    assert status_of(Problem(kind="k", severity=each, words="w") for each in severities) == status
