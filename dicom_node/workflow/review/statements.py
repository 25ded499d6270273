"""What a verdict says, finding by finding, in the words that the report templates take."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dicom_node.domain.review.review import (
    OTHER_LABEL,
    FindingConcept,
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Verdict,
)
from dicom_node.domain.review.terms import term_of
from dicom_node.domain.review.verdicts import Place, place_of, truths_of
from dicom_node.domain.review.vocabulary import vocabulary_of
from sr_templates.expert_reading import Statement

_WORDS = {
    Judgement.CONFIRMED: "Confirmed by the reader",
    Judgement.REJECTED: "Rejected by the reader",
    Judgement.CHANGED: "Changed by the reader",
    Judgement.ADDED: "Added by the reader",
    Judgement.UNSURE: "The reader cannot tell",
}
_PASSED_OVER = "Not found by the algorithm, and not contradicted by the reader"


def statements_of(
    findings: Sequence[FindingUnderReview], verdict: Verdict
) -> tuple[Statement, ...]:
    """Return a statement for every label of every image, and for what the reader added.

    A finding that is another one stands in that one's place, or beside it where the reader says
    that one of its own: each keeps its outline, side and words. What the model said of the label
    stands with the first only.
    """
    concepts = {each.label: each for each in vocabulary_of(findings)}
    known = {place_of(each): each for each in findings}
    said = {place_of(each): each for each in verdict.findings if each.label != OTHER_LABEL}
    made: dict[Place, Statement] = {}
    for truth in truths_of(findings, verdict):
        place = (truth.image_uid, truth.frame_number, truth.label)
        made[place] = _statement(
            place, concepts[truth.label], truth.value, known.get(place), said.get(place)
        )
    beside = []
    taken = {place for place, each in said.items() if each.changed_to in ("", each.label)}
    for place, moved in _moved(verdict, known, made):
        if place in taken:
            beside.append(replace(moved, probability=None, threshold=None))
        else:
            made[place] = moved
            taken.add(place)
    return (*made.values(), *beside, *_others(verdict, concepts, known))


def _statement(
    place: Place,
    concept: FindingConcept,
    value: bool | None,
    finding: FindingUnderReview | None,
    said: FindingVerdict | None,
) -> Statement:
    # Its side and box go with the finding that it really is.
    gone = said is not None and said.changed_to not in ("", said.label)
    return Statement(
        image_uid=place[0],
        frame_number=place[1],
        title=concept.title,
        code=concept.code,
        site=concept.site,
        present=value,
        words=_words(said),
        probability=finding.probability if finding else None,
        threshold=finding.threshold if finding else None,
        reported_as=finding.code if finding and finding.is_positive else None,
        laterality=said.laterality.value if said and said.laterality and not gone else "",
        box=said.box if said and not gone else None,
    )


def _moved(
    verdict: Verdict,
    known: dict[Place, FindingUnderReview],
    made: dict[Place, Statement],
) -> Iterator[tuple[Place, Statement]]:
    """Give what the reader calls otherwise the outline that the model's finding had."""
    for each in verdict.findings:
        if not each.changed_to or each.changed_to in (each.label, OTHER_LABEL):
            continue
        place = (each.image_uid, each.frame_number, each.changed_to)
        was = known[place_of(each)]
        yield (
            place,
            replace(
                made[place],
                words=changed_from(was.title) + comment_of(each.comment),
                reported_as=was.code,
                laterality=each.laterality.value if each.laterality else "",
                box=each.box,
            ),
        )


def _others(
    verdict: Verdict,
    concepts: dict[str, FindingConcept],
    known: dict[Place, FindingUnderReview],
) -> Iterator[Statement]:
    """Name what the vocabulary has no word for by a term of the Standard, or the reader's own."""
    other = concepts[OTHER_LABEL]
    for each in verdict.findings:
        if OTHER_LABEL not in (each.label, each.changed_to):
            continue
        was = known.get(place_of(each))
        term = term_of(each.comment)
        name = term.meaning if term else " ".join(each.comment.split())[:64]
        yield Statement(
            image_uid=each.image_uid,
            frame_number=each.frame_number,
            title=name,
            code=term or other.code,
            site=was.site if was else None,
            present=None if each.judgement is Judgement.UNSURE else True,
            words=f"{_WORDS[each.judgement]}: {each.comment}",
            reported_as=was.code if was and was.is_positive else None,
            laterality=each.laterality.value if each.laterality else "",
            box=each.box,
        )


def words_of(judgement: Judgement) -> str:
    """Say how a statement came about, as the beginning of a sentence."""
    return _WORDS[judgement]


def changed_from(title: str) -> str:
    """Say what a finding was called before, as the beginning of a sentence."""
    return f"Changed by the reader from {title}"


def comment_of(comment: str) -> str:
    """Return the end of a sentence: what the reader wrote, or a full stop."""
    return f": {comment}" if comment else "."


def _words(said: FindingVerdict | None) -> str:
    if said is None:
        return _PASSED_OVER + "."
    return words_of(said.judgement) + comment_of(said.comment)
