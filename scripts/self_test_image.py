"""Makes the image that a node sends itself as a self-test: a small synthetic chest radiograph."""

from datetime import UTC, datetime
from pathlib import Path

from pydicom.uid import JPEGLSLossless

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.network.libraries import set_up_dicom_libraries

_PLACE = Path(__file__).parents[1] / "dicom_node" / "node" / "self_test.dcm"
_FIXED = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Write it; identifiers and times are given anew at each self-test."""
    set_up_dicom_libraries()
    uids = StudyUids(study="1.2.3", series="1.2.3.1", instance="1.2.3.1.1")
    made = make_radiograph(uids, _FIXED, ChestOptions(rows=480, columns=394)).dataset
    made.PatientName, made.PatientID = "Self-Test^Node", "SELF-TEST"
    made.AccessionNumber = "SELF-TEST"
    made.StudyDescription = made.SeriesDescription = "Self-test of the node"
    made.compress(JPEGLSLossless, generate_instance_uid=False)
    made.save_as(_PLACE, enforce_file_format=True)
    print(f"{_PLACE.name}: {_PLACE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
