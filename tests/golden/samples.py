"""One value of every kind that a durable step hands on, with every optional field filled."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from dbos import error as dbos_error

from ai_engine.ct.masks import pack_mask
from ai_engine.ct.prediction import CtPrediction, SeriesRefusal
from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.ct.results import (
    Area,
    Caution,
    CtAnalysis,
    CtFinding,
    KeySlice,
    LungMeasurement,
    Pattern,
    PatternMeasurement,
    Severity,
    Side,
    SliceRange,
)
from ai_engine.ct.series import LeftOut
from ai_engine.ct.slices import SliceReference
from ai_engine.ct.volume import VolumeGeometry
from ai_engine.kinds.bones.prediction import BoneImage, BonePrediction
from ai_engine.prediction import (
    Code,
    Finding,
    FoundBox,
    HeatMap,
    ImagePrediction,
    ImageQuality,
    MadeObject,
    ModelIdentity,
    Prediction,
    Refusal,
    RefusalReason,
    Region,
    Remark,
    RemarkKind,
    Triage,
)
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.job import Job
from dicom_node.domain.patient import PatientDecision
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.route import TagDoubt
from dicom_node.domain.study import StoredStudy
from dicom_node.errors import ConflictError
from dicom_node.workflow.analysis.infer import Inferred
from dicom_node.workflow.analysis.route import Routed
from sr_templates.evidence_kind import EvidenceKind

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
STUDY, IMAGE = "1.2.826.0.1.1", "1.2.826.0.1.1.1.1"
JOB_ID = "0123456789abcdef0123456789abcdef"
MODEL = ModelIdentity(
    name="chest",
    version="2.0.0",
    weights_digest="a" * 64,
    title="Chest radiograph",
    manufacturer="nobody",
    research_only=True,
)
OPACITY = Code(value="35241000119100", scheme="SCT", meaning="Pulmonary opacity")
REGION = Region(left=0.5, top=-1.25, right=64.0, bottom=63.75)
JOB = Job(
    job_id=JOB_ID,
    study_instance_uid=STUDY,
    revision=2,
    route="chest",
    model=MODEL,
    sop_instance_uids=(IMAGE,),
    destinations=("PACS",),
    urgent=True,
    doubts=(TagDoubt(sop_instance_uid=IMAGE, tags="hand", pixels="a chest (für wahr)"),),
    triage=Triage(model=MODEL, sop_instance_uid=IMAGE, probability=0.1 + 0.2, threshold=0.5),
    interruption=AssociationEnd.ABORTED,
    decision=PatientDecision(
        keys=("a1",), known=("a1", "b2"), is_same=True, actor="somebody", at=AT, why="asked"
    ),
    readers=2,
    reads_first=True,
)
PREDICTION = Prediction(
    model=MODEL,
    objects=(MadeObject(data=b"\0\xffDICM"),),
    parameters=("service chest version 3 at http://triton:8000",),
    images=(
        ImagePrediction(
            sop_instance_uid=IMAGE,
            findings=(
                Finding(
                    label="opacity",
                    title="Opacity",
                    code=OPACITY,
                    site=Code(value="39607008", scheme="SCT", meaning="Lung structure"),
                    probability=0.75,
                    threshold=0.5,
                    heat_map=HeatMap(
                        values=np.array([[0, 0.1, 1], [0.5, 0.25, 0.125]], np.float32),
                        region=REGION,
                        within=np.array([[0, 1], [1, 1]], np.float32),
                    ),
                    score=0.625,
                    boxes=(FoundBox(region=REGION, probability=0.7),),
                ),
            ),
            frame_number=1,
            quality=ImageQuality(exposure=0.5, contrast=0.25, noise=0.01, sharpness=float("nan")),
        ),
    ),
    refusals=(Refusal(sop_instance_uid=IMAGE, reason=RefusalReason.TOO_SMALL, detail="16 x 16"),),
    calibration="device 3",
    remarks=(Remark(kind=RemarkKind.TRIAGE, sop_instance_uid=IMAGE, detail="looked at first"),),
)
BONES = BonePrediction(
    model=MODEL,
    images=(BoneImage(sop_instance_uid=IMAGE, packed=b"\x89PNG\xff\x00", region=REGION),),
    refusals=PREDICTION.refusals,
    remarks=PREDICTION.remarks,
)


def ct_prediction() -> CtPrediction:
    """Return a CT's result with every part filled."""
    place = SliceReference(sop_instance_uid=IMAGE, frame_number=3)
    ring = ((1.0, 2.0), (3.5, 2.0), (3.5, 4.0), (1.0, 2.0))
    mask = pack_mask(np.eye(4, dtype=bool)[None])
    lung = LungMeasurement(
        side=Side.RIGHT,
        volume_ml=2500.5,
        aerated_ml=2450.25,
        inhomogeneity_ml=25.25,
        percentage=1.01,
        high_attenuation_percentage=4.3,
        mean_hounsfield=-812.5,
        percentile_15=-905.0,
        severity=Severity.GRADE_1,
    )
    analysis = CtAnalysis(
        method=MODEL,
        geometry=VolumeGeometry(
            shape=(1, 4, 4),
            spacing=(1.5, 0.7, 0.7),
            rows_along=(0.0, 1.0, 0.0),
            columns_along=(1.0, 0.0, 0.0),
            references=(place,),
            positions=((-100.0, -120.0, 30.0),),
            slice_thickness=2.0,
        ),
        measurements=(lung, lung, lung),
        findings=(
            CtFinding(
                pattern=Pattern.NODULE,
                side=Side.LEFT,
                volume_ml=0.5,
                mean_hounsfield=35.0,
                slices=(1, 1),
                largest_slice=1,
                centre=(1.0, 2.0, 3.0),
            ),
        ),
        ranges=(SliceRange(first=1, last=1, patterns=(Pattern.NODULE,)),),
        explanation=("A nodule.",),
        cautions=(Caution.THICK,),
        patterns=(
            PatternMeasurement(
                pattern=Pattern.NODULE, side=Side.BOTH, volume_ml=0.5, percentage=0.02, regions=1
            ),
        ),
        key_slices=(
            KeySlice(
                number=1,
                reference=place,
                patterns=(Pattern.NODULE,),
                areas=(ring,),
                lungs=(ring, ring),
            ),
        ),
        outlines=(
            Area(what=Side.BOTH, number=1, reference=place, ring=ring),
            Area(what=Pattern.NODULE, number=1, reference=place, ring=ring),
        ),
        right_lung=mask,
        left_lung=mask,
        inhomogeneity=((Pattern.NODULE, mask),),
        corrections=("The pixels are signed.",),
    )
    return CtPrediction(
        model=MODEL,
        analysis=analysis,
        choice="the thinnest axial series",
        refusals=(
            SeriesRefusal(
                series_instance_uid=f"{STUDY}.2",
                sop_instance_uids=(IMAGE,),
                reason=CtRefusalReason.GANTRY_TILT,
                detail="12 degrees",
            ),
        ),
        left_out=(LeftOut(series_instance_uid=f"{STUDY}.3", sop_instance_uids=(), reason="scout"),),
        parameters=("threshold -600 HU",),
        limitations=("adults only",),
        remarks=PREDICTION.remarks,
    )


