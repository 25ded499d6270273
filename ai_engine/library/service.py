"""A model that another program runs and the node asks over the network: the table ``[service]``."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from ai_engine.library.names import require_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where a model is asked, by the Open Inference Protocol (KServe v2) over HTTP.

    A credential is never part of it: the node's settings have those.

    Attributes
    ----------
    endpoint
        The server's address before ``/v2``, such as ``http://triton.hospital:8000``.
    model, version
        The model's name there, and its version; without one, the server's choice.
    timeout
        Seconds that one image may take, from the request to the end of the answer.
    concurrency
        Images that all workers of a node may have there at once.
    """

    endpoint: str
    model: str
    version: str = ""
    timeout: float = 30.0
    concurrency: int = 2

    def __post_init__(self) -> None:
        """Refuse what is no address or no name, and limits that aren't (ValueError)."""
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError(f"service.endpoint {self.endpoint!r} is no http or https address")
        if parts.username or parts.password:
            raise ValueError(
                "service.endpoint holds a user or password: put them into the file that the "
                "setting inference.credentials_file names"
            )
        if parts.query or parts.fragment or self.endpoint.endswith("/"):
            raise ValueError("service.endpoint has a query, a fragment or a slash at its end")
        require_name(self.model, "service.model")
        if self.version:
            require_name(self.version, "service.version")
        if not 0 < self.timeout <= 600:
            raise ValueError("service.timeout is not above 0 and at most 600 seconds")
        if isinstance(self.concurrency, bool) or not 1 <= self.concurrency <= 64:
            raise ValueError("service.concurrency is not 1 to 64")

    @property
    def words(self) -> str:
        """Which model is asked where, in words."""
        version = f" version {self.version}" if self.version else ""
        return f"{self.model}{version} at {self.endpoint}"
