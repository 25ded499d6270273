"""Notices reach a real mail server and a real webhook, and failures show no secret."""

import logging
import re
import socket

import pytest

from dicom_node.domain.notice import Matter, News, Weight
from dicom_node.errors import InvalidFieldsError
from dicom_node.notices.errors import NoticeError
from dicom_node.notices.message import message_of
from dicom_node.notices.sending import check_address, send
from tests.peers.notified import PASSWORD, smtp_server, webhook

# The mail server is on this machine, and lives for one test.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

_NEWS = News(
    matters=(
        Matter(
            key="disk:",
            weight=Weight.FAILING,
            words="0.2 GB free: studies are refused",
            advice="make room",
            path="/overview",
        ),
    )
)
_MESSAGE = message_of(_NEWS, node="DICOM AI node AINODE", address="https://ai.example.org")


def test_a_mail_arrives_with_what_to_do_and_a_link() -> None:
    with smtp_server() as mailbox:
        assert check_address(mailbox.url()) == "E-Mail at localhost"
        send(mailbox.url(), _MESSAGE)
        (mail,) = mailbox.messages
    assert mail["To"] == "it@example.org"
    assert mail["Subject"] == "DICOM AI node AINODE: failing: 0.2 GB free: studies are refused"
    body = mail.get_body(("plain", "html"))
    assert body is not None
    assert "make room" in body.get_content()
    assert "https://ai.example.org/overview" in body.get_content()


def test_a_wrong_password_is_said_and_neither_shown_nor_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = PASSWORD + "-but-wrong"
    with smtp_server() as mailbox:
        with pytest.raises(NoticeError) as caught:
            send(mailbox.url(wrong), _MESSAGE)
        assert mailbox.messages == []
    assert str(caught.value)
    assert wrong not in str(caught.value) + caplog.text


def test_a_webhook_gets_title_text_and_weight() -> None:
    with webhook() as hook:
        send(hook.url(), _MESSAGE)
        (post,) = hook.posts
    assert post["title"] == _MESSAGE.title
    assert post["message"] == _MESSAGE.text
    assert post["type"] == "failure"


def test_a_webhook_that_refuses_or_is_away_is_said_without_its_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with webhook() as hook:
        hook.status = 500
        url = hook.url("hush-hush-token")
        with pytest.raises(NoticeError) as refused:
            send(url, _MESSAGE)
    with pytest.raises(NoticeError) as away:
        send(url, _MESSAGE)
    said = str(refused.value) + str(away.value) + _own_words(caplog)
    assert "hush-hush-token" not in said


def test_a_syslog_server_gets_one_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        send(f"rsyslog://127.0.0.1:{server.getsockname()[1]}", _MESSAGE)
        packet = server.recv(65536)
    assert re.match(rb"<\d+>", packet)
    assert b"studies are refused" in packet


@pytest.mark.parametrize("url", ["nonsense://x", "json://", "file:///etc/passwd", "dbus://"])
def test_an_address_that_no_service_takes_is_refused(url: str) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        check_address(url)
    assert set(caught.value.fields) == {"url"}


def _own_words(caplog: pytest.LogCaptureFixture) -> str:
    """What reaches the node's log: warnings of libraries, everything of ours."""
    return "\n".join(
        each.getMessage()
        for each in caplog.records
        if each.levelno >= logging.WARNING or each.name.startswith("dicom_node")
    )
