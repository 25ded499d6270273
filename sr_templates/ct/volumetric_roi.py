"""TID 1411 Volumetric ROI Measurements: one group for each lung and each pattern.

Where a segmentation is made, a group refers to its segment, and the outline on the slice where it
is largest stands below the volume, as what this was inferred from (TID 1419 is extensible). Without
a segmentation, the outline is the group's region. So each group has exactly one SCOORD: OHIF 3.12
stops at a group without any, and draws only the first.
"""

from collections.abc import Iterator

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ContentSequence,
    CoordinatesForMeasurement,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    QualitativeEvaluation,
    ReferencedSegment,
    ScoordContentItem,
    SourceImageForMeasurement,
    SourceImageForRegion,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom import Dataset
from pydicom.sr.coding import Code

from ai_engine.ct import codes as engine_codes
from ai_engine.ct.results import Area, LungMeasurement, Pattern, Side
from ai_engine.prediction import Code as PredictionCode
from sr_templates import codes
from sr_templates.algorithm_identification import identified
from sr_templates.ct import codes as ct_codes
from sr_templates.ct.algorithm import ct_parameters
from sr_templates.ct.subject import CtSubject
from sr_templates.source_image import uid_of

Group = VolumetricROIMeasurementsAndQualitativeEvaluations


def volumetric_roi_groups(subject: CtSubject, *, segmented: bool) -> Iterator[Group]:
    """Give the groups, lungs first; a lung that was not found has none.

    Parameters
    ----------
    segmented
        Whether a segmentation goes with the report, so that segments can be referred to.
    """
    prediction = subject.prediction
    algorithm = identified(prediction.model, ct_parameters(prediction))
    for area in subject.analysis.outlines:
        builder = _Group(subject=subject, area=area, segmented=segmented, algorithm=algorithm)
        yield builder.build()


class _Group:
    """One group in the making."""

    def __init__(
        self, *, subject: CtSubject, area: Area, segmented: bool, algorithm: AlgorithmIdentification
    ) -> None:
        self._subject = subject
        self._area = area
        self._segmented = segmented
        self._algorithm = algorithm

    def build(self) -> Group:
        what = self._area.what
        group = Group(
            tracking_identifier=TrackingIdentifier(
                uid=self._subject.tracking_uid(what), identifier=self._identifier()
            ),
            referenced_regions=None if self._segmented else [self._region()],
            referenced_segment=self._segment() if self._segmented else None,
            # A lung is no finding: where it was measured is its group's Finding Site.
            finding_type=None if isinstance(what, Side) else _concept(what.code),
            method=_coded(ct_codes.METHOD),
            finding_sites=[FindingSite(anatomic_location=_concept(site)) for site in self._sites()],
            algorithm_id=self._algorithm,
            measurements=list(self._lung() if isinstance(what, Side) else self._pattern(what)),
            qualitative_evaluations=self._grade() if isinstance(what, Side) else None,
        )
        for item in group[0].ContentSequence:
            if item.name == _coded(codes.MEASUREMENT_METHOD):
                # TID 1419 row 1, which highdicom writes as contained.
                item.RelationshipType = Relationship.HAS_CONCEPT_MOD.value
        if self._segmented:
            # highdicom's constructor takes no coordinates here.
            items = group[0].ContentSequence
            volume = next(item for item in items if item.ValueType == "NUM")
            volume.ContentSequence = ContentSequence([self._coordinates()])
        return group

    def _identifier(self) -> str:
        """Tracking Identifier: what a viewer lists. What a lung has none of is said here."""
        what = self._area.what
        if isinstance(what, Side) and _is_zero(self._lung_row().percentage):
            return f"{title(what)}: no inhomogeneity measured"
        return title(what)

    def _sites(self) -> list[PredictionCode]:
        what = self._area.what
        if isinstance(what, Side):
            return [what.code]
        return [
            row.side.code
            for row in self._subject.analysis.patterns
            if row.pattern is what and row.side is not Side.BOTH
        ]

    def _lung(self) -> Iterator[Measurement]:
        row = self._lung_row()
        yield self._volume(row.volume_ml)
        for name, value, unit in lung_numbers(row):
            # OHIF 3.12 shows a zero as nothing; the evaluations have it (see `ct.evaluations`).
            if not _is_zero(value):
                yield Measurement(name=name, value=value, unit=unit)

    def _pattern(self, pattern: Pattern) -> Iterator[Measurement]:
        rows = {r.side: r for r in self._subject.analysis.patterns if r.pattern is pattern}
        yield self._volume(rows[Side.BOTH].volume_ml)
        for side, row in rows.items():
            if _is_zero(row.percentage):
                continue
            yield Measurement(
                name=_coded(ct_codes.PART_OF[pattern, side]),
                value=rounded(row.percentage),
                unit=_coded(codes.PERCENT),
            )
        yield Measurement(
            name=_coded(ct_codes.REGIONS),
            value=rows[Side.BOTH].regions,
            unit=_coded(ct_codes.COUNT),
        )

    def _grade(self) -> list[QualitativeEvaluation] | None:
        row = self._lung_row()
        if row.percentage is None:
            return None
        grade = ct_codes.CANNOT_GRADE if row.severity is None else ct_codes.GRADES[row.severity]
        return [QualitativeEvaluation(name=_coded(ct_codes.SEVERITY), value=_coded(grade))]

    def _lung_row(self) -> LungMeasurement:
        rows = self._subject.analysis.measurements
        return next(row for row in rows if row.side is self._area.what)

    @staticmethod
    def _volume(millilitres: float) -> Measurement:
        return Measurement(
            name=_concept(engine_codes.VOLUME),
            value=rounded(millilitres),
            unit=_concept(engine_codes.MILLILITRE),
        )

    def _segment(self) -> ReferencedSegment:
        reference = self._subject.segmentation()
        return ReferencedSegment(
            sop_class_uid=reference.SOPClassUID,
            sop_instance_uid=reference.SOPInstanceUID,
            segment_number=1 + self._subject.segments.index(self._area.what),
            source_series=SourceSeriesForSegmentation(
                uid_of(self._subject.slices[0], "SeriesInstanceUID")
            ),
        )

    def _coordinates(self) -> CoordinatesForMeasurement:
        image = self._subject.reference(self._area.reference)
        item = self._scoord(codes.SOURCE_OF_MEASUREMENT, Relationship.INFERRED_FROM)
        item.ContentSequence = ContentSequence(
            [
                SourceImageForMeasurement(
                    referenced_sop_class_uid=image.ReferencedSOPClassUID,
                    referenced_sop_instance_uid=image.ReferencedSOPInstanceUID,
                    referenced_frame_numbers=_frames(image),
                )
            ]
        )
        item.ContentSequence[0].RelationshipType = Relationship.SELECTED_FROM.value
        return CoordinatesForMeasurement.from_dataset(item, copy=False)

    def _region(self) -> ImageRegion:
        image = self._subject.reference(self._area.reference)
        item = self._scoord(codes.IMAGE_REGION, Relationship.CONTAINS)
        item.ContentSequence = ContentSequence(
            [
                SourceImageForRegion(
                    referenced_sop_class_uid=image.ReferencedSOPClassUID,
                    referenced_sop_instance_uid=image.ReferencedSOPInstanceUID,
                    referenced_frame_numbers=_frames(image),
                )
            ]
        )
        return ImageRegion.from_dataset(item, copy=False)

    def _scoord(self, name: Code, relationship: Relationship) -> ScoordContentItem:
        return ScoordContentItem(
            name=_coded(name),
            graphic_type=GraphicTypeValues.POLYLINE,
            graphic_data=np.array(self._area.ring, np.float32),
            relationship_type=relationship,
        )


