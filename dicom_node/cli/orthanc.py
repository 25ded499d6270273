"""``dicom-node orthanc``: studies out of an Orthanc over its REST interface, results into it."""

import getpass
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dicom_node.archive.change_cursor import ChangeCursor
from dicom_node.archive.errors import NotInArchiveError
from dicom_node.archive.in_transit import folder_in_transit
from dicom_node.archive.orthanc import OrthancArchive
from dicom_node.archive.part10 import decode_head
from dicom_node.audit.events import act
from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.configuration.peer_credentials import Credentials
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.errors import ConfigurationError, NodeError, NotFoundError
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import store
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import scu_timeouts

commands = typer.Typer(
    help="Pull studies from an Orthanc, push results to it; over REST.", no_args_is_help=True
)

Title = Annotated[
    str, typer.Argument(help="Its administered AE title: studies count as sent by it.")
]
Url = Annotated[
    str, typer.Option(help="Its REST interface; without, port 8042 of the title's host.")
]
_LONGEST_PAUSE = 300.0


class NotPulledError(NodeError):
    """Some studies could not be handed to the node."""


@commands.command("pull")
def pull(
    context: typer.Context,
    title: Title,
    url: Url = "",
    query: Annotated[
        list[str] | None,
        typer.Option(help="KEYWORD=VALUE that studies match, as PatientID=7; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many studies of a query.")] = 100,
    from_now: Annotated[
        bool, typer.Option("--from-now", help="Leave what the change feed has already.")
    ] = False,
    follow: Annotated[
        float, typer.Option(help="Ask again every so many seconds, until stopped; 0: once.")
    ] = 0.0,
) -> None:
    """Hand an Orthanc's studies to the running node: those of a query, or whatever is new.

    Without a query its change feed is read on from where the last pull ended; a study is done with
    when the node has stored all of it.
    """
    run = invocation(context)
    run.record(act("orthanc pull", user=getpass.getuser(), at=utc_now(), subject=title))
    with _asked(run, title, url) as remote:
        handing = _Handing(run, title, remote)
        if query:
            found = remote.find(_matching(query), limit=limit)
            run.console.print(f"{counted(len(found), 'study matches', 'studies match')}.")
            handing.all(found)
            return
        cursor = ChangeCursor(run.settings().data_dir / "orthanc", _url(run, title, url))
        if from_now:
            cursor.move(remote.newest_change())
        _feed(run, remote, handing, cursor, every=follow)


@commands.command("push")
def push(
    context: typer.Context,
    title: Title,
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    url: Url = "",
    images: Annotated[
        bool, typer.Option("--images", help="The received images too, where Orthanc lacks them.")
    ] = False,
) -> None:
    """Bring a study's results to an Orthanc, and have it say of the study that there are some."""
    run = invocation(context)
    repositories = run.repositories()
    known = repositories.hotbase.evidence_of_study(study)
    made = [each for each in known if each.is_here]
    if not made:
        raise NotFoundError(
            f"there are no results of study {study} here: `dicom-node status {study}` says why."
        )
    left_out = [f"{kinds} (removed here since)"] if (kinds := _removed_kinds(known)) else []
    paths = [repositories.objects.evidence_path(each.path) for each in made]
    if images:
        received = repositories.index.instances(study)
        if not received:
            left_out.append("the images (none is here)")
        paths = [*(repositories.objects.source_path(each.path) for each in received), *paths]
    run.record(
        act(
            "orthanc push",
            user=getpass.getuser(),
            at=utc_now(),
            subject=title,
            details={"study": study},
        )
    )
    with _asked(run, title, url) as remote:
        marked = {remote.store(path.read_bytes()) for path in paths}
        kinds = ",".join(sorted({each.kind.value for each in made}))
        words = f"{run.settings().network.ae_title}: {kinds}"
        for each in marked:
            remote.mark(each, words)
    run.console.print(
        f"{counted(len(paths), 'object is', 'objects are')} there; the study says {words!r}.",
    )
    if left_out:
        run.console.print(f"Not sent: {'; '.join(left_out)}.")


def _removed_kinds(known: Sequence[EvidenceObject]) -> str:
    """Name the kinds of evidence of which something was removed here."""
    return ", ".join(sorted({each.kind.value for each in known if each.is_removed}))


