"""The node's test of itself, over REST."""

from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter

from dicom_node.administration.administration import SelfTests
from dicom_node.domain.self_test import SelfTestResult
from dicom_node.errors import NotFoundError
from dicom_node.web.api.callers import MayLook, MayOperate

_PATH = "/self-test"
_RESULT: TypeAdapter[SelfTestResult | None] = TypeAdapter(SelfTestResult | None)


def make_router(self_test: SelfTests | None) -> APIRouter:
    """Return the routes of the self-test; without a running node there is none to be asked."""
    router = APIRouter(tags=["Self-test"])

    def tests() -> SelfTests:
        if self_test is None:
            raise NotFoundError("only a running node can test itself.")
        return self_test

    @router.get(_PATH)
    def read_self_test(who: MayLook) -> dict[str, Any]:
        """Read how the last self-test ended, with the time of each stage, and whether one runs."""
        del who
        found = tests()
        last: Any = _RESULT.dump_python(found.last, mode="json")
        return {"running": found.is_running, "last": last}

    @router.post(_PATH, status_code=202)
    def run_self_test(who: MayOperate) -> dict[str, bool]:
        """Send a synthetic study round the corridor; nothing of it is delivered or stays."""
        del who
        tests().start()
        return {"running": True}

    return router
