"""Who and what the worklist's pages show of a study, from the header of one of its images."""

from pydicom import Dataset
from pydicom.multival import MultiValue

from dicom_node.dicomweb.data_sets import header
from dicom_node.dicomweb.errors import UnknownResourceError
from dicom_node.node.archive_catalogue import ArchiveCatalogue
from dicom_node.web.review.study import StudyHeading


class Headings:
    """Reads who and what an image shows from its header in the archive."""

    def __init__(self, catalogue: ArchiveCatalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, sop_instance_uid: str) -> StudyHeading | None:
        """Return the heading in one image's header; None where the image cannot be read."""
        found = self._catalogue.find(sop_instance_uid)
        if found is None:
            return None
        try:
            dataset = header(found.path)
        except UnknownResourceError:
            return None
        return StudyHeading(
            patient_name=_name(dataset),
            patient_id=_text(dataset, "PatientID"),
            birth_date=_day(dataset, "PatientBirthDate"),
            sex=_text(dataset, "PatientSex"),
            study_date=_day(dataset, "StudyDate"),
            description=_text(dataset, "StudyDescription") or _text(dataset, "SeriesDescription"),
            accession_number=_text(dataset, "AccessionNumber"),
        )


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword) or ""
    return (", ".join(map(str, value)) if isinstance(value, MultiValue) else str(value)).strip()


def _name(dataset: Dataset) -> str:
    """Return the name as people write it: family name, then the others."""
    parts = [part for part in _text(dataset, "PatientName").partition("=")[0].split("^") if part]
    return ", ".join([parts[0], " ".join(parts[1:])] if len(parts) > 1 else parts)


def _day(dataset: Dataset, keyword: str) -> str:
    text = _text(dataset, keyword)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdecimal() else text
