"""Zip files lead nowhere but into the folder in which they are unpacked."""

import asyncio
import io
import zipfile
from pathlib import Path

import pytest

from dicom_node.dicomweb.packaged import zipped
from dicom_node.query.catalogue import ArchivedObject


@pytest.mark.parametrize("uid", ["../../etc", "1.2\r\nSet-Cookie: a", '1"; filename="x.exe', "/1"])
def test_a_uid_that_is_none_leads_nowhere(tmp_path: Path, uid: str) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(b"object")
    made = ArchivedObject(
        study_instance_uid=uid, series_instance_uid=uid, sop_instance_uid=uid, path=path
    )
    response = zipped([made], uid, prefix="evidence-")

    async def body() -> bytes:
        return b"".join([bytes(each) async for each in response.body_iterator])  # type: ignore[arg-type]

    (inside,) = zipfile.ZipFile(io.BytesIO(asyncio.run(body()))).namelist()
    folder, _, name = inside.partition("/")
    assert name.removesuffix(".dcm") == folder
    assert folder.isalnum()
    assert (
        response.headers["Content-Disposition"] == f'attachment; filename="evidence-{folder}.zip"'
    )
