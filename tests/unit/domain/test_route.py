"""Routing rules: which images a route wants, and what it says when it does not."""

from dataclasses import replace

import pytest

from dicom_node.domain.header_words import contradiction_of
from dicom_node.domain.instance import CodedValue
from dicom_node.domain.route import AppearanceCheck, Route, TagDoubt
from dicom_node.domain.route_matching import doubtful_instances, matching_routes, refusal_of
from tests.unit.builders import an_instance

CHEST = Route(
    name="chest",
    model="chest-radiograph",
    modalities=frozenset({"CR", "DX"}),
    body_parts=frozenset({"CHEST"}),
    body_part_codes=frozenset({"SCT:51185008"}),
    untagged_body_part=True,
    views=frozenset({"AP", "PA"}),
)


def test_a_chest_radiograph_is_wanted() -> None:
    assert CHEST.matches(an_instance())


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"modality": "CT"}, "modality CT is not one of CR, DX"),
        ({"modality": None}, "modality (none) is not one of CR, DX"),
        ({"body_part_examined": "HIP"}, "body part HIP is not one of CHEST"),
        ({"view_position": "LL"}, "view LL is not one of AP, PA"),
        ({"has_pixels": False}, "no pixel data"),
        ({"patient_species": "Canis lupus familiaris"}, "the patient is an animal"),
        ({"patient_species": "Not human"}, "the patient is an animal"),
        ({"patient_species": "non-human primate"}, "the patient is an animal"),
    ],
)
def test_anything_else_is_not_and_the_reason_says_why(
    header: dict[str, object], reason: str
) -> None:
    instance = an_instance(**header)
    assert not CHEST.matches(instance)
    assert refusal_of([CHEST], [instance]) == f"chest: {reason}"


@pytest.mark.parametrize(
    "species",
    [
        *("Homo sapiens", "homo  sapiens", "HUMAN", "Human being", "", "Person", "Umano", "Hombre"),
        *("N/A", "NA", "Unknown", "none", "not applicable", "-", "Неизвестно"),
    ],
)
def test_a_human_is_no_animal(species: str) -> None:
    assert CHEST.matches(an_instance(patient_species=species))


@pytest.mark.parametrize("field", ["protocol_name", "series_description"])
def test_a_protocol_of_another_body_part_contradicts_the_body_part(field: str) -> None:
    said = contradiction_of(an_instance(body_part_examined="CHEST", **{field: "Hand pa"}).header)
    alone = an_instance(body_part_examined=None, **{field: "Hand pa"})
    assert contradiction_of(alone.header) == "", "there is nothing that it contradicts"
    assert "names HAND, body part or region code CHEST." in said
    plain = an_instance(body_part_examined="CHEST", **{field: "Thorax/Abdomen pa"})
    assert contradiction_of(plain.header) == ""


@pytest.mark.parametrize(
    ("body_part", "code", "is_other"),
    [
        ("EXTREMITY", "85562004", False),  # hand
        ("HAND", "53120007", False),  # upper limb
        ("PELVIS", "24136001", False),  # hip joint
        ("CHEST", "53120007", True),
        ("KNEE", "85562004", True),
    ],
)
def test_a_limb_that_is_not_named_contradicts_no_part_of_a_limb(
    body_part: str, code: str, is_other: bool
) -> None:
    region = CodedValue(value=code, scheme="SCT", meaning="")
    header = an_instance(body_part_examined=body_part, anatomic_region=region).header
    assert bool(contradiction_of(header)) is is_other


@pytest.mark.parametrize("code", ["53120007", "85562004"])
def test_a_code_of_the_whole_limb_leaves_a_route_for_hands_to_its_guard(code: str) -> None:
    hands = Route(
        name="hand", model="hand", body_parts=frozenset({"HAND"}), untagged_body_part=True
    )
    region = CodedValue(value=code, scheme="SCT", meaning="")
    assert hands.matches(an_instance(body_part_examined=None, anatomic_region=region))
    knees = Route(name="knee", model="knee", body_parts=frozenset({"KNEE"}))
    assert not knees.matches(an_instance(body_part_examined=None, anatomic_region=region))


@pytest.mark.parametrize(
    "text",
    [
        *("Face", "C-Arm", "head up 30", "Feet first", "hand held", "Left PICC arm"),
        *(
            "post liver transplant",
            "kidney stone",
            "nasal tube",
            "Sinus",
            "foreign body",
            "CAT scan",
        ),
    ],
)
def test_position_view_line_and_history_do_not_contradict_the_body_part(text: str) -> None:
    header = an_instance(body_part_examined="CHEST", series_description=text).header
    assert contradiction_of(header) == ""


