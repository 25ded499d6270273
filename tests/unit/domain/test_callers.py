"""An AE title counts from where its entry says, and by the certificate that it names."""

import pytest

from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.callers import CallerRefusedError, require_caller
from dicom_node.errors import InvalidFieldsError

FIRST, SECOND = "ab" * 32, "cd" * 32


def calls(
    address: str = "10.0.0.7",
    certificate: str = "",
    *,
    callers: tuple[str, ...] = ("host",),
    certificates: tuple[str, ...] = (),
    host: str = "cr1",
) -> None:
    known = {"cr1": ["10.0.0.7", "fd00::7"]}
    require_caller(
        "CR1",
        callers=callers,
        certificates=certificates,
        address=address,
        certificate=certificate,
        host=host,
        resolved=lambda name: known.get(name, []),
    )


@pytest.mark.parametrize(
    ("address", "callers"),
    [
        ("10.0.0.7", ("host",)),
        ("::ffff:10.0.0.7", ("host",)),
        ("fd00::7", ("host",)),
        ("10.0.0.9", ("10.0.0.0/24",)),
        ("10.0.0.9", ("10.0.0.1/24",)),
        ("10.0.0.9", ("host", "10.0.0.9")),
        ("fd00:1::9", ("fd00:1::/32",)),
        ("192.0.2.1", ("any",)),
        ("fe80::1%eth0", ("fe80::1",)),
    ],
)
def test_whoever_calls_from_where_the_entry_says_passes(
    address: str, callers: tuple[str, ...]
) -> None:
    calls(address, callers=callers)


@pytest.mark.parametrize(
    ("address", "callers"),
    [
        ("10.0.0.8", ("host",)),
        ("10.0.1.9", ("10.0.0.0/24",)),
        ("fd00::8", ("host", "10.0.0.0/8")),
        ("not an address", ("0.0.0.0/0", "::/0")),
        ("10.0.0.8", ("10.0.0.7", "10.0.0.9")),
    ],
)
def test_others_are_refused_with_what_would_let_them_in(
    address: str, callers: tuple[str, ...]
) -> None:
    with pytest.raises(CallerRefusedError, match=f"CR1 calls from {address}") as refused:
        calls(address, callers=callers)
    assert f"dicom-node ae set CR1 --from {address}" in str(refused.value)


def test_a_host_without_an_address_lets_nobody_in() -> None:
    with pytest.raises(CallerRefusedError, match="may call from gone"):
        calls(host="gone")


def test_an_entry_with_certificates_wants_one_of_them() -> None:
    calls(certificate=SECOND, certificates=(FIRST, SECOND))
    calls(certificate=FIRST)
    for shown in ("", "ef" * 32):
        with pytest.raises(CallerRefusedError, match="certificate"):
            calls(certificate=shown, certificates=(FIRST,), callers=("any",))


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("callers", (), "say from where"),
        ("callers", ("10.0.0.0/33",), "is no address"),
        ("callers", ("cr1.hospital",), "is no address"),
        ("certificates", ("AB" * 32,), "64 hexadecimal digits in lower case"),
        ("certificates", ("ab:cd",), "64 hexadecimal digits"),
    ],
)
def test_what_is_no_place_or_fingerprint_is_said_of_its_field(
    field: str, values: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidFieldsError) as wrong:
        ApplicationEntity(
            title="CR1",
            host="cr1",
            roles=frozenset({Role.MODALITY}),
            **{field: values},  # type: ignore[arg-type]
        )
    assert said in wrong.value.fields[field]


def test_new_entries_are_bound_to_their_host() -> None:
    entity = ApplicationEntity(title="CR1", host="cr1", roles=frozenset({Role.MODALITY}))
    assert (entity.callers, entity.certificates) == (("host",), ())
