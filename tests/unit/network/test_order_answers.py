"""What a worklist answers, as it is taken into results."""

import pytest
from pydicom.dataset import Dataset

from dicom_node.network.order_scu import _item


@pytest.mark.parametrize(
    ("answered", "taken"), [("A1", "A1"), (["A1", "A2"], ""), ("A" * 17, ""), ("", "")]
)
def test_an_accession_number_is_one_that_can_be_one(answered: str | list[str], taken: str) -> None:
    answer = Dataset()
    answer.add_new("AccessionNumber", "LO" if len(answered) > 16 else "SH", answered)
    item = _item(answer)
    assert item is not None
    assert item.procedure.accession_number == taken