class _Handing:
    """Hands studies to the running node, each over one association, as the Orthanc's AE title."""

    def __init__(self, run: Invocation, title: str, remote: OrthancArchive) -> None:
        settings = run.settings()
        self._run = run
        self._remote = remote
        self._title = title.strip()
        self._own = settings.network.ae_title
        self._node = Destination(ae_title=self._own, host="127.0.0.1", port=settings.network.port)
        self._timeouts = scu_timeouts(settings)
        self._drafts = settings.data_dir

    def all(self, studies: tuple[str, ...]) -> None:
        """Hand studies over; say in the end of how many it failed.

        Raises
        ------
        NotPulledError
            The node refused objects of some.
        """
        failed = sum(not self.one(each) for each in studies)
        if failed:
            raise NotPulledError(
                f"{failed} of {len(studies)} studies are not whole here: see above"
            )

    def one(self, orthanc_id: str) -> bool:
        """Hand a study over; return whether the node has all of it that Orthanc still has.

        Raises
        ------
        NotPulledError
            The node takes nothing for now.
        """
        with folder_in_transit(self._drafts) as folder:
            try:
                paths = self._fetched(orthanc_id, folder)
            except NotInArchiveError:
                self._run.console.print("A study is gone from there: passed over.")
                return True
            if not paths:  # the node's own results alone
                return True
            outcomes = store(paths, self._node, calling_ae=self._title, timeouts=self._timeouts)
        refused = [each for each in outcomes if not each.stored]
        self._run.console.print(
            f"{len(outcomes) - len(refused)} of {len(outcomes)} objects handed over."
        )
        if any(each.retryable for each in refused):
            raise NotPulledError(f"the node takes nothing for now: {refused[0].comment}")
        for each in refused:
            self._run.console.print(
                f"- {each.sop_instance_uid}: {each.kind.value} {each.comment}", highlight=False
            )
        return not refused

    def _fetched(self, orthanc_id: str, folder: Path) -> list[Path]:
        paths = []
        found = self._remote.instances(orthanc_id, not_from=self._own)
        for number, data in enumerate(found, start=1):
            uid = decode_head(data)[0].sop_instance_uid
            if self._run.repositories().hotbase.own_objects([uid]):
                continue
            path = folder / f"{number}.dcm"
            path.write_bytes(data)
            paths.append(path)
        return paths


def _feed(
    run: Invocation,
    remote: OrthancArchive,
    handing: _Handing,
    cursor: ChangeCursor,
    *,
    every: float,
) -> None:
    """Read the change feed on; with ``every`` again and again, whatever is away meanwhile."""
    pause = every
    while True:
        try:
            _read_on(run, remote, handing, cursor)
            pause = every
        except NodeError as error:
            if not every:
                raise
            run.console.print(f"Not now: {error}", highlight=False)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if not every:
            return
        time.sleep(pause)


def _read_on(
    run: Invocation, remote: OrthancArchive, handing: _Handing, cursor: ChangeCursor
) -> None:
    newest = remote.newest_change()
    begun = cursor.read() or 0
    if newest < begun:
        raise ConfigurationError(
            f"the change feed has {counted(newest, 'entry', 'entries')} and was read up to "
            f"{begun}: it is another Orthanc's by now. --from-now reads on from its end."
        )
    count = 0
    for study in remote.stable_studies(begun):
        if not handing.one(study.orthanc_id):
            run.console.print("What was refused is not asked for again: the feed goes on.")
        cursor.move(study.sequence)
        count += 1
    cursor.move(max(newest, cursor.read() or 0))
    run.console.print(f"{counted(count, 'study was', 'studies were')} new.")


@contextmanager
def _asked(run: Invocation, title: str, url: str) -> Iterator[OrthancArchive]:
    credential = Credentials(run.settings().common_dir).find(title)
    if credential is not None and not credential.user:
        raise ConfigurationError(
            f"Orthanc wants a user and a password: `dicom-node ae credential {title} --user …`."
        )
    user, secret = (credential.user, credential.secret) if credential else ("", "")
    with OrthancArchive(_url(run, title, url), user, secret) as remote:
        remote.ping()
        yield remote


def _url(run: Invocation, title: str, url: str) -> str:
    entity = run.repositories().ae_titles.get(title)
    if url:
        return url
    if not entity.host:
        raise ConfigurationError(
            f"AE {entity.title} has no host: name its REST interface by --url."
        )
    return f"http://{entity.host}:8042"


def _matching(query: list[str]) -> dict[str, str]:
    found = {}
    for each in query:
        keyword, separator, value = each.partition("=")
        if not separator or not keyword.isalnum():
            raise ConfigurationError(f"--query {each}: write KEYWORD=VALUE, as PatientID=7.")
        found[keyword] = value
    return found
