"""A phantom's CT study with a hazy ball and a nodule, analysed, for the templates' tests."""

from dataclasses import dataclass
from functools import lru_cache

from pydicom import Dataset

from ai_engine.ct.display import displayed_slice
from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.predictor import load_classical
from ai_engine.ct.testing import TISSUE, Ellipsoid, ct_datasets, phantom
from ai_engine.library.registry import ModelRegistry
from sr_templates.ct.secondary_capture import PixelsOf
from tests.unit.ai_engine_ct.enhanced import enhanced

STUDY = "1.2.826.0.1.3680043.2.9"
SERIES = f"{STUDY}.1"
GLASS = Ellipsoid(centre=(10, 0, -75), radii=(32, 32, 32), hounsfield=-450)
NODULE = Ellipsoid(centre=(-20, 10, 80), radii=(9, 9, 9), hounsfield=TISSUE)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Study:
    """A study's whole objects and what the classical method says of them."""

    datasets: tuple[Dataset, ...]
    prediction: CtPrediction


@lru_cache
def a_study(*, diseased: bool = True, slices: int = 60, multiframe: bool = False) -> Study:
    """A CT study of the phantom; with fewer slices than 20, one that is refused.

    ``multiframe`` makes one Enhanced CT object of it.
    """
    bodies = (GLASS, NODULE) if diseased else ()
    volume = phantom(*bodies, shape=(60, 96, 128), spacing=(4.0, 2.6, 2.6))
    datasets = tuple(_of_patient(each) for each in ct_datasets(volume)[:slices])
    if multiframe:
        datasets = (enhanced(datasets),)
    by_uid = {each.SOPInstanceUID: each for each in datasets}
    predictor = load_classical(ModelRegistry().card("ct-high-attenuation", "1.0.0"))
    prediction = predictor.predict(datasets, by_uid.__getitem__)
    return Study(datasets=datasets, prediction=prediction)


def _of_patient(dataset: Dataset) -> Dataset:
    dataset.StudyInstanceUID = STUDY
    dataset.SeriesInstanceUID = SERIES
    dataset.FrameOfReferenceUID = f"{STUDY}.2"
    dataset.PatientID, dataset.PatientName = "P-1", "Phantom"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = ""
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20260101", "120000", "1"
    dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber = 1
    dataset.BodyPartExamined = "CHEST"
    dataset.SliceThickness = 4
    dataset.PatientOrientation = ["L", "P"]
    return dataset


def pixels_of(study: Study) -> PixelsOf:
    """Give a study's slices as they are displayed."""
    by_uid = {each.SOPInstanceUID: each for each in study.datasets}
    return lambda place: displayed_slice(by_uid[place.sop_instance_uid], place.frame_number)
