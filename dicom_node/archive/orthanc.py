"""Another archive: an Orthanc, asked over its REST interface."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import httpx
from pyorthanc import Orthanc

from dicom_node.archive.errors import NotInArchiveError, RemoteArchiveError


class OrthancArchive:
    """Reads studies from an Orthanc; a context manager that closes its connections."""

    def __init__(
        self, url: str, username: str = "", password: str = "", *, timeout: float = 30.0
    ) -> None:
        """Ask the Orthanc at ``url``; ``timeout`` in seconds is for each request."""
        self._url = url
        self._client: Any = Orthanc(
            url.rstrip("/"), username or None, password or None, timeout=timeout
        )

    def ping(self) -> str:
        """Return the version of the Orthanc that answers.

        Raises
        ------
        RemoteArchiveError
            It does not answer, or does not let us in.
        """
        with self._asking():
            return str(self._client.get_system()["Version"])

    def instances_of_study(self, study_instance_uid: str) -> Iterator[bytes]:
        """Yield each instance of a study as the bytes of a Part 10 file.

        Raises
        ------
        NotInArchiveError
            It has no such study.
        RemoteArchiveError
            It does not answer, or does not let us in.
        """
        query = {"Level": "Study", "Query": {"StudyInstanceUID": study_instance_uid}}
        with self._asking():
            studies = self._client.post_tools_find(query)
            if not studies:
                raise NotInArchiveError(f"{self._url} has no such study")
            for study in studies:
                for instance in self._client.get_studies_id_instances(study):
                    yield bytes(self._client.get_instances_id_file(instance["ID"]))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> "OrthancArchive":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            # The error's own text may quote the answer, which may quote a patient's data.
            kind = type(error).__name__
            raise RemoteArchiveError(f"{self._url} did not answer as it should: {kind}") from None
