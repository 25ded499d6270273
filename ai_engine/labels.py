"""How labels are reported: the words and codes of findings and their site.

Codes are SNOMED CT's; a label that isn't here can be trained on but not reported.
"""

from ai_engine.cards import Label
from ai_engine.errors import RecipeError
from ai_engine.prediction import Code

LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")

FINDINGS = {
    "Pneumonia": Code(value="233604007", scheme="SCT", meaning="Pneumonia"),
}


def reported_label(name: str, *, threshold: float) -> Label:
    """The label as a card holds it.

    Raises
    ------
    RecipeError
        If the label has no code.
    """
    if name not in FINDINGS:
        known = ", ".join(sorted(FINDINGS))
        raise RecipeError(
            f"label {name!r} has no code to report it with (there are codes for {known}); "
            "add it to ai_engine/labels.py or make it an auxiliary label"
        )
    code = FINDINGS[name]
    return Label(name=name, title=code.meaning, threshold=threshold, code=code, site=LUNG)
