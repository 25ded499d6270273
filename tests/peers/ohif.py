"""OHIF, the DICOMweb viewer, served on one origin with the DICOMweb of an Orthanc."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicom_node.demo.tour import viewer
from tests.peers.orthanc import Orthanc

DIST = Path(__file__).parents[2] / viewer.DIST


@contextmanager
def ohif(orthanc: Orthanc) -> Iterator[str]:
    """Serve OHIF over an Orthanc's studies; yield the address, or skip where it is missing."""
    if not DIST.is_dir():
        pytest.skip("OHIF is not installed (npm package @ohif/app: see .ci/run)")
    with viewer.Viewer(orthanc, DIST) as running:
        yield running.url