def title(what: Side | Pattern) -> str:
    """Give a lung's or a pattern's name as a heading: what a viewer lists."""
    if what is Pattern.UNDECIDED:
        return "Type not decided"
    return what.value[:1].upper() + what.value[1:]


def lung_numbers(row: LungMeasurement) -> Iterator[tuple[CodedConcept, float, CodedConcept]]:
    """Give a lung's figures beside its volume: name, value, unit. None for a lung not found."""
    if row.percentage is not None:
        name = _coded(ct_codes.INHOMOGENEITY_OF[row.side])
        yield name, rounded(row.percentage), _coded(codes.PERCENT)
        name, unit = _coded(ct_codes.INHOMOGENEITY_VOLUME), _concept(engine_codes.MILLILITRE)
        yield name, rounded(row.inhomogeneity_ml), unit
        yield _coded(ct_codes.AERATED_VOLUME), rounded(row.aerated_ml), unit
    if row.high_attenuation_percentage is not None:
        name = _concept(engine_codes.HIGH_ATTENUATION_PERCENTAGE)
        yield name, rounded(row.high_attenuation_percentage), _coded(codes.PERCENT)
    if row.mean_hounsfield is not None:
        name = _concept(engine_codes.MEAN_ATTENUATION)
        yield name, rounded(row.mean_hounsfield), _concept(engine_codes.HOUNSFIELD_UNIT)
    if row.percentile_15 is not None:
        name = _coded(ct_codes.PERCENTILE_15)
        yield name, rounded(row.percentile_15), _concept(engine_codes.HOUNSFIELD_UNIT)


def rounded(value: float) -> float:
    """Round to hundredths, since more would only be digits; but what is little is not nothing."""
    return round(value, 2) or float(f"{value:.1g}")


def _frames(reference: Dataset) -> list[int] | None:
    """The frame that a reference is to, as highdicom takes it: a list; None in single frames."""
    frame = reference.get("ReferencedFrameNumber")
    return None if frame is None else [int(frame)]


def _is_zero(value: float | None) -> bool:
    return value is not None and rounded(value) == 0


def _coded(code: Code) -> CodedConcept:
    return CodedConcept.from_code(code)


def _concept(code: PredictionCode) -> CodedConcept:
    return CodedConcept.from_code(codes.concept(code))