@pytest.mark.parametrize(
    "text", ["Thorax lateral", "Chest LAT", "Thorax seitlich", "Грудь боковая"]
)
def test_a_description_of_a_lateral_view_contradicts_a_frontal_one(text: str) -> None:
    header = an_instance(view_position="PA", series_description=text).header
    said = "The header contradicts itself: the series description names a lateral view."
    assert contradiction_of(header) == said
    assert contradiction_of(an_instance(view_position="LL", series_description=text).header) == ""
    assert contradiction_of(an_instance(view_position="", series_description=text).header) == ""


@pytest.mark.parametrize(
    "text", ["Chest PA/LAT", "Thorax pa", "Lateral decubitus left", "LL infiltrate", "Late phase"]
)
def test_a_description_of_both_views_or_of_a_position_contradicts_no_view(text: str) -> None:
    header = an_instance(view_position="PA", series_description=text).header
    assert contradiction_of(header) == ""


@pytest.mark.parametrize(
    ("position", "code", "said"),
    [
        ("PA", "399173006", "view position PA, view code LL"),
        ("RL", "272479007", "view position RL, view code PA"),
        ("PA", "272479007", ""),
        ("PA", "399033003", ""),  # frontal
        ("", "399173006", ""),
        ("PA", "nothing known", ""),
    ],
)
def test_a_view_code_contradicts_another_view_position(position: str, code: str, said: str) -> None:
    view = CodedValue(value=code, scheme="SCT", meaning="")
    found = contradiction_of(an_instance(view_position=position, view=view).header)
    assert found == (f"The header contradicts itself: {said}." if said else "")


def test_coronal_is_not_the_heart() -> None:
    head = an_instance(body_part_examined="HEAD", series_description="COR 3mm")
    assert contradiction_of(head.header) == ""


def test_case_and_padding_of_header_values_do_not_matter() -> None:
    assert CHEST.matches(an_instance(body_part_examined=" chest "))


def test_an_anatomic_region_code_is_as_good_as_a_body_part() -> None:
    region = CodedValue(value="51185008", scheme="SCT", meaning="Chest")
    assert CHEST.matches(an_instance(body_part_examined=None, anatomic_region=region))


def test_a_code_of_a_route_that_no_vocabulary_knows_is_wanted_all_the_same() -> None:
    route = replace(CHEST, body_part_codes=frozenset({"99CLINIC:CH1"}), untagged_body_part=False)
    for value, wanted in (("CH1", True), ("CH2", False)):
        instance = an_instance(
            body_part_examined=None,
            series_description=None,
            study_description=None,
            anatomic_region=CodedValue(value=value, scheme="99CLINIC", meaning="Ward"),
        )
        assert route.matches(instance) is wanted


def test_another_anatomic_region_is_not_taken_for_a_missing_one() -> None:
    hip = CodedValue(value="24136001", scheme="SCT", meaning="Hip")
    assert not CHEST.matches(an_instance(body_part_examined=None, anatomic_region=hip))


@pytest.mark.parametrize("accepts", [True, False])
def test_an_image_without_a_body_part_goes_where_the_route_says(accepts: bool) -> None:
    route = Route(
        name="chest",
        model="m",
        body_parts=frozenset({"CHEST"}),
        untagged_body_part=accepts,
    )
    assert route.matches(an_instance(body_part_examined=None)) is accepts


def test_patterns_match_without_regard_to_case() -> None:
    route = Route(name="r", model="m", calling_ae_titles=("cr*",), manufacturers=("*acme*",))
    assert route.matches(an_instance(manufacturer="ACME Corp."))
    assert not route.matches(an_instance(manufacturer="Other"))
    assert not route.matches(an_instance(calling_ae="CT1", manufacturer="Acme"))


def test_a_description_that_does_not_match_is_not_repeated_in_the_reason() -> None:
    route = Route(name="r", model="m", descriptions=("*chest*",))
    instance = an_instance(study_description="Thorax of Doe^John")
    assert "Doe" not in refusal_of([route], [instance])
    assert not route.matches(instance)


def test_a_pattern_is_data_and_never_code() -> None:
    route = Route(name="r", model="m", descriptions=("__import__('os')",))
    assert not route.matches(an_instance(study_description="anything"))


def test_a_match_lists_only_the_instances_that_the_route_wants() -> None:
    wanted, lateral = an_instance("1.1"), an_instance("1.2", view_position="LL")
    (match,) = matching_routes([CHEST], [lateral, wanted])
    assert match.sop_instance_uids == ("1.1",)


def test_no_routes_is_a_reason_too() -> None:
    assert refusal_of([], [an_instance()]) == "no routes are configured"


