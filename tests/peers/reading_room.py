"""The pages over a real archive of synthetic radiographs, with a worklist in memory."""

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from ai_engine.prediction import Region
from dicom_node.configuration.settings import NodeSettings
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.review.review import (
    CtUnderReview,
    KeySliceUnderReview,
    LungUnderReview,
    PatternUnderReview,
    ReviewDetails,
)
from dicom_node.domain.user import User, UserRole
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.web.application import make_application
from dicom_node.web.server import WebServer
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.peers.objects import encoded_part10, make_dataset, write_part10
from tests.schema import give_schema

PASSWORD = "a quiet dark room"  # noqa: S105 - opens nothing but this test
PEOPLE = {
    "ada": (UserRole.EXPERT, UserRole.ADMIN),
    "bert": (UserRole.EXPERT,),
    "cleo": (UserRole.EXPERT,),
    "rita": (UserRole.READER,),
    "otto": (UserRole.ADMIN,),
    "olga": (UserRole.OPERATOR,),
}
_WITH_OPACITY = (("opacity", 0.91), ("cardiomegaly", 0.56), ("effusion", 0.31), ("nodule", 0.04))
_CT_SIDE = 256
_NORMAL = (("opacity", 0.07), ("cardiomegaly", 0.12), ("effusion", 0.03), ("nodule", 0.02))


@dataclass(slots=True, kw_only=True)
class ReadingRoom:
    """Pages on a free port of this machine."""

    repositories: Repositories
    review_queue: FakeReviewQueue
    url: str = ""
    items: list[str] = field(default_factory=list)


def settings_in(folder: Path) -> NodeSettings:
    """Return settings whose data lie in ``folder``, on a free port."""
    return NodeSettings.model_validate({"data_dir": folder, "web": {"port": 0}})


@contextmanager
def reading_room(
    folder: Path, *, studies: Sequence[bool] = (True, False, True, False), rows: int = 640
) -> Iterator[ReadingRoom]:
    """Serve the pages; ``studies`` says of each study whether the model has found something."""
    settings = settings_in(folder)
    repositories = Repositories(settings)
    give_schema(repositories.engine)
    repositories.received.open()
    repositories.evidence.open()
    room = ReadingRoom(
        repositories=repositories, review_queue=FakeReviewQueue(clock=lambda: datetime.now(UTC))
    )
    add_people(repositories)
    for number, found in enumerate(studies, start=1):
        add_study(room, number, found=found, rows=rows)
    application = make_application(
        registry=CollectorRegistry(),
        problems=tuple,
        version="test",
        pages=make_pages(settings, repositories, room.review_queue, version="test"),
    )
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    room.url = f"http://127.0.0.1:{server.port}"
    try:
        yield room
    finally:
        server.stop()
        repositories.close()


def add_people(repositories: Repositories) -> None:
    """Let PEOPLE sign in with PASSWORD."""
    # A hash says what checking it costs: the real cost is measured where hashes are made.
    password = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),)).hash(
        PASSWORD
    )
    for name, roles in PEOPLE.items():
        user = User(
            name=name, title=f"{name.title()}^Test", organization="Test", roles=frozenset(roles)
        )
        repositories.users.add(user, password, actor="test", at=datetime.now(UTC))


def add_study(
    room: ReadingRoom, number: int, *, found: bool, rows: int = 640, readers: int = 1
) -> ReviewDetails:
    """Put a synthetic radiograph into the archive, and its review on the worklist."""
    uids = StudyUids(
        study=f"1.2.3.{number}", series=f"1.2.3.{number}.1", instance=f"1.2.3.{number}.1.1"
    )
    options = ChestOptions(seed=number, rows=rows, columns=round(rows * 0.82), with_lesion=found)
    add_radiograph(room, uids, options)
    details = fake_details(
        number,
        probabilities=_WITH_OPACITY if found else _NORMAL,
        readers=readers,
        received_at=datetime.now(UTC) - timedelta(minutes=7 * (10 - number)),
    )
    image = replace(details.images[0], rows=rows, columns=options.columns)
    scale = rows / 512
    details = replace(
        details,
        item=replace(details.item, modality="DX"),
        images=(image,),
        findings=tuple(
            replace(
                each,
                boxes=tuple(_scaled(box, scale) for box in each.boxes),
                heat_map=replace(
                    each.heat_map,
                    region=Region(left=0, top=0, right=options.columns, bottom=rows),
                )
                if each.heat_map
                else None,
            )
            for each in details.findings
        ),
    )
    room.review_queue.add(details)
    room.items.append(details.item.item_id)
    return details


