"""Puts the tour together, shows where to look, and takes it away again."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from rich import box
from rich.console import Console
from rich.table import Table

from dicom_node.demo.errors import DemoError
from dicom_node.demo.node_process import AE_TITLE, NodeProcess, free_port
from dicom_node.demo.pacs import DemoPacs
from dicom_node.demo.showing import show_step
from dicom_node.demo.tour import orthanc, viewer
from dicom_node.demo.tour.configuration import AWAY_TITLE, add_to_configuration
from dicom_node.demo.tour.orthanc import TourOrthanc
from dicom_node.demo.tour.people import SignIn, add_people
from dicom_node.demo.tour.studies import RADIOGRAPHS, TourStudy, make_studies
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import NotFoundError
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import store
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.database import make_engine

_PATIENCE = 600.0
_UNDER_WAY = (StudyState.RECEIVING, StudyState.COMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TourOptions:
    """Where the node's routes and models, Orthanc's files and converted models lie."""

    config_dir: Path
    orthanc_dir: Path
    cache: Path
    without: frozenset[str] = frozenset()
    """Parts that are left out although they are installed: orthanc, viewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """What runs, and where to look at it."""

    folder: Path
    node_url: str
    people: tuple[SignIn, ...]
    studies: tuple[tuple[TourStudy, StudyRecord], ...]
    pacs: TourOrthanc | None
    viewer_url: str
    process_ids: tuple[int, ...]

    def as_json(self) -> str:
        """Return the same for programs: the tour's own test, and the command for pictures."""
        return json.dumps(
            {
                "folder": str(self.folder),
                "node": self.node_url,
                "people": {each.name: each.password for each in self.people},
                "studies": [
                    {
                        "title": made.title,
                        "study": made.study_instance_uid,
                        "state": became.state.value,
                        "reason": became.reason,
                    }
                    for made, became in self.studies
                ],
                "orthanc": (
                    {"url": self.pacs.url, "user": orthanc.USER, "password": self.pacs.password}
                    if self.pacs
                    else None
                ),
                "viewer": self.viewer_url,
                "processes": self.process_ids,
            }
        )


@contextmanager
def tour(options: TourOptions, console: Console) -> Iterator[Tour]:
    """Run the whole product with studies of every kind; nothing is left of it afterwards.

    Raises
    ------
    NodeError
        When something needed does not start or a study is not done; the message says why.
    """
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="dicom-node-tour-", ignore_cleanup_errors=True)
            )
        )
        pacs = _pacs(options, folder, stack, console)
        with _step(console, "The node is running"):
            node = _node(options, folder, pacs.address if pacs else _plain(folder, stack))
            stack.enter_context(node)
            drawn = tuple(make_studies(folder / "sent", datetime.now(UTC)))  # while it starts
            node.wait_until_ready()
            people = add_people(node, datetime.now(UTC))
        viewer_url = _viewer(options, pacs, stack, console)
        with _step(console, f"{len(drawn)} synthetic studies went through it"):
            studies = _send(drawn, node, pacs)
        running = [each.process_id for each in (node, pacs) if each is not None]
        yield Tour(
            folder=folder,
            node_url=_url(node),
            people=people,
            studies=studies,
            pacs=pacs,
            viewer_url=viewer_url,
            process_ids=tuple(pid for pid in running if pid is not None),
        )
        with console.status("Stopping, and removing what was made …"):
            stack.close()


def show(made: Tour, console: Console) -> None:
    """Print where to look, and who may sign in."""
    table = Table("Study", "What became of it", box=box.SIMPLE_HEAD)
    for study, became in made.studies:
        table.add_row(study.title, became.state.value)
    console.print(table)
    links = Table.grid(padding=(0, 2))
    for what, url in _links(made):
        links.add_row(what, url)
    console.print(links)
    console.print()
    people = Table("Sign in as", "Password", "Who", box=box.SIMPLE_HEAD)
    for each in made.people:
        people.add_row(each.name, each.password, each.what_for)
    if made.pacs:
        people.add_row(orthanc.USER, made.pacs.password, "looks at the PACS (Orthanc)")
    console.print(people)
    console.print(
        f"{AWAY_TITLE} is down and one model damaged on purpose: the overview shows what trouble "
        "looks like. All studies are [bold]synthetic[/], so findings mean nothing.\n"
        "[bold]Ctrl-C[/] ends the tour and removes all of it.",
        highlight=False,
    )


