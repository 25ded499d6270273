"""Bring the catalogues of messages up to the code and the pages: ``make messages``.

Two catalogues: what results say (``sr_templates/locale``), and what pages say beyond it
(``dicom_node/web/locale``). New messages are added untranslated, vanished ones dropped; a test
fails until each language has every message.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from scripts.sentences import extract_sentences

ROOT = Path(__file__).parents[1]
LANGUAGES = ("ru", "kk", "ro", "be")
WIDTH = 100
JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
_NOT_KEPT = (
    '"POT-Creation-Date',
    '"PO-Revision-Date',
    '"Report-Msgid',
    '"Last-Translator',
    '"Language-Team',
)
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "counted": (1, 2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files that messages are taken from, by patterns from the project's root; and how."""

    patterns: tuple[str, ...]
    method: str = "sentences"
    options: Mapping[str, str] | None = None
    without: tuple[str, ...] = ()

    def files(self) -> Iterator[Path]:
        """Yield the files."""
        left_out = {path for each in self.without for path in ROOT.glob(each)}
        for each in self.patterns:
            yield from sorted(set(ROOT.glob(each)) - left_out)


RESULTS = (
    Source(
        patterns=("sr_templates/**/*.py",),
        options={"raised": "no"},
        without=(
            "sr_templates/language/*.py",
            "sr_templates/*validation.py",
            "sr_templates/anatomy.py",
            "sr_templates/body_part.py",
            "sr_templates/character_set.py",
            "sr_templates/contradictions.py",
            "sr_templates/evidence_kind.py",
            "sr_templates/foreign_objects.py",
            "sr_templates/forms/*r*.py",
            "sr_templates/grayscale.py",
            "sr_templates/patient_study.py",
            "sr_templates/presentation_state.py",
            "sr_templates/repair.py",
            "sr_templates/source_*.py",
            "sr_templates/uids.py",
        ),
    ),
    Source(patterns=("sr_templates/forms/page.py",), options={"raised": "no"}),
    Source(patterns=("sr_templates/evidence_kind.py",), options={"enumerations": "no"}),
    Source(patterns=("dicom_node/domain/patient.py",), options={"enumerations": "no"}),
    Source(
        patterns=("dicom_node/domain/header_words.py", "dicom_node/domain/reception.py"),
        options={"raised": "no", "enumerations": "no"},
    ),
    Source(
        patterns=("ai_engine/training/cards/*.toml", "ai_engine/weights/*/*/card.toml"),
        method="cards",
    ),
    Source(
        patterns=(
            "ai_engine/prediction.py",
            "ai_engine/library/labels.py",
            "ai_engine/ct/body_axes.py",
            "ai_engine/ct/codes.py",
            "ai_engine/ct/continuity.py",
            "ai_engine/ct/explanation.py",
            "ai_engine/ct/geometry.py",
            "ai_engine/ct/hounsfield_scale.py",
            "ai_engine/ct/lungs.py",
            "ai_engine/ct/placing.py",
            "ai_engine/ct/refusal.py",
            "ai_engine/ct/results.py",
            "ai_engine/ct/series.py",
            "ai_engine/ct/slices.py",
            "ai_engine/ct/stated_distances.py",
            "ai_engine/ct/unusual_series.py",
            "ai_engine/ct/volume.py",
            "ai_engine/kinds/deciding.py",
            "ai_engine/kinds/guard/guard.py",
            "ai_engine/kinds/likeness.py",
            "ai_engine/kinds/limits.py",
            "ai_engine/kinds/locating.py",
            "ai_engine/kinds/telling.py",
            "ai_engine/kinds/wholeness.py",
            "ai_engine/preprocessing/unusual.py",
            "dicom_node/domain/route.py",
            "dicom_node/domain/route_matching.py",
            "dicom_node/models/appearance.py",
            "dicom_node/models/ct.py",
            "dicom_node/models/exposures.py",
            "dicom_node/models/images.py",
            "dicom_node/models/localizers.py",
        ),
    ),
    Source(
        patterns=(
            "ai_engine/ct/kernels.py",
            "ai_engine/ct/predictor.py",
            "ai_engine/library/earned.py",
            "ai_engine/inference/input_channels.py",
            "ai_engine/kinds/class_guard.py",
            "ai_engine/kinds/dual_view/predictor.py",
            "ai_engine/kinds/guard/objects.py",
            "ai_engine/kinds/guarding.py",
            "ai_engine/kinds/with_header/predictor.py",
        ),
        options={"raised": "no"},
    ),
    Source(
        patterns=(
            "ai_engine/preprocessing/bit_layout.py",
            "ai_engine/preprocessing/decoding.py",
            "ai_engine/preprocessing/frame_source.py",
            "ai_engine/preprocessing/grayscale.py",
            "ai_engine/preprocessing/image_pixel.py",
            "ai_engine/preprocessing/lookup_table.py",
            "ai_engine/preprocessing/modality.py",
            "ai_engine/preprocessing/pixel_aspect.py",
            "ai_engine/preprocessing/polarity.py",
            "ai_engine/preprocessing/radiograph.py",
            "ai_engine/preprocessing/row_length.py",
        ),
        options={"words": "no"},
    ),
    Source(
        patterns=(
            "dicom_node/workflow/analysis/completeness.py",
            "dicom_node/workflow/analysis/gate.py",
            "dicom_node/workflow/analysis/conflicting.py",
            "dicom_node/workflow/analysis/infer.py",
            "dicom_node/workflow/analysis/orders.py",
            "dicom_node/workflow/analysis/patients.py",
            "dicom_node/workflow/analysis/report.py",
            "dicom_node/workflow/analysis/set_aside.py",
            "dicom_node/workflow/analysis/unrouted.py",
            "dicom_node/workflow/analysis/watch.py",
            "dicom_node/workflow/review/ct_statements.py",
            "dicom_node/workflow/review/statements.py",
        ),
    ),
)


