"""What services that run models are told of who asks: from a file, never from a model's card."""

from dicom_node.configuration.private_file import read_private
from dicom_node.errors import ConfigurationError


def read_credentials(path: str) -> dict[str, str]:
    """Read a file of ``ENDPOINT AUTHORIZATION`` lines, such as ``https://triton:8000 Bearer …``.

    Returns
    -------
    dict[str, str]
        The values of the header Authorization (RFC 9110, section 11.6.2) by endpoint; none without
        a path.

    Raises
    ------
    ConfigurationError
        The file cannot be read, others may read it too, or a line is not as it should be; what a
        line holds is never quoted.
    """
    if not path:
        return {}
    lines = read_private(path, setting="inference.credentials_file").splitlines()
    found = {}
    for number, line in enumerate(lines, start=1):
        endpoint, _, value = line.strip().partition(" ")
        if not endpoint or endpoint.startswith("#"):
            continue
        if not value.strip() or not value.isascii() or not value.isprintable():
            raise ConfigurationError(
                f"inference.credentials_file {path}, line {number}: write a service's endpoint, a "
                "space, and what its header Authorization is to hold (Bearer and a token)"
            )
        found[endpoint] = value.strip()
    return found
