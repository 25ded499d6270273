"""Headers name body regions and views in many words; what is not known is never a contradiction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from ai_engine.library.labels import OTHER_TYPES, XRAY_TYPES
from ai_engine.prediction import Code
from ai_engine.preprocessing.body_region import (
    BodyRegion,
    may_agree,
    regions_coded,
    regions_named,
)
from ai_engine.preprocessing.patient_context import context_of
from ai_engine.preprocessing.view_position import (
    ViewPosition,
    is_one_of,
    view_coded,
    view_named,
)

CHEST, ABDOMEN, PELVIS = BodyRegion.CHEST, BodyRegion.ABDOMEN, BodyRegion.PELVIS


@pytest.mark.parametrize(
    "text",
    [
        *("CHEST", " chest ", "Thorax", "TORAX", "Tórax", "TORACE", "torace", "Brustkorb", "LUNG"),
        *("poumons", "Polmoni", "klatka piersiowa", "Akciğer göğüs", "borstkas", "CXR", "THX"),
        *("ОГК", "Органы грудной клетки", "легкие", "Кеуде қуысы", "грудная клетка", "HRCT"),
        *("CHEST^ROUTINE", "Thorax PA/LAT", "LUNG SCREENING", "CT PE CHEST", "RIBS", "HEART"),
        *(
            "HRUDNÍK",
            "Plíce",
            "BRYST",
            "rintakehä",
            "MELLKAS",
            "grudni koš",
            "胸部",
            "ΘΩΡΑΚΑΣ",
            "KLP",
            "RTG klatki piersiowej",
            "AKCİĞER",
            "akciğer grafisi",
            "Thoraxröntgen",
            "Θώραξ",
            "гръден кош",
            "胸部正位",
            "X線 胸",
            "흉부",
            "ทรวงอก",
            "الصدر",
            "בית החזה",
            "ngực",
            "plaučiai",
            "kopsud",
            "CHESTPA",
        ),
    ],
)
def test_the_chest_is_the_chest_in_any_language(text: str) -> None:
    assert regions_named(text) == {CHEST}


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("CHEST_TO_PELVIS", {CHEST, ABDOMEN, PELVIS}),
        ("Thorax bis Becken", {CHEST, ABDOMEN, PELVIS}),
        ("CHESTABDPELVIS", {CHEST, ABDOMEN, PELVIS}),
        ("THORAXABDOMENBECKEN", {CHEST, ABDOMEN, PELVIS}),
        ("CHESTABDOMEN", {CHEST, ABDOMEN}),
        ("CHEST/ABD", {CHEST, ABDOMEN}),
        ("TAP", {CHEST, ABDOMEN, PELVIS}),
        ("WHOLEBODY", {BodyRegion.HEAD, BodyRegion.NECK, CHEST, ABDOMEN, PELVIS}),
        ("HALSTHORAX", {BodyRegion.NECK, CHEST}),
        # The spine of the thorax is no chest.
        ("TSPINE", {BodyRegion.SPINE}),
        ("Thoracic spine", {BodyRegion.SPINE}),
        ("грудной отдел позвоночника", {BodyRegion.SPINE}),
        ("BREAST", {BodyRegion.BREAST}),
        ("KNEE", {BodyRegion.KNEE}),
        ("Hand links", {BodyRegion.HAND}),
        ("Kopf", {BodyRegion.HEAD}),
        ("kręgosłup", {BodyRegion.SPINE}),
        ("胸椎", {BodyRegion.SPINE}),
        ("흉추", {BodyRegion.SPINE}),
        ("HWS seitlich", {BodyRegion.SPINE}),
        ("batın", {ABDOMEN}),
        ("Kniegelenk", {BodyRegion.KNEE}),
        ("Sprunggelenk", {BodyRegion.FOOT}),
        ("Schultergelenk", {BodyRegion.SHOULDER}),
        ("左手", {BodyRegion.HAND}),
        ("плечевая кость", {BodyRegion.ARM, BodyRegion.SHOULDER}),
        ("BABYGRAM", {CHEST, ABDOMEN}),
        ("upper limb", {BodyRegion.EXTREMITY}),
        # An operation, a newborn at term, somebody who lies prone.
        *((text, set()) for text in ("手术", "足月", "腹臥位")),
        # Words that say nothing.
        ("EXTREMITY", {BodyRegion.EXTREMITY}),
        *((text, set()) for text in ("", "PORTABLE", "XYZ", "OTHER", "CT PE", "LONG", "COR")),
    ],
)
def test_words_name_the_regions_that_they_mean(text: str, regions: set[BodyRegion]) -> None:
    assert regions_named(text) == regions


@given(st.text(max_size=300))
@pytest.mark.slow
def test_no_text_breaks_the_reading(text: str) -> None:
    assert regions_named(text) <= set(BodyRegion)
    assert view_named(text) in {None, *ViewPosition}


@pytest.mark.parametrize(
    ("value", "scheme", "meaning", "regions"),
    [
        ("51185008", "SCT", "", {CHEST}),
        ("T-D3000", "SRT", "", {CHEST}),
        ("T-D3000", "SNM3", "", {CHEST}),
        ("816094009", "SCT", "", {CHEST}),
        ("416775004", "SCT", "", {CHEST, ABDOMEN, PELVIS}),
        ("24136001", "SCT", "Hip joint", {BodyRegion.HIP}),
        ("24136001", "SCT", "", {BodyRegion.HIP}),
        ("61685007", "SCT", "Lower limb structure", {BodyRegion.EXTREMITY}),
        ("77", "99LOCAL", "Thorax", {CHEST}),
        ("77", "99LOCAL", "", set()),
    ],
)
def test_region_codes_of_today_and_of_older_systems_are_known(
    value: str, scheme: str, meaning: str, regions: set[BodyRegion]
) -> None:
    assert regions_coded(value, scheme, meaning) == regions


@pytest.mark.parametrize(
    ("name", "code"), [*XRAY_TYPES.items(), ("Abdomen", OTHER_TYPES["Abdomen"])]
)
def test_a_body_part_that_the_node_codes_is_read_again(name: str, code: Code) -> None:
    assert regions_coded(code.value, code.scheme) == regions_named(name)


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        (BodyRegion.EXTREMITY, BodyRegion.HAND, True),
        (BodyRegion.KNEE, BodyRegion.EXTREMITY, True),
        (PELVIS, BodyRegion.HIP, True),
        (CHEST, BodyRegion.EXTREMITY, False),
        (BodyRegion.HAND, BodyRegion.FOOT, False),
        (PELVIS, ABDOMEN, False),
    ],
)
def test_a_limb_may_be_any_and_a_pelvis_shows_hips(
    one: BodyRegion, other: BodyRegion, may: bool
) -> None:
    assert may_agree(frozenset({one}), frozenset({other})) is may


def test_no_code_of_the_standard_is_read_against_its_own_meaning() -> None:
    """CID 4031 has 114 regions: where both the code and its name say something, they agree."""
    members = [getattr(codes.cid4031, name) for name in codes.cid4031.dir()]
    read = {each: regions_coded(each.value, each.scheme_designator) for each in members}
    named = {each: regions_named(each.meaning) for each in members}
    both = [each for each in members if read[each] and named[each]]
    assert len(both) > 15
    assert [each.meaning for each in both if not read[each] & named[each]] == []


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("AP", ViewPosition.AP),
        ("AP SUPINE", ViewPosition.AP),
        ("ap_portable", ViewPosition.AP),
        ("Antero-posterior", ViewPosition.AP),
        ("PA ", ViewPosition.PA),
        ("PA ERECT", ViewPosition.PA),
        ("FRONTAL", ViewPosition.FRONTAL),
        ("FRONTAL AP", ViewPosition.AP),
        ("LL", ViewPosition.LEFT_LATERAL),
        ("Left lateral", ViewPosition.LEFT_LATERAL),
        ("Lat.", ViewPosition.LATERAL),
        ("боковая", ViewPosition.LATERAL),
        ("boczne", ViewPosition.LATERAL),
        ("側面", ViewPosition.LATERAL),
        ("정면", ViewPosition.FRONTAL),
        ("ventrodorsal", ViewPosition.FRONTAL),
        ("RLO", ViewPosition.OBLIQUE),
        # How a patient lies, both views at once, and what is no view.
        *(
            (text, None)
            for text in ("LLD", "LEFT LATERAL DECUBITUS", "PA/LAT", "PORTABLE", "", None)
        ),
    ],
)
def test_views_are_known_however_they_are_written(
    text: str | None, view: ViewPosition | None
) -> None:
    assert view_named(text) is view


def test_every_view_code_of_the_standard_that_is_known_means_what_it_says() -> None:
    assert view_coded(codes.cid4010.PosteroAnterior.value) is ViewPosition.PA
    assert view_coded(codes.cid4010.AnteroPosterior.value) is ViewPosition.AP
    assert view_coded(codes.cid4010.LeftLateral.value) is ViewPosition.LEFT_LATERAL
    assert view_coded(codes.cid4010.RightLateral.value) is ViewPosition.RIGHT_LATERAL
    assert view_coded(codes.cid4010.Frontal.value) is ViewPosition.FRONTAL
    assert view_coded("R-10214") is ViewPosition.PA
    assert view_coded("123") is None


def test_what_says_less_may_be_what_is_wanted() -> None:
    assert is_one_of(ViewPosition.FRONTAL, {ViewPosition.PA})
    assert is_one_of(ViewPosition.LEFT_LATERAL, {ViewPosition.LATERAL})
    assert not is_one_of(ViewPosition.LATERAL, {ViewPosition.PA, ViewPosition.AP})
    assert not is_one_of(ViewPosition.PA, {ViewPosition.AP})


def test_a_model_that_is_given_the_view_hears_it_however_it_is_written() -> None:
    assert context_of(sex="F", age=40, view="AP SUPINE") == context_of(sex="F", age=40, view="AP")
    assert context_of(sex="F", age=40, view="LATERAL").view is None
