"""Another archive: an Orthanc, asked over its REST interface."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any

import httpx
from pyorthanc import Orthanc

from dicom_node.archive.errors import ArchiveError, NotInArchiveError, RemoteArchiveError

RESULT_METADATA = 4243
"""Metadata of a study: that the node has a result of it (named in ``orthanc/orthanc.json``)."""

_STATUS = re.compile(r"HTTP code: ([0-9]{3})\b")
_PAGE = 100
_STABLE = "StableStudy"


@dataclass(frozen=True, slots=True, kw_only=True)
class StableStudy:
    """An entry of Orthanc's change feed: a study that has not changed for a while.

    ``sequence`` is the entry's number: a feed that is read from there on goes on behind it.
    """

    sequence: int
    orthanc_id: str


class OrthancArchive:
    """Reads studies from an Orthanc, and brings results there; a context manager."""

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
        studies = self.find({"StudyInstanceUID": study_instance_uid})
        if not studies:
            raise NotInArchiveError(f"{self._url} has no such study")
        for study in studies:
            yield from self.instances(study)

    def find(self, query: Mapping[str, str], *, limit: int = 0) -> tuple[str, ...]:
        """Return Orthanc's identifiers of the studies that match; with a limit, the first of them.

        Raises
        ------
        RemoteArchiveError
            It does not answer, or not as it should.
        """
        asked = {"Level": "Study", "Query": dict(query), "Limit": limit}
        with self._asking():
            return tuple(str(each) for each in self._client.post_tools_find(asked))

    def instances(self, orthanc_id: str, *, not_from: str = "") -> Iterator[bytes]:
        """Yield the instances of a study by Orthanc's identifier, as Part 10 files.

        Those are left out that Orthanc got from the AE title ``not_from``, or has let go of since
        it listed them.

        Raises
        ------
        NotInArchiveError
            It has no such study (any more).
        RemoteArchiveError
            It does not answer, or does not let us in.
        """
        with self._asking():
            listed = [str(each["ID"]) for each in self._client.get_studies_id_instances(orthanc_id)]
        for instance in listed:
            if not_from and self._sender(instance) == not_from:
                continue
            if (data := self._file(instance)) is not None:
                yield data

    def _file(self, instance: str) -> bytes | None:
        """Return an instance as a Part 10 file; None where it is gone."""
        try:
            with self._asking():
                return bytes(self._client.get_instances_id_file(instance))
        except NotInArchiveError:
            return None

    def stable_studies(self, since: int) -> Iterator[StableStudy]:
        """Yield what the change feed has behind entry ``since``, oldest first.

        Raises
        ------
        RemoteArchiveError
            It does not answer, or not as it should.
        """
        is_done = False
        while not is_done:
            with self._asking():
                page = self._client.get_changes({"since": since, "limit": _PAGE})
                last, is_done = int(page["Last"]), bool(page["Done"])
                found = [
                    StableStudy(sequence=int(each["Seq"]), orthanc_id=str(each["ID"]))
                    for each in page["Changes"]
                    if each["ChangeType"] == _STABLE
                ]
                if not is_done and last <= since:
                    raise RemoteArchiveError(
                        f"the change feed of {self._url} goes round in circles"
                    )
            since = last
            yield from found

    def newest_change(self) -> int:
        """Return the number of the newest entry of the change feed; 0 where there is none.

        Raises
        ------
        RemoteArchiveError
            It does not answer, or not as it should.
        """
        with self._asking():
            return int(self._client.get_changes({"last": "true"})["Last"])

    def store(self, data: bytes) -> str:
        """Store a Part 10 file; return Orthanc's identifier of its study.

        Raises
        ------
        RemoteArchiveError
            It did not take it.
        """
        with self._asking():
            return str(self._client.post_instances(data)["ParentStudy"])

    def mark(self, orthanc_id: str, words: str) -> None:
        """Have Orthanc say of a study that there is a result, and which.

        Raises
        ------
        RemoteArchiveError
            It did not take it.
        """
        path = f"/studies/{orthanc_id}/metadata/{RESULT_METADATA}"
        with self._asking():
            self._client.put(self._url.rstrip("/") + path, content=words).raise_for_status()

    def mark_of(self, orthanc_id: str) -> str:
        """Return what Orthanc says of a study's result; empty where there is none.

        Raises
        ------
        RemoteArchiveError
            It does not answer, or not as it should.
        """
        return self._metadata(f"/studies/{orthanc_id}", str(RESULT_METADATA))

    def _sender(self, instance: str) -> str:
        return self._metadata(f"/instances/{instance}", "RemoteAET")

    def _metadata(self, resource: str, name: str) -> str:
        with self._asking():
            answer = self._client.get(f"{self._url.rstrip('/')}{resource}/metadata/{name}")
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return ""
            answer.raise_for_status()
            return str(answer.text)

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
        except (KeyError, TypeError, ValueError):
            words = f"{self._url} answered with something that is no answer of an Orthanc"
            raise RemoteArchiveError(words) from None
        except httpx.HTTPError as error:
            raise self._said(error) from None

    def _said(self, error: httpx.HTTPError) -> ArchiveError:
        """Say what went wrong, without the answer: it may quote a patient's data."""
        status = _status(error)
        if status == HTTPStatus.NOT_FOUND:
            return NotInArchiveError(f"{self._url} has no such study (any more)")
        if status is not None:
            return RemoteArchiveError(f"{self._url} answered HTTP {status}")
        kind = type(error).__name__
        return RemoteArchiveError(f"{self._url} did not answer as it should: {kind}")


def _status(error: httpx.HTTPError) -> int | None:
    """Return the status of an answer that pyorthanc, which says it in words alone, took for one."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code
    found = _STATUS.match(str(error))
    return int(found[1]) if found else None
