"""A corridor with the node's own model host, models of the test's making, and a drawn chest."""

import os
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ai_engine.library.card import ModelCard
from dicom_node.configuration.settings import NodeSettings
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, Role
from dicom_node.domain.reception import Announcement
from dicom_node.domain.route import Route
from dicom_node.models.host import ModelHost
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import Works, _encoded

# Converted models are named by their digests, so every test may use the same ones.
CONVERTED = Path(tempfile.gettempdir()) / f"dicom-node-test-models-{os.getuid()}"
TAKEN = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Trial:
    """A corridor whose one route names the test's model."""

    works: Works
    study: str = ""
    folder: Path = Path()

    def route(self, route: Route) -> None:
        """Let this be the one route."""
        self.works.corridor.routing._routes = lambda: (route,)
        self.works.corridor.inference._routes = lambda: (route,)

    def send(self, dataset: Dataset) -> None:
        """Receive an object as a modality would send it."""
        self.study = dataset.StudyInstanceUID
        stored = self.works.received.store(
            _encoded(dataset),
            Announcement(
                sop_class_uid=dataset.SOPClassUID,
                sop_instance_uid=dataset.SOPInstanceUID,
                transfer_syntax_uid=ExplicitVRLittleEndian,
                calling_ae="CR1",
                called_ae="AINODE",
                received_at=self.works.clock(),
            ),
        )
        self.works.index.record([stored.instance])

    def wanting(self, *kinds: EvidenceKind) -> None:
        """Administer what the PACS gets; everything without arguments."""
        pacs = an_entity(
            "PACS", roles=frozenset({Role.PACS}), evidence=kinds or ADMINISTERED_EVIDENCE
        )
        self.works.ae_titles.put(pacs, actor="t", at=EPOCH)

    def analyse(self) -> str:
        """Take the study through the corridor; return its job."""
        self.works.corridor.analyse(self.study, InlineSteps())
        (job,) = self.works.hotbase.jobs(self.study)
        return str(job["job_id"])

    def evidence(self, job: str) -> dict[EvidenceKind, list[Path]]:
        """The files made of a job by kind; none is held by the gate."""
        found: dict[EvidenceKind, list[Path]] = {}
        for each in self.works.hotbase.evidence(job):
            assert each.problems == (), each
            path = self.works.evidence.path(each.path)
            found.setdefault(each.kind, []).append(path)
        return found


Started = Callable[[Callable[[Path], ModelCard]], Trial]


@pytest.fixture
def started(engine: sa.Engine, tmp_path: Path) -> Started:
    """Start a corridor with a model that a function writes into a registry's folder."""

    def start(write: Callable[[Path], ModelCard]) -> Trial:
        data = tmp_path / "data"
        (data / "models").mkdir(parents=True)
        CONVERTED.mkdir(exist_ok=True)
        (data / "cache").symlink_to(CONVERTED)
        card = write(data / "models")
        config = tmp_path / "config"
        config.mkdir()
        lines = [
            "[active]",
            'frontal-chest-guard = "1.0.0"',
            'lung-segmentation = "1.1.0"',
            f'{card.name} = "{card.version}"',
        ]
        (config / "models.toml").write_text("\n".join(lines) + "\n")
        works = Works(engine, tmp_path)
        settings = NodeSettings.model_validate({"data_dir": data, "inference": {"threads": 1}})
        host = ModelHost(settings, config, works.objects)
        works.look_with(host)
        trial = Trial(works=works, folder=tmp_path)
        trial.route(Route(name="trial", model=card.name, modalities=frozenset({"DX"})))
        return trial

    return start


@pytest.fixture(scope="session")
def drawn_chest() -> Dataset:
    """A synthetic frontal chest radiograph that the guard passes: use ``chest``."""
    options = ChestOptions(rows=1250, columns=1024)
    return make_radiograph(StudyUids.fresh(), TAKEN, options).dataset


@pytest.fixture
def chest(drawn_chest: Dataset) -> Dataset:
    """The radiograph, for a test to change as it likes."""
    return deepcopy(drawn_chest)
