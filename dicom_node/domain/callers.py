"""From where an AE title may call, and by which certificate: a title alone is no proof."""

import ipaddress
import re
from collections.abc import Callable, Sequence

from dicom_node.errors import NodeError

HOST, ANYWHERE = "host", "any"
"""What an entry may name besides addresses and networks: its own host, and everywhere."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class CallerRefusedError(NodeError):
    """An AE title that is administered calls from elsewhere, or without its certificate."""


def caller_problem(callers: Sequence[str]) -> str:
    """Return why these cannot be used; nothing where they can."""
    if not callers:
        return f"say from where it may call: {HOST}, {ANYWHERE}, addresses or networks."
    for each in callers:
        if each not in (HOST, ANYWHERE) and _network(each) is None:
            return (
                f"{each!r} is no address: write {HOST}, {ANYWHERE}, an IP address, or a network "
                "such as 10.0.0.0/24."
            )
    return ""


def certificate_problem(fingerprints: Sequence[str]) -> str:
    """Return why these cannot be used; nothing where they can."""
    wrong = [each for each in fingerprints if not _FINGERPRINT.fullmatch(each)]
    if not wrong:
        return ""
    return (
        "write the SHA-256 of the certificate as 64 hexadecimal digits in lower case, without "
        "colons (openssl x509 -in FILE -outform DER | sha256sum)."
    )


def require_caller(
    title: str,
    *,
    callers: Sequence[str],
    certificates: Sequence[str],
    address: str,
    certificate: str,
    host: str,
    resolved: Callable[[str], Sequence[str]],
) -> None:
    """Let a caller pass, or say why not.

    Parameters
    ----------
    title
        The AE title that calls.
    callers, certificates, host
        What its entry says: from where, with which certificates (any, if none is named).
    address, certificate
        Where it calls from, and the SHA-256 of the certificate that it showed; empty for none.
    resolved
        Returns the addresses of a host; none where it has none.

    Raises
    ------
    CallerRefusedError
        It is not who it says, or the entry names another place.
    """
    if certificates and certificate not in certificates:
        shown = f"shows the certificate {certificate}" if certificate else "shows no certificate"
        raise CallerRefusedError(f"{title} {shown}; its entry names another")
    if ANYWHERE in callers:
        return
    calling = _address(address)
    if calling is not None and any(
        calling in network
        for each in callers
        for name in (resolved(host) if each == HOST else (each,))
        if (network := _network(name)) is not None and network.version == calling.version
    ):
        return
    places = ", ".join(host if each == HOST else each for each in callers)
    raise CallerRefusedError(
        f"{title} calls from {address}, and may call from {places}: if it is the right one, "
        f"dicom-node ae set {title} --from {address}"
    )


def _address(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return None
