"""Passwords that are guessed first are refused, those that people make up are not."""

import pytest

from dicom_node.configuration.common_passwords import weakness
from dicom_node.configuration.passwords import hashed
from dicom_node.errors import ConfigurationError


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Passwort2026!",
        "P@ssw0rd2026",
        "adminadmin",
        "administrator1",
        "Hospital2026",
        "radiology-pacs",
        "welcome2026!",
        "Krankenhaus1",
        "letmein12345",
        "ThisIsMyPassword",
        "1234567890",
        "0987654321a",
        "qwertyuiop",
        "qwertz123456",
        "1q2w3e4r5t6z",
        "abcdefghij",
        "aaaaaaaaaa",
        "abababababab",
        "lungelungelunge",
        "Sommer2026Sommer2026",
    ],
)
def test_what_is_guessed_first_is_refused_with_the_reason(password: str) -> None:
    assert weakness(password)
    with pytest.raises(ConfigurationError, match=r"is guessed soon: it .* Choose another one"):
        hashed(password)


@pytest.mark.parametrize(
    "password",
    [
        "a quiet dark room",
        "another password",
        "correct horse battery staple",
        "kV8#mplqTz",
        "Der Kranich fliegt um 4",
        "ward seven has no lift",
        "testimony of a lamp",
        "9f2c77aa10b3",
        "пароль от склада",
    ],
)
def test_what_somebody_has_made_up_is_taken(password: str) -> None:
    assert weakness(password) == ""
