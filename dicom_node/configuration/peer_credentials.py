"""What the node signs in with at DICOMweb servers: a file for each, which its user alone reads.

Neither the database nor a page, log or audit entry ever holds one.
"""

import base64
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from dicom_node.errors import ConfigurationError

_FOLDER = "credentials"
_BEARER, _BASIC = "Bearer", "Basic"
_LONGEST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A user and password (RFC 7617), or a token alone (RFC 6750); ``repr`` shows neither."""

    secret: str = field(repr=False)
    user: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a header.

        Raises
        ------
        ConfigurationError
            It is empty, too long, or holds line breaks; it is never quoted.
        """
        fine = self.secret.isprintable() and self.user.isprintable()
        if not self.secret or not fine or len(self.secret) + len(self.user) > _LONGEST:
            raise ConfigurationError(
                f"a credential is one line of printable characters, {_LONGEST} at most."
            )
        if ":" in self.user or (not self.user and not self.secret.isascii()):
            raise ConfigurationError("a user name has no colon, and a token ASCII alone.")

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        if not self.user:
            return f"{_BEARER} {self.secret}"
        pair = f"{self.user}:{self.secret}".encode()
        return f"{_BASIC} {base64.b64encode(pair).decode('ascii')}"


class Credentials:
    """The credentials below the data folder, by AE title."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / _FOLDER

    def find(self, title: str) -> Credential | None:
        """Return the credential for a title; None where there is none.

        Raises
        ------
        ConfigurationError
            Its file cannot be used.
        """
        path = self._path(title)
        try:
            user, separator, secret = path.read_text(encoding="utf-8").partition("\n")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read.") from error
        if not separator:
            raise ConfigurationError(f"{path} is no credential: give it again.")
        return Credential(user=user, secret=secret)

    def put(self, title: str, credential: Credential) -> None:
        """Keep a credential in the place of an earlier one, whole or not at all."""
        path = self._path(title)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self._folder, prefix=".draft.")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{credential.user}\n{credential.secret}")
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)

    def keep(self, title: str, *, user: str, secret: str) -> None:
        """Keep a user and password, or a token without a user.

        Raises
        ------
        ConfigurationError
            It cannot be used.
        """
        self.put(title, Credential(user=user, secret=secret))

    def has(self, title: str) -> bool:
        """Whether there is a credential for a title."""
        return self._path(title).exists()

    def forget(self, title: str) -> bool:
        """Forget a credential; return whether there was one."""
        path = self._path(title)
        was_there = path.exists()
        path.unlink(missing_ok=True)
        return was_there

    def _path(self, title: str) -> Path:
        return self._folder / quote(title.strip(" "), safe="")
