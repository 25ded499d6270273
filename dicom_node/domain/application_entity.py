"""Application entities: who may call the node, and who gets its results (PS3.8, PS3.15)."""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from dicom_node.domain.callers import HOST, caller_problem, certificate_problem
from dicom_node.errors import ConfigurationError, InvalidFieldsError
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.language.language import LanguageCode
from sr_templates.rendition import Rendition

LONGEST_TITLE = 16
_LONGEST_URL = 255
DEFAULT_PATIENCE = 600.0
_AE_TITLE = re.compile(rf"[\x20-\x7e]{{1,{LONGEST_TITLE}}}")


class Role(StrEnum):
    """What an application entity is to the node."""

    MODALITY = "modality"
    PACS = "pacs"
    QUERY = "query"
    WORKLIST = "worklist"
    INFORMED = "informed"  # told which results are available


class Operation(StrEnum):
    """What a calling application entity may ask of the node."""

    ECHO = "echo"
    STORE = "store"
    COMMIT = "commit"
    REPORT = "report"  # what it performs (MPPS), and which instances it has
    FIND = "find"
    MOVE = "move"
    WORKLIST = "worklist"


class Compression(StrEnum):
    """How overlays that are compressed without loss travel to a destination."""

    AUTOMATIC = "automatic"  # as they are where it is near, else in the smallest way
    SMALLEST = "smallest"  # whatever it accepts that makes them smallest
    JPEG_LS = "jpeg-ls"
    JPEG_2000 = "jpeg-2000"
    RLE = "rle"
    NONE = "none"


class Proof(StrEnum):
    """How a destination shows that it has what it was sent."""

    NONE = "none"  # it took each object: there is nothing more to know
    COMMITMENT = "commitment"  # it commits to keeping them (PS3.4 Annex J)
    FIND = "find"  # it finds them when it is asked (C-FIND, level IMAGE; QIDO-RS)


# What a destination can be given.
ADMINISTERED_EVIDENCE = tuple(kind for kind, spec in EVIDENCE.items() if spec.is_administered)

_SENDS = frozenset({Operation.ECHO, Operation.STORE, Operation.COMMIT, Operation.REPORT})
OPERATIONS_OF_ROLE: dict[Role, frozenset[Operation]] = {
    Role.MODALITY: _SENDS,
    Role.PACS: _SENDS,
    Role.QUERY: frozenset({Operation.ECHO, Operation.FIND, Operation.MOVE}),
    Role.WORKLIST: frozenset({Operation.ECHO, Operation.WORKLIST}),
    Role.INFORMED: frozenset({Operation.ECHO}),
}


def _unless(fine: bool, words: str) -> str:
    return "" if fine else words


def _title_problem(title: str) -> str:
    try:
        checked_ae_title(title)
    except ConfigurationError as error:
        return str(error)
    return ""


def _url_problem(url: str) -> str:
    """Say why an address is none of a DICOMweb service; nothing where it is one."""
    if not url.isprintable() or " " in url or len(url) > _LONGEST_URL:
        return f"an address has at most {_LONGEST_URL} characters, and no spaces."
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        return "give the root of a DICOMweb service, such as https://pacs.example/dicom-web."
    if parts.username is not None or parts.password is not None:
        return "no user and password here: `dicom-node ae credential` keeps them apart."
    if parts.query or parts.fragment:
        return "give the root of the service, without what follows ? or #."
    return ""


