"""Sends messages by Apprise, which knows e-mail, webhooks, syslog and a hundred chats.

An address may hold passwords and tokens. Apprise's own words are read and never passed on before
every part of the address that could be one has been taken out of them.
"""

import logging
import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dicom_node.domain.notice import Weight
from dicom_node.errors import InvalidFieldsError
from dicom_node.notices.errors import NoticeError
from dicom_node.notices.message import Message

if TYPE_CHECKING:
    from apprise import Apprise

_SECONDS = 15
_HIDDEN = "***"
_SHORTEST_SECRET = 3
_LONGEST_REASON = 300
# They run programs or write files of this machine.
_REFUSED = frozenset({"dbus", "gnome", "macosx", "windows", "kde", "qt", "glib", "file"})
_ONE_AT_A_TIME = threading.Lock()


def check_address(url: str) -> str:
    """Return what an address leads to, in words without a secret: a service and its host.

    Raises
    ------
    InvalidFieldsError
        When no service takes it.
    """
    plugin = _service(url)
    host = urlsplit(url).hostname or ""
    name = str(plugin.service_name or "")
    # Only of services that are reached by a host of one's own: of others it is a token.
    return f"{name} at {host}" if host and _is_host(url, host) else name


def send(url: str, message: Message) -> None:
    """Send one message.

    Raises
    ------
    NoticeError
        When it was not taken; the message says why, as far as the service said.
    """
    try:
        sender = _sender(url)
    except InvalidFieldsError as error:
        raise NoticeError("no service takes its address: enter it again.") from error
    words = _Words()
    # Apprise tells reasons to its own logger only, which is one for all.
    with _ONE_AT_A_TIME:
        logger = logging.getLogger("apprise")
        passes_on, level = logger.propagate, logger.level
        logger.addHandler(words)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        try:
            sent = sender.notify(
                title=message.title, body=message.text, notify_type=_type(message.weight)
            )
        finally:
            logger.removeHandler(words)
            logger.propagate, logger.level = passes_on, level
    if not sent:
        raise NoticeError(without_secrets(" ".join(words.said), url) or "it was not taken.")


def without_secrets(text: str, url: str) -> str:
    """Return words about an address without any part of it that could be a secret."""
    parts = urlsplit(url)
    secrets = {url, parts.netloc, parts.username or "", parts.password or "", parts.query}
    secrets |= {value for _, value in parse_qsl(parts.query)}
    secrets |= set(parts.path.split("/")) | set(parts.query.split("&"))
    if not _is_host(url, parts.hostname or ""):
        # hostname is lower case; a token is not.
        secrets |= {parts.hostname or "", parts.netloc.rpartition("@")[2].partition(":")[0]}
    secrets |= {unquote(each) for each in secrets}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = re.sub(re.escape(secret), _HIDDEN, text, flags=re.IGNORECASE)
    return text[:_LONGEST_REASON].strip()


class _Words(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _sender(url: str) -> "Apprise":
    # Its services take most of a second to load: only who sends waits for them.
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415

    asset = AppriseAsset(
        app_id="DICOM AI node",
        app_desc="DICOM AI node",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        secure_logging=True,
    )
    sender = Apprise(asset=asset)
    sender.add(_service(url, asset=asset))
    return sender


def _service(url: str, *, asset: Any = None) -> Any:
    from apprise import Apprise  # noqa: PLC0415

    scheme = url.partition("://")[0].lower()
    logger = logging.getLogger("apprise")
    disabled, logger.disabled = logger.disabled, True
    try:
        timed = url + ("&" if "?" in url else "?") + f"rto={_SECONDS}&cto={_SECONDS}"
        plugin = Apprise.instantiate(timed, asset=asset, suppress_exceptions=True)
    finally:
        logger.disabled = disabled
    if plugin is None or scheme in _REFUSED:
        raise InvalidFieldsError(
            "the address",
            {"url": "no service takes this address: see docs/guides/notifications.md."},
        )
    return plugin


def _is_host(url: str, host: str) -> bool:
    """Whether the host of an address is one, and not a token that stands in its place."""
    scheme = url.partition("://")[0].lower()
    named = {"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "rsyslog"}
    return scheme in named and bool(re.fullmatch(r"[A-Za-z0-9.:-]+", host))


def _type(weight: Weight | None) -> str:
    if weight is None:
        return "success"
    return "warning" if weight is Weight.DEGRADED else "failure"
