"""Two hundred synthetic studies that have one odd header value each.

The values are those of the table of cases and of its siblings, and what conformance statements and
public bug reports say that senders write. A study without any of them is the measure: whatever is
analysed must say what that one says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from tests.unit.ai_engine.odd_images import ROWS, Change, chest, put, words
from tests.unit.ai_engine.test_odd_headers import CORRECTED, REFUSED

# What is sent under another transfer syntax than the node accepts never gets as far as a result.
_NOT_SENT = frozenset(
    {"a private transfer syntax", "no transfer syntax", "a video", "RLE, 40000 x 40000"}
)
_LONG = "x" * 80


@dataclass(frozen=True, slots=True, kw_only=True)
class OddStudy:
    """A study of one image, and whether its odd value may keep it from a chest model."""

    name: str
    dataset: Dataset
    elsewhere: bool

    @property
    def syntax(self) -> str:
        """The transfer syntax of its pixels."""
        return str(self.dataset.file_meta.TransferSyntaxUID)


def _without(keyword: str) -> Change:
    return lambda dataset: delattr(dataset, keyword)


def _region(value: str, scheme: str, meaning: str) -> Change:
    def change(dataset: Dataset) -> None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
        dataset.AnatomicRegionSequence = Sequence([item])

    return change


def _both(*changes: Change) -> Change:
    def change(dataset: Dataset) -> None:
        for each in changes:
            each(dataset)

    return change


_UTF_8 = "Müller^Jörg".encode()
WORDS: Mapping[str, Change] = MappingProxyType(
    {
        "Patient ID of 80 characters": put("PatientID", _LONG),
        "Patient ID with a backslash": put("PatientID", "47\\11"),
        "Patient ID of blanks": put("PatientID", "    "),
        "Patient ID empty": put("PatientID", ""),
        "Patient ID missing": _without("PatientID"),
        "Patient ID with NUL": put("PatientID", "4711\0\0"),
        "Patient ID with a control character": put("PatientID", "47\x0711"),
        "Patient ID with an umlaut": put("PatientID", "Mü-1".encode()),
        "Patient ID as UN": put("PatientID", "4711", "UN"),
        "Issuer of 80 characters": put("IssuerOfPatientID", _LONG),
        "name in UTF-8 under ISO_IR 100": _both(
            put("SpecificCharacterSet", "ISO_IR 100"), put("PatientName", _UTF_8)
        ),
        "name in UTF-8 without a set": _both(
            _without("SpecificCharacterSet"), put("PatientName", _UTF_8)
        ),
        "name in Latin 1 under UTF-8": put("PatientName", "Müller^Jörg".encode("latin-1")),
        "name in Cyrillic under Latin 1": _both(
            put("SpecificCharacterSet", "ISO_IR 100"),
            put("PatientName", "Иванов^Иван".encode("iso8859-5")),
        ),
        "two sets that stand alone": put("SpecificCharacterSet", "GB18030\\ISO_IR 192"),
        "a set that nobody knows": put("SpecificCharacterSet", "ISO_IR 999"),
        "a set in lower case": put("SpecificCharacterSet", "iso_ir 192"),
        "a set without its blank": put("SpecificCharacterSet", "ISO_IR192"),
        "a set by its Python name": put("SpecificCharacterSet", "utf-8"),
        "name of 200 characters": put("PatientName", "Doe^" + "Jane" * 49),
        "name of seven components": put("PatientName", "A^B^C^D^E^F^G"),
        "name of four groups": put("PatientName", "A=B=C=D"),
        "name with a backslash": put("PatientName", "Doe\\Jane"),
        "name with line breaks": put("PatientName", "Doe^Jane\r\n"),
        "name with an escape": put("PatientName", "\x1b(B Doe^Jane"),
        "name empty": put("PatientName", ""),
        "name missing": _without("PatientName"),
        "birth date with dots": put("PatientBirthDate", "1960.01.31"),
        "birth date of a year": put("PatientBirthDate", "1960"),
        "birth date that is none": put("PatientBirthDate", "19601399"),
        "birth date of words": put("PatientBirthDate", "unknown"),
        "birth date in American order": put("PatientBirthDate", "01/31/1960"),
        "sex in a word": put("PatientSex", "male"),
        "sex U": put("PatientSex", "U"),
        "sex missing": _without("PatientSex"),
        "age without a unit": put("PatientAge", "62"),
        "age in words": put("PatientAge", "sixty"),
        "age of 1000 years": put("PatientAge", "1000Y"),
        "weight with a comma": put("PatientWeight", "70,5"),
        "weight 0": put("PatientWeight", "0"),
        "size in centimetres": put("PatientSize", "178"),
        "size of words": put("PatientSize", "tall"),
        "accession number of 20 characters": put("AccessionNumber", "12345678901234567890"),
        "accession number with a backslash": put("AccessionNumber", "12\\34"),
        "accession number missing": _without("AccessionNumber"),
        "study ID of 40 characters": put("StudyID", "1" * 40),
        "study ID missing": _without("StudyID"),
        "study date missing": _without("StudyDate"),
        "study date with dashes": put("StudyDate", "2026-01-02"),
        "study date of words": put("StudyDate", "today"),
        "study date before the calendar": put("StudyDate", "00000000"),
        "study time with colons": put("StudyTime", "12:00:00"),
        "study time after midnight": put("StudyTime", "250000"),
        "study time of words": put("StudyTime", "noon"),
        "acquisition time of a range": put("AcquisitionTime", "120000-130000"),
        "time zone in words": put("TimezoneOffsetFromUTC", "CEST"),
        "time zone beyond the globe": put("TimezoneOffsetFromUTC", "+9900"),
        "description of 200 characters": put("StudyDescription", "chest " * 34),
        "description with line breaks": put("StudyDescription", "chest\r\nPA"),
        "description with control characters": put("SeriesDescription", "chest\x01\x02"),
        "comments of 20,000 characters": put("PatientComments", "x" * 20000),
        "referring physician of 300 characters": put("ReferringPhysicianName", "x" * 300),
        "manufacturer missing": _without("Manufacturer"),
        "manufacturer of 100 characters": put("Manufacturer", "x" * 100),
        "serial number with slashes": put("DeviceSerialNumber", "../../etc"),
        "series number of words": put("SeriesNumber", "one"),
        "series number beyond 32 bits": put("SeriesNumber", "99999999999"),
        "series number missing": _without("SeriesNumber"),
        "instance number 2 alone": put("InstanceNumber", "2"),
        "instance number negative": put("InstanceNumber", "-1"),
        "instance number with a point": put("InstanceNumber", "1.0"),
        "instance number missing": _without("InstanceNumber"),
        "more objects stated than came": put("NumberOfSeriesRelatedInstances", "2"),
        "objects stated in words": put("NumberOfStudyRelatedInstances", "many"),
        "study UID with a leading zero": put("StudyInstanceUID", "1.2.826.01.5"),
        "series UID with a leading zero": put("SeriesInstanceUID", "1.2.826.01.6"),
        "study UID of 70 characters": put("StudyInstanceUID", f"1.2.{'3' * 66}"),
        "study UID with letters": put("StudyInstanceUID", "1.2.abc.7"),
        "series UID that ends in a dot": put("SeriesInstanceUID", "1.2.826.8."),
        "frame of reference with a leading zero": put("FrameOfReferenceUID", "1.02.3"),
        "view AP SUPINE": put("ViewPosition", "AP SUPINE"),
        "view PORTABLE": put("ViewPosition", "PORTABLE"),
        "view FRONTAL": put("ViewPosition", "FRONTAL"),
        "view in lower case": put("ViewPosition", "pa"),
        "view empty": put("ViewPosition", ""),
        "view missing": _without("ViewPosition"),
        "body part TORAX": put("BodyPartExamined", "TORAX"),
        "body part in lower case": put("BodyPartExamined", "chest"),
        "body part of two words": put("BodyPartExamined", "CHEST_TO_PELVIS"),
        "body part of a protocol": put("BodyPartExamined", "Thorax pa/lat"),
        "body part missing": _without("BodyPartExamined"),
        "body part KNEE, region chest": put("BodyPartExamined", "KNEE"),
        "region of an older scheme": _region("T-D3000", "SRT", "Chest"),
        "region without a meaning": _region("51185008", "SCT", ""),
        "region of a private scheme": _region("0815", "99X", "Thorax"),
        "modality in lower case": put("Modality", "dx"),
        "modality CR in a DX object": put("Modality", "CR"),
        "laterality of a word": put("ImageLaterality", "BOTH"),
        "orientation of one value": put("PatientOrientation", "L"),
        "orientation of words": put("PatientOrientation", "LEFT\\FOOT"),
        "presentation intent missing": _without("PresentationIntentType"),
        "an element of the VR ??": put("StationName", "X1", "??"),
        "a patient ID of the VR ??": put("PatientID", "4711", "??"),
        "a modality of a VR that nobody knows": put("Modality", "DX", "XX"),
        "rows of the VR ??": put("Rows", words(ROWS), "??"),
        "rows as bytes": put("Rows", words(ROWS), "OB"),
        "a study UID of the VR FD": put("StudyInstanceUID", "1.2.826.0.9", "FD"),
        "a window centre of the VR US": put("WindowCenter", "2048", "US"),
        "image type of one value": put("ImageType", "ORIGINAL"),
        "burned-in annotation of words": put("BurnedInAnnotation", "unknown"),
        "spacing of zero": put("ImagerPixelSpacing", "0\\0"),
        "spacing negative": put("ImagerPixelSpacing", "-0.2\\-0.2"),
        "species in words": put("PatientSpeciesDescription", "human"),
    }
)
# Values that name another body part or view, or another modality: a route may not want the image.
_ELSEWHERE = frozenset(
    {"body part KNEE, region chest", "modality in lower case", "body part of two words"}
)


def odd_studies(count: int = 200) -> list[OddStudy]:
    """Return ``count`` of the studies, taken evenly from all kinds of values."""
    changes = {
        **WORDS,
        **{f"pixels: {name}": change for name, (change, _) in CORRECTED.items()},
        **{
            f"pixels: {name}": change
            for name, (change, _) in REFUSED.items()
            if name not in _NOT_SENT
        },
    }
    names = list(changes)
    chosen = [names[index * len(names) // count] for index in range(count)]
    return [_study(number, name, changes[name]) for number, name in enumerate(chosen, 1)]


def plain_study() -> OddStudy:
    """Return the study without anything odd."""
    return _study(0, "plain", lambda _dataset: None)


def _study(number: int, name: str, change: Change) -> OddStudy:
    dataset = chest()
    dataset.StudyInstanceUID = f"1.2.826.0.1.3680043.2.77.{number}"
    dataset.SeriesInstanceUID = f"{dataset.StudyInstanceUID}.1"
    dataset.SOPInstanceUID = f"{dataset.StudyInstanceUID}.1.1"
    dataset.PatientID = f"ODD-{number}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    change(dataset)
    # As if it had been read so: pydicom would write every text anew in another character set.
    dataset.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding=dataset._character_set
    )
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return OddStudy(name=name, dataset=dataset, elsewhere=name in _ELSEWHERE)