def checked_ae_title(title: str) -> str:
    """Return ``title`` without padding when it is a valid AE value (PS3.5, section 6.2).

    Raises
    ------
    ConfigurationError
        When it is empty, longer than 16 characters, or holds a backslash or control characters.
    """
    trimmed = title.strip(" ")
    if not trimmed or "\\" in trimmed or not _AE_TITLE.fullmatch(trimmed):
        raise ConfigurationError(
            f"{title!r} is not an AE title: use 1 to 16 characters of ASCII without backslashes."
        )
    return trimmed


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationEntity:
    """One administered AE title.

    ``quiet_period`` (seconds) is how long a study from this sender must have been quiet to count
    as complete, and ``patience`` how long the rest of one is waited for whose transfer broke off;
    ``destinations`` are the titles that get the results of its studies; ``evidence`` is what this
    entity gets when it is itself a destination, and ``compression`` how overlays travel there: what
    a PACS accepts is not always what its viewers show. ``proof`` is how it shows that it has them:
    until then a delivery is not done. ``tls`` says that it is called by TLS. With a ``url`` it is a
    DICOMweb server (PS3.18) below that address, and gets results by STOW-RS; ``host`` and ``port``
    then say nothing.
    ``callers`` are the addresses and networks from which it may call, ``host`` for its own host and
    ``any`` for everywhere; ``certificates`` are SHA-256 fingerprints: it must show one of them.
    ``language`` is that of the overlays, pages and reports that it gets; ``beside`` says that its
    overlays show the unmarked image beside the marked one.
    """

    title: str
    host: str = ""
    port: int = 104
    roles: frozenset[Role]
    destinations: tuple[str, ...] = ()
    quiet_period: float = 2.0
    patience: float = DEFAULT_PATIENCE
    evidence: tuple[EvidenceKind, ...] = (EvidenceKind.SR, EvidenceKind.SC)
    description: str = ""
    tls: bool = False
    compression: Compression = Compression.AUTOMATIC
    url: str = ""
    proof: Proof = Proof.NONE
    callers: tuple[str, ...] = (HOST,)
    certificates: tuple[str, ...] = ()
    language: LanguageCode = LanguageCode.ENGLISH
    beside: bool = False

    def __post_init__(self) -> None:
        """Check every field.

        Raises
        ------
        ConfigurationError
            When a field cannot be used as written.
        """
        wrong = {name: words for name, words in self._problems() if words}
        if wrong:
            raise InvalidFieldsError(f"AE {self.title}", wrong)

    def unknown_destinations(self, known: Container[str]) -> tuple[str, ...]:
        """Return where its results are to go that is not ``known``, as by a typing error."""
        return tuple(each for each in self.destinations if each not in known)

    def _problems(self) -> Iterator[tuple[str, str]]:
        """Say of each field why it cannot be used; nothing of one that can."""
        yield "title", _title_problem(self.title)
        yield "destinations", next(filter(None, map(_title_problem, self.destinations)), "")
        yield "port", _unless(1 <= self.port <= 65535, f"port {self.port} is not in 1 to 65535.")
        yield (
            "host",
            _unless(bool(self.host.strip() or self.url), "give a host name or an IP address."),
        )
        yield "url", _url_problem(self.url) if self.url else ""
        yield "callers", caller_problem(self.callers)
        yield "certificates", certificate_problem(self.certificates)
        yield "roles", _unless(bool(self.roles), "give at least one role.")
        yield (
            "quiet_period",
            _unless(
                0 <= self.quiet_period <= 3600,
                f"the quiet period is {self.quiet_period} s; use 0 to 3600 s.",
            ),
        )
        yield (
            "proof",
            _unless(
                self.proof is not Proof.COMMITMENT or Operation.COMMIT in self.permitted,
                "it tells over associations that it opens what it commits to: give it the role "
                "pacs.",
            )
            or _unless(
                self.proof is not Proof.COMMITMENT or not self.url,
                "a DICOMweb server does not commit: choose find, which searches by QIDO-RS.",
            ),
        )
        yield (
            "patience",
            _unless(
                0 <= self.patience <= 86400,
                f"the patience is {self.patience} s; use 0 to 86400 s.",
            ),
        )

    @property
    def address(self) -> str:
        """Where it is reached, as people write it."""
        return self.url or f"{self.host}:{self.port}{' TLS' if self.tls else ''}"

    @property
    def rendition(self) -> Rendition:
        """How it wants what people read and look at."""
        return Rendition(language=self.language, beside=self.beside)

    @property
    def permitted(self) -> frozenset[Operation]:
        """The operations that this entity's roles allow it to ask for."""
        return frozenset[Operation]().union(*(OPERATIONS_OF_ROLE[role] for role in self.roles))