DOUBTING = replace(CHEST, pixels_decide=True)
A_CHEST = AppearanceCheck(body_part="CHEST", words="upright frontal chest")
SOMETHING = AppearanceCheck(words="no frontal chest")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    "header",
    [
        {"body_part_examined": "HIP"},
        {"modality": "OT", "sop_class_uid": SECONDARY_CAPTURE},
        {"modality": None, "sop_class_uid": SECONDARY_CAPTURE, "body_part_examined": None},
        {"modality": "MG"},  # of an object whose SOP class is that of a radiograph
        {"modality": "OT", "body_part_examined": "KNEE", "sop_class_uid": SECONDARY_CAPTURE},
    ],
)
def test_pixels_are_asked_where_tags_are_missing_or_doubtful(header: dict[str, object]) -> None:
    instance = an_instance(**header)
    assert doubtful_instances([DOUBTING], [instance]) == (instance,)
    assert doubtful_instances([CHEST], [instance]) == ()


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"view_position": "LL", "body_part_examined": "HIP"},
        {"has_pixels": False, "body_part_examined": "HIP"},
        {"patient_species": "Canis lupus familiaris", "body_part_examined": "HIP"},
        {"modality": "CT", "sop_class_uid": CT_IMAGE},
        {"modality": "CT", "sop_class_uid": SECONDARY_CAPTURE},
    ],
)
def test_other_tags_stand_whatever_the_pixels_show(header: dict[str, object]) -> None:
    assert doubtful_instances([DOUBTING], [an_instance(**header)]) == ()


def test_pixels_that_show_a_chest_overrule_a_tag_and_the_doubt_is_kept() -> None:
    plain, doubted = an_instance("1.1"), an_instance("1.2", body_part_examined="HIP")
    (match,) = matching_routes([DOUBTING], [plain, doubted], {"1.2": A_CHEST})
    assert match.sop_instance_uids == ("1.1", "1.2")
    assert match.doubts == (
        TagDoubt(
            sop_instance_uid="1.2",
            tags="body part HIP is not one of CHEST",
            pixels="upright frontal chest",
        ),
    )


def test_pixels_that_show_something_else_leave_the_tags_alone_and_are_named() -> None:
    doubted = an_instance("1.2", body_part_examined="HIP")
    looks = {"1.2": SOMETHING}
    assert matching_routes([DOUBTING], [doubted], looks) == ()
    assert refusal_of([DOUBTING], [doubted], looks) == (
        "chest: body part HIP is not one of CHEST; the pixels were asked too: no frontal chest"
    )


@pytest.mark.parametrize("view", ["AP SUPINE", "PORTABLE", "FRONTAL", "pa erect", "BEDSIDE"])
def test_a_view_outside_of_the_standards_list_keeps_no_chest_out(view: str) -> None:
    assert CHEST.matches(an_instance(view_position=view))


@pytest.mark.parametrize("view", ["LL", "LATERAL", "Left Lateral", "RLO"])
def test_a_view_that_is_another_one_keeps_it_out_however_it_is_written(view: str) -> None:
    assert not CHEST.matches(an_instance(view_position=view))


def test_a_view_code_counts_where_the_view_position_says_nothing() -> None:
    lateral = CodedValue(value="399067008", scheme="SCT", meaning="lateral projection")
    assert not CHEST.matches(an_instance(view_position=None, view=lateral))


@pytest.mark.parametrize(
    "part", ["TORAX", "CHEST_TO_PELVIS", "ThoraxAbdomen", "Органы грудной клетки"]
)
def test_a_chest_is_a_chest_in_any_word(part: str) -> None:
    assert replace(CHEST, untagged_body_part=False).matches(an_instance(body_part_examined=part))


def test_a_body_part_that_nobody_knows_is_as_good_as_none() -> None:
    odd = an_instance(body_part_examined="PROTOCOL 7")
    assert CHEST.matches(odd)
    reason = refusal_of([replace(CHEST, untagged_body_part=False)], [odd])
    assert reason == "chest: no known body part in the header"


def test_the_protocols_words_stand_in_for_a_missing_body_part() -> None:
    strict = replace(CHEST, untagged_body_part=False)
    assert strict.matches(an_instance(body_part_examined=None, protocol_name="Thorax pa stehend"))
    assert not strict.matches(an_instance(body_part_examined=None, protocol_name="Knie seitlich"))


def test_a_route_for_a_part_without_a_known_name_takes_its_own_word_alone() -> None:
    odd = replace(CHEST, body_parts=frozenset({"PANOREX"}), untagged_body_part=True)
    assert odd.matches(an_instance(body_part_examined="panorex"))
    assert not odd.matches(an_instance(body_part_examined="CHEST"))


def test_an_extremity_is_no_chest_and_may_be_the_hand_that_is_wanted() -> None:
    limb = an_instance(body_part_examined="EXTREMITY")
    assert not CHEST.matches(limb)
    assert replace(CHEST, body_parts=frozenset({"HAND"})).matches(limb)
