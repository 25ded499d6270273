"""Patients are divided once, the same way everywhere."""

from dicom_node.domain.held_out import Part, part_of, share_of_patient

PATIENTS = [f"patient {number}" for number in range(4000)]


def test_the_share_of_held_out_patients_is_as_asked_for() -> None:
    held_out = [part_of(each, held_out_share=0.3) is Part.HELD_OUT for each in PATIENTS]
    assert 0.27 < sum(held_out) / len(held_out) < 0.33
    assert held_out == [part_of(each, held_out_share=0.3) is Part.HELD_OUT for each in PATIENTS]


def test_a_larger_share_takes_more_patients_and_lets_none_go() -> None:
    small = {each for each in PATIENTS if part_of(each, held_out_share=0.2) is Part.HELD_OUT}
    large = {each for each in PATIENTS if part_of(each, held_out_share=0.4) is Part.HELD_OUT}
    assert small < large


def test_purposes_are_independent() -> None:
    both = [
        share_of_patient(each, "held out") < 0.5 and share_of_patient(each, "validation") < 0.5
        for each in PATIENTS
    ]
    assert 0.22 < sum(both) / len(both) < 0.28


def test_a_patient_is_in_the_same_part_in_every_version_of_the_node() -> None:
    # Another hash, or another word for the purpose, would measure on who was learned from.
    held_out = [each for each in PATIENTS[:6] if part_of(each, held_out_share=0.3) is Part.HELD_OUT]
    assert held_out == ["patient 2", "patient 4"]
    assert share_of_patient("patient 2", "held out") != share_of_patient("patient 2", "validation")
