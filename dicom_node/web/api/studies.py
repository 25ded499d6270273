"""Studies, deliveries and the overview over REST."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import TypeAdapter

from dicom_node.administration.administration import Administration
from dicom_node.administration.overview import Overview
from dicom_node.administration.studies import Standing, StudyDetail
from dicom_node.administration.whose import NamedPatients
from dicom_node.domain.study import StudyRecord
from dicom_node.domain.user import Permission
from dicom_node.web.administration.studies import place_of, read_place
from dicom_node.web.api.callers import MayLook, MayOperate, MaySeePatients
from dicom_node.web.records import Accesses
from dicom_node.web.review.reading_first import WithheldFrom

_PATH = "/studies"
_OVERVIEW: TypeAdapter[Overview] = TypeAdapter(Overview)
_RECORD: TypeAdapter[StudyRecord] = TypeAdapter(StudyRecord)
_DETAIL: TypeAdapter[StudyDetail] = TypeAdapter(StudyDetail)
_NAMED: TypeAdapter[NamedPatients] = TypeAdapter(NamedPatients)
Limit = Annotated[int, Query(ge=1, le=500)]


def make_router(administration: Administration, withheld: WithheldFrom) -> APIRouter:
    """Return the routes of studies and deliveries."""
    router = APIRouter(tags=["Studies"])
    _add_looking(router, administration, withheld)
    _add_mending(router, administration)
    return router


def _add_looking(router: APIRouter, administration: Administration, withheld: WithheldFrom) -> None:
    studies = administration.studies

    @router.get("/overview")
    def read_overview(who: MayLook) -> dict[str, Any]:
        """Read the last day: what arrived, waits and failed, by sender and destination."""
        del who
        found: dict[str, Any] = _OVERVIEW.dump_python(
            administration.operations.overview(), mode="json"
        )
        return found

    @router.get(_PATH)
    def list_studies(
        who: MayLook, shown: Standing = Standing.ALL, limit: Limit = 50, after: str = ""
    ) -> dict[str, Any]:
        """List studies by where they stand; `next` goes into `after` for the following page."""
        del who
        found = studies.listed(shown, limit + 1, after=read_place(after))
        return {
            "studies": [_RECORD.dump_python(each, mode="json") for each in found[:limit]],
            "next": place_of(found[limit - 1]) if len(found) > limit else None,
        }

    @router.get(_PATH + "/{uid}")
    def read_study(who: MayLook, uid: str) -> dict[str, Any]:
        """Read one study with its jobs, what was made and where it went.

        Who must read it first is not told what was made, nor what the model remarked.
        """
        is_withheld = Permission.REVIEW in who.permissions and withheld(who.user, uid)
        detail = studies.detail(uid)
        found: dict[str, Any] = _DETAIL.dump_python(detail, mode="json")
        for job, shown in zip(detail.jobs, found["jobs"], strict=True):
            for delivery, written in zip(job.deliveries, shown["deliveries"], strict=True):
                written["standing"] = delivery.standing
            if is_withheld:
                shown["evidence"] = []
                shown["remarks"] = []
        return found


def _add_mending(router: APIRouter, administration: Administration) -> None:
    studies, accesses = administration.studies, Accesses()

    @router.post(_PATH + "/{uid}/rerun", status_code=202)
    def rerun_study(who: MayOperate, uid: str) -> dict[str, Any]:
        """Have a study routed and analysed once more."""
        studies.rerun(uid, actor=who.actor)
        return {"study_instance_uid": uid}

    @router.post(_PATH + "/{uid}/resend", status_code=202)
    def resend_study(who: MayOperate, uid: str) -> dict[str, Any]:
        """Have a study's results sent once more; the answer counts the deliveries."""
        return {"deliveries": studies.resend(uid, actor=who.actor)}

    @router.get(_PATH + "/{uid}/patients")
    def read_patients(who: MaySeePatients, request: Request, uid: str) -> dict[str, Any]:
        """Read which patients a study names; needs the scope `images` besides."""
        named = administration.whose.named(uid)
        for each in named.patients:
            accesses.seen(request, uid, user=who.actor, how="whose", patient=each.patient_id)
        found: dict[str, Any] = _NAMED.dump_python(named, mode="json")
        return found

    @router.post(_PATH + "/{uid}/patient", status_code=202)
    def decide_patient(
        *,
        who: MaySeePatients,
        uid: str,
        mark: Annotated[str, Body()],
        why: Annotated[str, Body()],
        version: Annotated[str, Body()],
        is_same: Annotated[bool, Body()] = False,
    ) -> dict[str, Any]:
        """Say whose an undecided study is; `mark` and `version` are from its patients."""
        administration.whose.decide(
            uid, mark, is_same=is_same, why=why, actor=who.actor, version=version
        )
        return {"study_instance_uid": uid}

    @router.post("/held-results/retry", status_code=202)
    def retry_held_results(who: MayOperate) -> dict[str, int]:
        """Have results checked again that broke a rule of the Standard and were held back."""
        return asdict(administration.held.look_again(actor=who.actor))

    @router.post("/failed-studies/rerun", status_code=202)
    def rerun_failed_studies(who: MayOperate) -> dict[str, Any]:
        """Have all failed studies analysed once more."""
        return {"studies": studies.rerun_failed(actor=who.actor)}

    @router.post("/given-up-deliveries/retry", status_code=202)
    def retry_given_up_deliveries(who: MayOperate) -> dict[str, Any]:
        """Have all deliveries tried again that were given up."""
        return {"deliveries": administration.deliveries.retry(actor=who.actor)}
