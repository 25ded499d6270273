"""Results in the language of a destination: other objects for it, the same codes and figures."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset, dcmread

from dicom_node.domain.application_entity import Role
from sr_templates import codes
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.language.language import LanguageCode
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.workflow.fitted import fitting
from tests.unit.workflow.test_pipeline import Works

pytestmark = pytest.mark.slow

_KINDS = (EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.PDF, EvidenceKind.KO)
_LATIN = re.compile(r"[A-Za-z]{4,}")


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    for title, language in (("PACS", LanguageCode.RUSSIAN), ("OTHER", LanguageCode.ENGLISH)):
        entity = an_entity(title, roles=frozenset({Role.PACS}), evidence=_KINDS, language=language)
        made.ae_titles.put(entity, actor="t", at=EPOCH)
    sender = an_entity("CR1", quiet_period=0, destinations=("PACS", "OTHER"))
    made.ae_titles.put(sender, actor="t", at=EPOCH)
    return made


def _delivered(works: Works, title: str) -> dict[str, Dataset]:
    """Return what a destination got, by modality."""
    own = fitting(
        works.hotbase,
        works.deliveries,
        works.clock,
        works.folder / "evidence",
        substitutes=works.substitutes,
    )
    works.courier(title, fitting=own).round()
    paths = [path for to, sent in works.sender.sent if to == title for path in sent]
    found = (dcmread(works.folder / "evidence" / path) for path in paths)
    return {str(each.Modality): each for each in found}


def _words(report: Dataset) -> Iterator[str]:
    for element in report.iterall():
        if element.keyword == "TextValue":
            yield str(element.value)


def test_a_destination_gets_report_overlay_and_page_in_its_language(works: Works) -> None:
    works.receive("1.2.3.1", ImagerPixelSpacing=["0.2", "0.2"])
    works.analyse()
    russian, english = _delivered(works, "PACS"), _delivered(works, "OTHER")
    assert russian.keys() == english.keys() == {"SR", "OT", "DOC", "KO"}
    for modality, each in russian.items():
        assert each.SOPInstanceUID != english[modality].SOPInstanceUID
        assert each.StudyInstanceUID == STUDY
        assert each.SpecificCharacterSet == "ISO_IR 192"
    assert "Результат ИИ, не подтверждён" in next(
        words for words in _words(russian["SR"]) if "Результат" in words
    )
    assert "AI result, not verified" in " ".join(_words(english["SR"]))
    assert (russian["OT"].pixel_array != english["OT"].pixel_array).any()
    (language,) = (
        item.ConceptCodeSequence[0]
        for item in russian["SR"].ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == codes.LANGUAGE_OF_CONTENT.value
    )
    assert (language.CodeValue, language.CodingSchemeDesignator) == ("ru", "RFC5646")


def test_codes_and_figures_are_the_same_in_every_language(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse()
    russian, english = _delivered(works, "PACS")["SR"], _delivered(works, "OTHER")["SR"]
    for keyword in ("CodingSchemeDesignator", "NumericValue", "GraphicData", "UID"):
        said, other = (
            [each.value for each in report.iterall() if each.keyword == keyword]
            for report in (russian, english)
        )
        assert said == other, keyword
    values = (
        [each.value for each in report.iterall() if each.keyword == "CodeValue"]
        for report in (russian, english)
    )
    differ = [pair for pair in zip(*values, strict=True) if pair[0] != pair[1]]
    assert differ == [("ru", "en-US")]


def test_a_report_names_the_overlay_that_its_destination_got(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse()
    russian = _delivered(works, "PACS")
    (study,) = russian["SR"].CurrentRequestedProcedureEvidenceSequence
    named = {
        one.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert named == {"1.2.3.1", *(russian[one].SOPInstanceUID for one in ("OT", "DOC", "KO"))}


def test_a_delivery_that_is_repeated_sends_the_same_objects(works: Works) -> None:
    works.receive("1.2.3.1")
    works.analyse()
    first = _delivered(works, "PACS")
    job = works.hotbase.jobs(STUDY)[0]["job_id"]
    works.analyse("w2")
    kept = works.substitutes.of_job(job)
    assert {each.sent_instance_uid for each in kept} == {
        each.SOPInstanceUID for each in first.values()
    }


def test_no_english_is_left_in_a_report_but_names(works: Works) -> None:
    works.receive("1.2.3.1", NumberOfSeriesRelatedInstances="2")
    works.analyse()
    names = {"fake-model", "nobody", "A model that always says the same"}
    # Its finding is none of the node's own, and so is called what its card calls it.
    texts = (
        re.sub("Pulmonary opacity|порог opacity", "", words)
        for words in _words(_delivered(works, "PACS")["SR"])
    )
    assert [words for words in texts if _LATIN.search(words) and words not in names] == []


def test_segments_and_outlines_come_in_its_language_and_the_report_names_those(
    works: Works,
) -> None:
    kinds = (EvidenceKind.SR, EvidenceKind.SEG, EvidenceKind.PR)
    for title, language in (("PACS", LanguageCode.RUSSIAN), ("OTHER", LanguageCode.ENGLISH)):
        entity = an_entity(title, roles=frozenset({Role.PACS}), evidence=kinds, language=language)
        works.ae_titles.put(entity, actor="t", at=EPOCH)
    works.receive("1.2.3.1", ImagerPixelSpacing=["0.2", "0.2"])
    works.analyse()
    russian, english = _delivered(works, "PACS"), _delivered(works, "OTHER")
    assert russian.keys() == english.keys() == {"SR", "SEG", "PR"}
    for modality in ("SEG", "PR"):
        made, other = russian[modality], english[modality]
        assert made.SOPInstanceUID != other.SOPInstanceUID
        assert made.SeriesInstanceUID == other.SeriesInstanceUID
        assert "не подтверждены" in made.ContentDescription
        assert made.ContentLabel == other.ContentLabel
    assert russian["SEG"].PixelData == english["SEG"].PixelData
    of_segment, of_other = (
        each["SEG"].SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue
        for each in (russian, english)
    )
    assert of_segment == of_other
    named = _named(russian["SR"])
    assert {russian[each].SOPInstanceUID for each in ("SEG", "PR")} <= named
    assert not {english[each].SOPInstanceUID for each in ("SEG", "PR")} & named


def _named(report: Dataset) -> set[str]:
    return {
        str(element.value)
        for element in report.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    }