def samples() -> Mapping[str, object]:
    """Return a value for each file of a golden set, by the file's name."""
    return {
        "arguments": {"args": (STUDY,), "kwargs": {}},
        "nothing": None,
        "item-ids": (JOB_ID,),
        "stored-study": StoredStudy(
            study_instance_uid=STUDY,
            revision=2,
            sender="CR1",
            completed_at=AT,
            sop_instance_uids=(IMAGE,),
            interruption=AssociationEnd.CONNECTION_LOST,
        ),
        "routed": Routed(
            jobs=(JOB,),
            finished=(JOB_ID,),
            reason="none",
            unrouted=JOB,
            told="no model",
            undecided=(JOB,),
            come_twice=JOB,
        ),
        "inferred": Inferred(job_id=JOB_ID, made_at=AT),
        "evidence": (
            EvidenceObject(
                sop_instance_uid=f"{IMAGE}.9",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
                series_instance_uid=f"{STUDY}.9",
                kind=EvidenceKind.SR,
                job_id=JOB_ID,
                path="a/b.dcm",
                problems=("no patient",),
                evidence_set=EvidenceSet.FAILURE,
            ),
        ),
        "prediction": PREDICTION,
        "ct-prediction": ct_prediction(),
        "bone-prediction": BONES,
        "refusal": ConflictError("the job is done"),
        "unforeseen-error": ZeroDivisionError("Doe^Jane"),
        "retries-exceeded": dbos_error.DBOSMaxStepRetriesExceeded("infer", 3, [OSError("x")]),
    }