def add_radiograph(room: ReadingRoom, uids: StudyUids, options: ChestOptions) -> None:
    """Put a synthetic radiograph into the archive."""
    stored = room.repositories.received.store_part10(
        _drawn(uids, options), calling_ae="CR1", called_ae="AINODE", received_at=datetime.now(UTC)
    )
    room.repositories.index.record([stored.instance])


@cache
def _drawn(uids: StudyUids, options: ChestOptions) -> bytes:
    """The file of a radiograph: to draw one takes a third of a second, and rooms show the same."""
    return encoded_part10(make_radiograph(uids, datetime.now(UTC), options).dataset)


def add_ct(room: ReadingRoom, number: int, *, slices: int, found_on: int) -> ReviewDetails:
    """Put a CT of a ball into the archive, and its review: something is found on one slice."""
    details = fake_details(number, probabilities=_WITH_OPACITY, received_at=datetime.now(UTC))
    images = []
    for position in range(1, slices + 1):
        dataset = ct_slice(number, position, slices)
        file = write_part10(room.repositories.settings.data_dir / "made.dcm", dataset)
        stored = room.repositories.received.store_part10(
            file.read_bytes(), calling_ae="CT1", called_ae="AINODE", received_at=datetime.now(UTC)
        )
        room.repositories.index.record([stored.instance])
        images.append(
            replace(
                details.images[0],
                sop_instance_uid=str(dataset.SOPInstanceUID),
                instance_number=position,
                rows=_CT_SIDE,
                columns=_CT_SIDE,
            )
        )
    whole = Region(left=0, top=0, right=_CT_SIDE, bottom=_CT_SIDE)
    findings = tuple(
        replace(
            each,
            image_uid=images[found_on - 1].sop_instance_uid,
            boxes=(Region(left=80, top=80, right=180, bottom=180),) if each.is_positive else (),
            heat_map=replace(each.heat_map, region=whole) if each.heat_map else None,
        )
        for each in details.findings
    )
    item = replace(details.item, modality="CT", image_count=slices)
    details = replace(details, item=item, images=tuple(images), findings=findings)
    room.review_queue.add(details)
    room.items.append(item.item_id)
    return details


def add_measured_ct(room: ReadingRoom, number: int, *, slices: int = 9) -> ReviewDetails:
    """Put a CT with figures on the worklist: two lungs, and two patterns in the right one."""
    details = add_ct(room, number, slices=slices, found_on=1)
    middle = (slices + 1) // 2
    ct = CtUnderReview(
        lungs=(
            LungUnderReview(
                side="right lung", volume_ml=2600, aerated_ml=2100, percentage=18.4, grade=2
            ),
            LungUnderReview(
                side="left lung", volume_ml=2200, aerated_ml=2150, percentage=0.7, grade=1
            ),
        ),
        both=LungUnderReview(
            side="both lungs", volume_ml=4800, aerated_ml=4250, percentage=10.3, grade=2
        ),
        patterns=(
            PatternUnderReview(
                pattern="ground-glass",
                volume_ml=370,
                percentage=7.7,
                sides=("right lung",),
                slice_number=middle,
            ),
            PatternUnderReview(
                pattern="consolidation",
                volume_ml=125,
                percentage=2.6,
                sides=("right lung",),
                slice_number=middle + 2,
            ),
        ),
        key_slices=(
            KeySliceUnderReview(number=middle, patterns=("ground-glass",)),
            KeySliceUnderReview(number=middle + 2, patterns=("ground-glass", "consolidation")),
        ),
        slices=tuple((each.sop_instance_uid, None) for each in details.images),
        explanation=("Inhomogeneity is seen in the right lung.",),
    )
    item = replace(details.item, leading_label="ground-glass", calibration="")
    details = replace(details, item=item, findings=(), vocabulary=(), ct=ct)
    room.review_queue.add(details)
    outlines = {
        str(at): {
            "right lung": [_ring(95, 128, 34)],
            "left lung": [_ring(161, 128, 34)],
            "ground-glass": [_ring(95, 140, 16)],
            **({"consolidation": [_ring(100, 118, 7)]} if at > middle else {}),
        }
        for at in range(2, slices)
    }
    drawn = gzip.compress(json.dumps(outlines).encode())
    room.review_queue.drawn[item.item_id] = drawn
    return details


