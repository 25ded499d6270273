"""What arrives, written into the index: objects, studies that are received, priors, conflicts."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.attributes import keep_attributes
from dicom_node.persistence.corridor.conflicts import keep_conflicts
from dicom_node.persistence.corridor.retrievals import purposes_of
from dicom_node.persistence.corridor.tables import INSTANCES, STUDIES
from dicom_node.persistence.upsert import insert_or_change, insert_or_ignore

# More parameters than this in one statement are too many for some SQLite builds.
_CHUNK = 500
_JSON = TypeAdapter(ReceivedInstance)
_MAY_HAVE_RESULTS = (StudyState.COMPLETE, StudyState.ANALYSED, StudyState.FAILED)


def keep_arrivals(
    connection: sa.Connection, instances: Sequence[ReceivedInstance], sender: str | None
) -> tuple[list[ReceivedInstance], tuple[ReceivedInstance, ...], frozenset[str]]:
    """Write down what has arrived, as ``StudyIndex.record`` promises it.

    Returns
    -------
    list of ReceivedInstance
        What makes its study one that is being received.
    tuple of ReceivedInstance
        Objects under a taken UID that had not been noted before.
    frozenset of str
        Studies that are being received again because an image of theirs came with other content.
    """
    known = _digests(connection, [each.sop_instance_uid for each in instances])
    fresh: dict[str, ReceivedInstance] = {}
    conflicts: list[ReceivedInstance] = []
    for instance in instances:
        uid = instance.sop_instance_uid
        present = known.get(uid) or (fresh[uid].digest if uid in fresh else None)
        if present is None:
            fresh[uid] = instance
        elif present != instance.digest:
            conflicts.append(instance)
    fetched = purposes_of(connection, instances)
    priors = {uid for uid, purpose in fetched.items() if purpose is Purpose.PRIOR}
    sent = [each for uid, each in fresh.items() if uid not in priors]
    sent += _sent_again(connection, instances, fresh, priors)
    repairs = {uid for uid, purpose in fetched.items() if purpose is Purpose.REPAIR}
    _keep_priors(connection, [each for uid, each in fresh.items() if uid in priors])
    _open_studies(connection, sent, sender, repairs)
    insert_or_ignore(connection, INSTANCES, [_instance_row(each) for each in fresh.values()])
    keep_attributes(connection, fresh.values())
    noted = keep_conflicts(connection, conflicts)
    doubted = _open_doubted(
        connection, [each for each in noted if each.sop_instance_uid not in fetched]
    )
    return sent, noted, doubted


def _digests(connection: sa.Connection, uids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(uids), _CHUNK):
        query = sa.select(INSTANCES.c.sop_instance_uid, INSTANCES.c.digest).where(
            INSTANCES.c.sop_instance_uid.in_(uids[start : start + _CHUNK])
        )
        found.update((uid, digest) for uid, digest in connection.execute(query))
    return found


def _open_studies(
    connection: sa.Connection,
    instances: Iterable[ReceivedInstance],
    sender: str | None,
    repairs: Set[str],
) -> None:
    """Let studies be received; one whose images were all fetched keeps its own sender."""
    for uid, arrived in _by_study(instances).items():
        row = _new_row(uid, arrived, StudyState.RECEIVING)
        changed = {"state": row["state"], "last_received_at": row["last_received_at"]}
        if sender is not None or not all(each.sop_instance_uid in repairs for each in arrived):
            row["sender"] = changed["sender"] = row["sender"] if sender is None else sender
        insert_or_change(connection, STUDIES, row, changed)


def _open_doubted(
    connection: sa.Connection, conflicts: Sequence[ReceivedInstance]
) -> frozenset[str]:
    """Let studies be looked at once more whose images came with other content: results may stand.

    What the node fetched is an archive's version of what it has, and nobody sent it.
    """
    uids = sorted({each.sop_instance_uid for each in conflicts})
    doubted = set[str]()
    for start in range(0, len(uids), _CHUNK):
        of_them = sa.select(INSTANCES.c.study_instance_uid).where(
            INSTANCES.c.sop_instance_uid.in_(uids[start : start + _CHUNK])
        )
        query = sa.select(STUDIES.c.study_instance_uid).where(
            STUDIES.c.study_instance_uid.in_(of_them), STUDIES.c.state.in_(_MAY_HAVE_RESULTS)
        )
        doubted.update(connection.scalars(query))
    if doubted:
        again = {
            "state": StudyState.RECEIVING,
            "last_received_at": max(each.received_at for each in conflicts),
        }
        connection.execute(
            sa.update(STUDIES).where(STUDIES.c.study_instance_uid.in_(doubted)).values(**again)
        )
    return frozenset(doubted)


def _keep_priors(connection: sa.Connection, instances: Iterable[ReceivedInstance]) -> None:
    """Note studies of which images were fetched; one that was sent before stays what it is."""
    for uid, arrived in _by_study(instances).items():
        row = _new_row(uid, arrived, StudyState.PRIOR)
        insert_or_ignore(connection, STUDIES, [row])
        connection.execute(
            sa.update(STUDIES)
            .where(STUDIES.c.study_instance_uid == uid, STUDIES.c.state == StudyState.PRIOR)
            .values(last_received_at=row["last_received_at"])
        )


def _sent_again(
    connection: sa.Connection,
    instances: Iterable[ReceivedInstance],
    fresh: Mapping[str, ReceivedInstance],
    fetched: Set[str],
) -> list[ReceivedInstance]:
    """Return what somebody sends now of studies that were fetched as priors before."""
    known = [
        each
        for each in instances
        if each.sop_instance_uid not in fresh and each.sop_instance_uid not in fetched
    ]
    query = sa.select(STUDIES.c.study_instance_uid).where(
        STUDIES.c.state == StudyState.PRIOR,
        STUDIES.c.study_instance_uid.in_({each.study_instance_uid for each in known}),
    )
    priors = set(connection.scalars(query)) if known else set()
    return [each for each in known if each.study_instance_uid in priors]


def _by_study(instances: Iterable[ReceivedInstance]) -> dict[str, list[ReceivedInstance]]:
    by_study: dict[str, list[ReceivedInstance]] = {}
    for instance in instances:
        by_study.setdefault(instance.study_instance_uid, []).append(instance)
    return by_study


def _new_row(uid: str, arrived: Sequence[ReceivedInstance], state: StudyState) -> dict[str, Any]:
    return {
        "study_instance_uid": uid,
        "state": state,
        "sender": arrived[-1].calling_ae,
        "revision": 0,
        "claimed_by": "",
        "first_received_at": min(each.received_at for each in arrived),
        "last_received_at": max(each.received_at for each in arrived),
        "reason": "",
    }


def _instance_row(instance: ReceivedInstance) -> dict[str, Any]:
    return {
        "sop_instance_uid": instance.sop_instance_uid,
        "study_instance_uid": instance.study_instance_uid,
        "series_instance_uid": instance.series_instance_uid,
        "path": instance.path,
        "digest": instance.digest,
        "received_at": instance.received_at,
        "received": _JSON.dump_python(instance, mode="json", exclude={"attributes"}),
        "described": instance.attributes is not None,
    }
