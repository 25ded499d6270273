"""Password hashing, by Argon2 with the library's recommended cost."""

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from dicom_node.configuration.common_passwords import weakness
from dicom_node.errors import ConfigurationError

LEAST_LENGTH = 10
LONGEST = 1024
_HASHER = PasswordHash.recommended()
# Verified against where there is no such user, so that the answer takes as long.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$y+W1TYhJw9TbrzJSOy9/cw"
    "$1JcSBMFkEEfyHeP9QT3BHwFEnol9CnEIBOlyc0ipkSI"
)


def hashed(password: str) -> str:
    """Return the hash of a new password.

    Raises
    ------
    ConfigurationError
        When the password is too short or too common to withstand guessing, or absurdly long.
    """
    if not LEAST_LENGTH <= len(password) <= LONGEST:
        raise ConfigurationError(
            f"a password has {LEAST_LENGTH} to {LONGEST} characters: choose another one."
        )
    if why := weakness(password):
        raise ConfigurationError(f"this password is guessed soon: {why}. Choose another one.")
    return _HASHER.hash(password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Whether a password is the one of a hash; where there is none, never, and as slowly."""
    if len(password) > LONGEST:
        return False
    try:
        right = _HASHER.verify(password, password_hash or _NOBODY)
    except UnknownHashError:
        return False
    return right and bool(password_hash)
