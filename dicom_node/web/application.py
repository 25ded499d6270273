"""The node's HTTP application: health and metrics."""

from collections.abc import Callable

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def make_application(
    *, registry: CollectorRegistry, problems: Callable[[], tuple[str, ...]], version: str
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    registry : CollectorRegistry
        What ``/metrics`` shows.
    problems : callable
        Says what keeps the node from doing its work; nothing when it is healthy.
    version : str
        The node's version.
    """
    application = FastAPI(title="DICOM AI node", version=version, docs_url=None, redoc_url=None)

    @application.get("/health")
    def health(response: Response) -> dict[str, object]:
        found = problems()
        response.status_code = 503 if found else 200
        return {"status": "failing" if found else "ok", "version": version, "problems": found}

    @application.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return application
