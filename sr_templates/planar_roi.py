"""TID 1410 Planar ROI Measurements: one group for each region of each positive finding.

Viewers impose rules beyond the template, seen in OHIF 3.12: a group without a spatial coordinate
takes the page down, the first UIDREF must be the tracking UID, groups that share one merge, only
one SCOORD of a group is drawn, and a label shows the NUM's concept name but not the Finding.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ContentSequence,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    RelationshipTypeValues,
    ScoordContentItem,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset

from ai_engine.prediction import Finding, ImagePrediction, ModelIdentity
from sr_templates import codes
from sr_templates.percent import percentage
from sr_templates.regions import Place, places_of
from sr_templates.source_image import frame_reference, is_image, rows_and_columns, uid_of
from sr_templates.uids import tracking_uid


def planar_roi_groups(
    image: ImagePrediction,
    source: Dataset,
    model: ModelIdentity,
    algorithm: AlgorithmIdentification,
) -> Iterator[PlanarROIMeasurementsAndQualitativeEvaluations]:
    """Give the groups of one image, most probable finding first.

    A positive finding without a place on the image gets no group: it stands among the image-level
    results only. A detector's boxes have probabilities of their own; areas of a heat map have the
    finding's.
    """
    for finding in image.positive:
        for number, place in enumerate(places_on(finding, source), start=1):
            uid = tracking_uid(uid_of(source, "StudyInstanceUID"), model, image, finding, number)
            yield PlanarROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=TrackingIdentifier(
                    uid=uid, identifier=_identifier(finding, image.frame_number, number)
                ),
                referenced_region=image_region(place.points, source, image.frame_number),
                finding_type=CodedConcept.from_code(codes.concept(finding.code)),
                finding_sites=_sites(finding),
                geometric_purpose=CodedConcept.from_code(codes.OUTLINE),
                algorithm_id=algorithm,
                measurements=[
                    _measurement(
                        probability_concept(finding),
                        percentage(place.probability, beside=finding.threshold),
                        derivation=CodedConcept.from_code(codes.ESTIMATED),
                    ),
                    _measurement(
                        CodedConcept.from_code(codes.THRESHOLD_VALUE),
                        percentage(finding.threshold, beside=place.probability),
                    ),
                ],
            )


def _identifier(finding: Finding, frame_number: int | None, number: int) -> str:
    """Tracking Identifier: the finding's name, which is what a viewer lists."""
    area = f"area {number}" if number > 1 else ""
    frame = f"frame {frame_number}" if frame_number is not None else ""
    details = ", ".join(part for part in (area, frame) if part)
    return f"{finding.title} ({details})" if details else finding.title


def probability_concept(finding: Finding) -> CodedConcept:
    """Name a finding's probability; inside its group that is the standard's plain Probability."""
    name = CodedConcept.from_code(codes.probability_of(finding.code, finding.title))
    name.EquivalentCodeSequence = [codes.code_item(codes.PROBABILITY)]
    return name


def places_on(finding: Finding, source: Dataset) -> tuple[Place, ...]:
    """Say where a finding is on its source: one place for each group."""
    if not is_image(source):
        return ()
    rows, columns = rows_and_columns(source)
    return places_of(finding, rows=rows, columns=columns)


def image_region(
    points: npt.NDArray[np.float32], source: Dataset, frame_number: int | None
) -> ImageRegion:
    """SCOORD (111030, DCM, "Image Region"), selected from one frame of the source.

    Built from its parts, because highdicom's constructor reads its tables of all IODs to look for
    tiled images, which takes half a second of a process's first report.
    """
    frame = frame_reference(source, frame_number)
    item = ScoordContentItem(
        name=CodedConcept.from_code(codes.IMAGE_REGION),
        graphic_type=GraphicTypeValues.POLYLINE,
        graphic_data=points,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    selected_from = SourceImageForRegion(
        referenced_sop_class_uid=uid_of(source, "SOPClassUID"),
        referenced_sop_instance_uid=uid_of(source, "SOPInstanceUID"),
        referenced_frame_numbers=None if frame is None else [frame],
    )
    item.ContentSequence = ContentSequence([selected_from])
    return ImageRegion.from_dataset(item, copy=False)


def _sites(finding: Finding) -> list[FindingSite] | None:
    if finding.site is None:
        return None
    return [FindingSite(anatomic_location=CodedConcept.from_code(codes.concept(finding.site)))]


def _measurement(
    name: CodedConcept, value: float, derivation: CodedConcept | None = None
) -> Measurement:
    """TID 300; a threshold was set, and is neither derived nor measured."""
    method = None if derivation is None else CodedConcept.from_code(codes.CLASSIFICATION)
    return Measurement(
        name=name,
        value=value,
        unit=CodedConcept.from_code(codes.PERCENT),
        derivation=derivation,
        method=method,
    )