def extracted(sources: tuple[Source, ...]) -> Catalog:
    """Return the messages of sources, in their order."""
    catalogue = Catalog(fuzzy=False)
    for source in sources:
        for path in source.files():
            for message, comments in _messages(path, source):
                place = str(path.relative_to(ROOT))
                if _other_case(message) in catalogue:
                    continue
                known = catalogue.get(message if isinstance(message, str) else message[0])
                if known is not None and isinstance(known.id, tuple) and isinstance(message, str):
                    continue
                catalogue.add(message, locations=[(place, 0)], auto_comments=comments)
    return catalogue


def _is_of_ct(card: Mapping[str, str]) -> bool:
    return "CT" in card["title"]


def _other_case(message: str | tuple[str, str]) -> str:
    """Return a message with its first letter large or small: the edges find either."""
    first = message if isinstance(message, str) else message[0]
    return first[:1].swapcase() + first[1:]


def _messages(path: Path, source: Source) -> Iterator[tuple[str | tuple[str, str], list[str]]]:
    if source.method == "sentences":
        with path.open("rb") as file:
            for _, _, message, _ in extract_sentences(file, (), (), source.options or {}):
                yield message, []
        return
    if source.method == "cards":
        card = tomllib.loads(path.read_text("utf-8"))
        # Of what a method cannot say, reports of CT speak.
        for message in (card["title"], *(card["limitations"] if _is_of_ct(card) else ())):
            yield message, []
        return
    options = dict(JINJA) if source.method == "jinja2" else {}
    found = extract_from_file(source.method, path, keywords=KEYWORDS, options=options)
    for _, found_message, comments, _ in found:
        if isinstance(found_message, str):
            yield found_message, list(comments)
        else:
            yield (found_message[0], found_message[1]), list(comments)


def catalogues() -> tuple[Path, Path]:
    """Return the folders of the two catalogues: of results, and of pages."""
    return ROOT / "sr_templates/locale", ROOT / "dicom_node/web/locale"


PAGES = (
    Source(patterns=("dicom_node/web/templates/*.html",), method="jinja2"),
    Source(
        patterns=(
            "dicom_node/administration/*.py",
            "dicom_node/domain/calibration.py",
            "dicom_node/domain/delivery.py",
            "dicom_node/domain/header_words.py",
            "dicom_node/domain/health.py",
            "dicom_node/domain/job.py",
            "dicom_node/domain/notice.py",
            "dicom_node/domain/patient.py",
            "dicom_node/domain/reception.py",
            "dicom_node/domain/study.py",
            "dicom_node/domain/review/*.py",
            "dicom_node/node/health.py",
            "dicom_node/node/disks.py",
            "dicom_node/node/pages.py",
            "dicom_node/notices/*.py",
            "dicom_node/web/*.py",
            "dicom_node/web/administration/*.py",
            "dicom_node/web/devices/*.py",
            "dicom_node/web/review/*.py",
        ),
        without=(
            # Terms are typed, matched and reported as the Standard writes them.
            "dicom_node/domain/review/terms.py",
            "dicom_node/notices/channel*.py",
            "dicom_node/web/administration/events.py",
            "dicom_node/web/assets.py",
            "dicom_node/web/https.py",
            "dicom_node/web/server.py",
            "dicom_node/web/request_limits.py",
            "dicom_node/web/slow_headers.py",
            "dicom_node/web/security.py",
        ),
    ),
    Source(
        patterns=(
            "dicom_node/domain/application_entity.py",
            "dicom_node/domain/callers.py",
            "dicom_node/domain/user.py",
            # What came of a delivery, or a C-ECHO.
            "dicom_node/network/associations.py",
            "dicom_node/network/storage_scu.py",
            "dicom_node/persistence/ae_titles.py",
            "dicom_node/persistence/routes.py",
            "dicom_node/persistence/users.py",
        ),
        options={"enumerations": "no"},
    ),
)


def update(folder: Path, template: Catalog, language: str) -> tuple[int, int]:
    """Bring one language's file up to the template; return how many there are, and untranslated."""
    path = folder / f"{language}.po"
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
    else:
        catalogue = Catalog(locale=language)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.header_comment = (
        f"# {language}: written by the project; native readers have yet to review it."
    )
    catalogue.project, catalogue.version = "dicom-node", ""
    write(catalogue, path)
    missing = [each for each in catalogue if each.id and not all(_forms(each.string))]
    return len(catalogue), len(missing)


def write(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue, without dates and addresses that nobody keeps: each run would differ."""
    catalogue.fuzzy = False
    written = BytesIO()
    write_po(written, catalogue, width=WIDTH, include_lineno=False)
    lines = written.getvalue().decode().splitlines(keepends=True)
    path.write_text("".join(each for each in lines if not each.startswith(_NOT_KEPT)), "utf-8")


def _forms(text: str | Iterable[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def result_template() -> Catalog:
    """Return what results say."""
    return extracted(RESULTS)


def page_template(results: Catalog) -> Catalog:
    """Return what pages say beyond results."""
    template = extracted(PAGES)
    for message in list(template):
        if message.id and message.id in results:
            template.delete(message.id)
    return template


def main() -> None:
    """Update every catalogue, and say what is left to translate."""
    results = result_template()
    for folder, template in zip(catalogues(), (results, page_template(results)), strict=True):
        folder.mkdir(exist_ok=True)
        for language in LANGUAGES:
            count, missing = update(folder, template, language)
            print(f"{folder.relative_to(ROOT)}/{language}.po: {count} messages, {missing} missing")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