def _links(made: Tour) -> Iterator[tuple[str, str]]:
    yield "Worklist (expert)", f"{made.node_url}/worklist"
    yield "Overview (admin)", f"{made.node_url}/overview"
    yield "REST API (admin)", f"{made.node_url}/docs"
    yield "Health", f"{made.node_url}/health"
    yield "Metrics", f"{made.node_url}/metrics"
    if made.pacs:
        yield "PACS with the results", f"{made.pacs.url}/app/explorer.html"
    if made.viewer_url:
        yield "Viewer on the results", made.viewer_url


def _pacs(
    options: TourOptions, folder: Path, stack: ExitStack, console: Console
) -> TourOrthanc | None:
    program = orthanc.installed()
    if program is None or "orthanc" in options.without:
        console.print(
            "[yellow]–[/] Without Orthanc (Debian: orthanc, orthanc-dicomweb): results go to a "
            "folder, and there is no viewer on them.",
            highlight=False,
        )
        return None
    with _step(console, "Orthanc is running"):
        place = folder / "orthanc"
        place.mkdir()
        return stack.enter_context(
            TourOrthanc(program, place, configuration=options.orthanc_dir, sender=AE_TITLE)
        )


def _plain(folder: Path, stack: ExitStack) -> Destination:
    address = Destination(ae_title="TOUR_PACS", host="127.0.0.1", port=free_port())
    stack.enter_context(DemoPacs(folder / "pacs", address=address, sender=AE_TITLE))
    return address


def _node(options: TourOptions, folder: Path, pacs: Destination) -> NodeProcess:
    node = NodeProcess(
        folder / "node",
        config_dir=options.config_dir,
        modality=RADIOGRAPHS,
        pacs=pacs,
        settings={
            "DICOM_NODE_WEB__PORT": str(free_port()),
            "DICOM_NODE_WORKFLOW__FIRST_RETRY_DELAY": "1",
        },
    )
    models = node.data_dir / "models"
    if models.is_symlink():
        models.unlink()  # the user's own models are not for play
    models.mkdir(parents=True)
    add_to_configuration(node.config_dir, models, pacs=pacs.ae_title)
    options.cache.mkdir(parents=True, exist_ok=True)
    (node.data_dir / "cache").symlink_to(options.cache.resolve())
    return node


def _viewer(
    options: TourOptions, pacs: TourOrthanc | None, stack: ExitStack, console: Console
) -> str:
    if pacs is None:
        return ""
    if not viewer.DIST.is_dir() or "viewer" in options.without:
        console.print(
            "[yellow]–[/] Without OHIF (npm package @ohif/app in node_modules): Orthanc's own "
            "page shows the results.",
            highlight=False,
        )
        return ""
    return stack.enter_context(viewer.Viewer(pacs)).url


def _send(
    drawn: Sequence[TourStudy], node: NodeProcess, pacs: TourOrthanc | None
) -> tuple[tuple[TourStudy, StudyRecord], ...]:
    for study in drawn:
        if pacs is not None:
            pacs.upload(study.files)
        failed = [
            outcome
            for outcome in store(study.files, node.address, calling_ae=study.sender)
            if not outcome.stored
        ]
        if failed:
            raise DemoError(f"the node did not take {study.title!r}: {failed[0].comment}")
    return _settled(drawn, node)


def _settled(
    drawn: Sequence[TourStudy], node: NodeProcess
) -> tuple[tuple[TourStudy, StudyRecord], ...]:
    """Wait until every study is done and what can be delivered has been."""
    engine = make_engine(node.database_url)
    try:
        index, deliveries = StudyIndex(engine), DeliveryStore(engine)
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            node.require_running()
            records = [_record(index, each) for each in drawn]
            if all(each and each.state not in _UNDER_WAY for each in records) and not any(
                count
                for (title, state), count in deliveries.counts().items()
                if title != AWAY_TITLE and state in (DeliveryState.PENDING, DeliveryState.RETRYING)
            ):
                return tuple(
                    (study, record)
                    for study, record in zip(drawn, records, strict=True)
                    if record is not None
                )
            time.sleep(0.2)
    finally:
        engine.dispose()
    waiting = ", ".join(
        study.title
        for study, record in zip(drawn, records, strict=True)
        if record is None or record.state in _UNDER_WAY
    )
    raise DemoError(f"not done after {_PATIENCE:.0f} s: {waiting or 'deliveries'}; see {node.log}")


def _record(index: StudyIndex, study: TourStudy) -> StudyRecord | None:
    try:
        return index.study(study.study_instance_uid)
    except (NotFoundError, sa.exc.OperationalError):
        return None  # its association has only just ended


def _url(node: NodeProcess) -> str:
    return f"http://127.0.0.1:{node.settings['DICOM_NODE_WEB__PORT']}"


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{text} …"):
        yield
    show_step(console, text, time.monotonic() - started)
