"""Which machine calls: bearer tokens, each bound to an AE title (RFC 6750)."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import HTTPException
from starlette.requests import HTTPConnection

from dicom_node.domain.application_entity import Operation, checked_ae_title
from dicom_node.errors import ConfigurationError

_SHORTEST_TOKEN = 20
# The AE title that a request is made for, or None where the request names nobody.
Identify = Callable[[HTTPConnection], str | None]


def read_tokens(path: Path) -> dict[str, str]:
    """Read a file of ``AE_TITLE TOKEN`` lines; return the titles by the tokens' digests.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or a line is not as it should be; tokens are never quoted.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(f"token file {path}: {error.strerror}") from error
    titles = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) < _SHORTEST_TOKEN:
            raise ConfigurationError(
                f"token file {path}, line {number}: write an AE title, a space and a token of at "
                f"least {_SHORTEST_TOKEN} characters."
            )
        titles[_digest(words[1])] = checked_ae_title(words[0])
    return titles


class TokenCallers:
    """Says who calls by the bearer token of a request, and whether they may use the worklist."""

    def __init__(
        self,
        titles: Mapping[str, str],
        permitted: Callable[[str], frozenset[Operation] | None],
        otherwise: Identify = lambda _request: None,
        machines: Callable[[str], str | None] = lambda _token: None,
    ) -> None:
        """Take tokens from ``titles``; ask ``otherwise`` where a request has none.

        ``machines`` returns the AE title of a token that people have issued, if it may be used
        here.
        """
        self._titles = titles
        self._machines = machines
        self._permitted = permitted
        self._otherwise = otherwise

    def __call__(self, request: HTTPConnection) -> str:
        """Return the AE title that calls.

        Raises
        ------
        HTTPException
            401 where nobody is named, 403 where the AE title may not use the worklist.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            title = self._title(token.strip()) or self._machines(token.strip())
        else:
            title = self._otherwise(request)
            if title is not None:
                return title
        if title is None:
            raise HTTPException(
                401, "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"}
            )
        if Operation.WORKLIST not in (self._permitted(title) or ()):
            raise HTTPException(403, f"AE title {title} may not use the worklist")
        return title

    def _title(self, token: str) -> str | None:
        digest = _digest(token)
        return next(
            (title for known, title in self._titles.items() if hmac.compare_digest(known, digest)),
            None,
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