def _ring(x: float, y: float, radius: float) -> list[float]:
    angles = np.linspace(0, 2 * np.pi, 40)
    points = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
    return [round(float(value), 1) for value in points.ravel()]


def add_frames(room: ReadingRoom, number: int, *, frames: int, found_on: int) -> ReviewDetails:
    """Put the same ball as one image of many frames; something is found on one of them."""
    details = add_ct(room, number, slices=1, found_on=1)
    dataset = ct_slice(number, 1, 1)
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.SOPInstanceUID = f"1.2.3.{number}.2.1"
    dataset.SeriesInstanceUID = f"1.2.3.{number}.2"
    dataset.NumberOfFrames = frames
    dataset.PixelData *= frames
    file = write_part10(room.repositories.settings.data_dir / "made.dcm", dataset)
    stored = room.repositories.received.store_part10(
        file.read_bytes(), calling_ae="CT1", called_ae="AINODE", received_at=datetime.now(UTC)
    )
    room.repositories.index.record([stored.instance])
    image = replace(
        details.images[0],
        sop_instance_uid=str(dataset.SOPInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        number_of_frames=frames,
    )
    details = replace(
        details,
        images=(image,),
        findings=tuple(
            replace(each, image_uid=image.sop_instance_uid, frame_number=found_on)
            for each in details.findings
        ),
    )
    room.review_queue.add(details)
    return details


def ct_slice(number: int, position: int, slices: int) -> Dataset:
    """One slice through a ball of soft tissue in air, in Hounsfield units and a lung window."""
    rows, columns = np.ogrid[:_CT_SIDE, :_CT_SIDE]
    middle, height = _CT_SIDE / 2, 2 * position / (slices + 1) - 1
    radius = 0.4 * _CT_SIDE * np.sqrt(1 - height**2)
    inside = (rows - middle) ** 2 + (columns - middle) ** 2 <= radius**2
    return make_dataset(
        position,
        SOPClassUID=CTImageStorage,
        SOPInstanceUID=f"1.2.3.{number}.1.{position}",
        StudyInstanceUID=f"1.2.3.{number}",
        SeriesInstanceUID=f"1.2.3.{number}.1",
        Modality="CT",
        PatientName="Synthetic^Ball",
        PatientID="BALL",
        Rows=_CT_SIDE,
        Columns=_CT_SIDE,
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=1,
        RescaleSlope="1",
        RescaleIntercept="-1024",
        WindowCenter="-500",
        WindowWidth="1500",
        PixelSpacing=["1", "1"],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        ImagePositionPatient=["0", "0", str(2 * position)],
        SliceThickness="2",
        FrameOfReferenceUID=f"1.2.3.{number}.9",
        PixelData=np.where(inside, 1064, 24).astype("<i2").tobytes(),
    )


def _scaled(box: Region, scale: float) -> Region:
    return Region(
        left=box.left * scale * 0.82,
        top=box.top * scale,
        right=box.right * scale * 0.82,
        bottom=box.bottom * scale,
    )
