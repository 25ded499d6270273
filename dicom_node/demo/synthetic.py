"""The demonstration's study: a chest radiograph that a computer drew, as a DICOM object.

No patient's image is behind it: ``phantom`` makes the picture from geometry, and this module puts
it into a Digital X-Ray Image - For Presentation (PS3.3 A.26), header and all.
"""

from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from dicom_node.demo.phantom.chest import BITS, WIDESPREAD, Chest, ChestOptions, Lesion, make_chest

PATIENT_ID = "SYNTHETIC-0001"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyUids:
    """The identifiers of a study with one image."""

    study: str
    series: str
    instance: str

    @classmethod
    def fresh(cls) -> "StudyUids":
        """Return identifiers that nobody has used."""
        return cls(study=generate_uid(), series=generate_uid(), instance=generate_uid())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SyntheticRadiograph:
    """The object, ready to be saved or sent, and where its opacity lies, if it has one."""

    dataset: Dataset
    lesions: tuple[Lesion, ...]


# Of those that the default model finds abnormal.
SAMPLE = ChestOptions(seed=3, consolidations=WIDESPREAD)


def make_radiograph(
    uids: StudyUids, taken_at: datetime, options: ChestOptions | None = None
) -> SyntheticRadiograph:
    """Return a synthetic chest radiograph as a DX object.

    Parameters
    ----------
    uids
        What the study, series and instance are called.
    taken_at
        The moment that the header gives for study and acquisition.
    options
        Seed, size, and whether there is an opacity; the defaults if None.
    """
    chest = make_chest(options or ChestOptions())
    dataset = Dataset()
    _add_patient_and_study(dataset, uids, taken_at)
    _add_series_and_equipment(dataset, uids, taken_at)
    _add_anatomy(dataset)
    _add_detector(dataset, chest)
    _add_pixels(dataset, chest)
    dataset.file_meta = _file_meta(uids)
    return SyntheticRadiograph(dataset=dataset, lesions=chest.lesions)


def _add_patient_and_study(dataset: Dataset, uids: StudyUids, taken_at: datetime) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Synthetic^Chest"
    dataset.PatientID = PATIENT_ID
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.PatientComments = "Drawn by a computer; no patient's image."
    dataset.StudyInstanceUID = uids.study
    dataset.StudyID = "1"
    dataset.AccessionNumber = "SYNTHETIC"
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = "Synthetic chest PA"
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{name}Date", taken_at.strftime("%Y%m%d"))
        setattr(dataset, f"{name}Time", taken_at.strftime("%H%M%S"))
    dataset.TimezoneOffsetFromUTC = taken_at.strftime("%z") or "+0000"


def _add_series_and_equipment(dataset: Dataset, uids: StudyUids, taken_at: datetime) -> None:
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = uids.instance
    dataset.SeriesInstanceUID = uids.series
    dataset.Modality = "DX"
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = "Synthetic chest PA"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.InstanceNumber = 1
    dataset.InstanceCreationDate = taken_at.strftime("%Y%m%d")
    dataset.InstanceCreationTime = taken_at.strftime("%H%M%S")
    dataset.Manufacturer = "DICOM AI node"
    dataset.ManufacturerModelName = "Synthetic chest"
    dataset.DeviceSerialNumber = "SYNTHETIC"
    dataset.SoftwareVersions = "1"
    dataset.StationName = "SYNTHETIC"


def _add_anatomy(dataset: Dataset) -> None:
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.ImageLaterality = "U"
    dataset.PatientOrientation = ["L", "F"]
    dataset.AnatomicRegionSequence = Sequence([_code("51185008", "Thorax")])
    dataset.ViewCodeSequence = Sequence([_code("272479007", "postero-anterior")])
    dataset.PatientOrientationCodeSequence = Sequence([_code("10904000", "erect")])
    dataset.PositionerType = ""
    dataset.AcquisitionContextSequence = Sequence()


def _add_detector(dataset: Dataset, chest: Chest) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY", ""]
    dataset.DetectorType = "DIRECT"
    dataset.DetectorID = "SYNTHETIC"
    dataset.KVP = 120
    dataset.ImagerPixelSpacing = [round(chest.spacing, 5)] * 2
    dataset.DerivationDescription = "Computed from geometric shapes"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"


def _add_pixels(dataset: Dataset, chest: Chest) -> None:
    dataset.Rows, dataset.Columns = chest.pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = BITS
    dataset.HighBit = BITS - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept = 0
    dataset.RescaleSlope = 1
    dataset.RescaleType = "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.WindowCenter = 2 ** (BITS - 1)
    dataset.WindowWidth = 2**BITS
    dataset.PixelData = chest.pixels.astype("<u2").tobytes()


def _file_meta(uids: StudyUids) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = UID(uids.instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "SCT"
    code.CodeMeaning = meaning
    return code
