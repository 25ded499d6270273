"""What is told: what is new, what changed, what is over; once, and not in quiet hours."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.configuration.channels import ChannelFile
from dicom_node.domain.notice import Channel, Matter, News, QuietHours, UrgentRule, Weight
from dicom_node.errors import ConfigurationError, ConflictError, InvalidFieldsError, NotFoundError
from dicom_node.notices.errors import NoticeError
from dicom_node.notices.message import Message, message_of
from dicom_node.notices.sending import without_secrets
from dicom_node.notices.teller import FINDINGS_KEPT, Style, Teller
from dicom_node.persistence.told import ToldStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DISK = Matter(
    key="disk:",
    weight=Weight.DEGRADED,
    words="1.2 GB free",
    advice="make room",
    path="/overview",
)
DOWN = Matter(key="destination down:PACS", weight=Weight.DEGRADED, words="PACS is down")
REFUSES = replace(DISK, weight=Weight.FAILING, words="0.2 GB free: studies are refused")
FOUND = Matter(
    key="finding:Pneumothorax:j1",
    weight=Weight.FINDING,
    words="Pneumothorax found",
    path="/worklist/items/j1",
)
ALL = Channel(name="it", url="json://127.0.0.1/x")


@dataclass
class Desk:
    """A teller over a real table, with what it sends kept, and a clock that a test sets."""

    told: ToldStore
    now: datetime = NOON
    matters: Sequence[Matter] = ()
    channels: Sequence[Channel] = (ALL,)
    quiet: str = ""
    settle: float = 0.0
    refuses: bool = False
    sent: list[Message] = field(default_factory=list)

    def teller(self) -> Teller:
        """A teller as a restarted process makes it."""
        return Teller(
            channels=lambda: self.channels,
            matters=lambda: self.matters,
            told=self.told,
            send=self._send,
            style=Style(
                node="NODE",
                address="https://ai.example.org",
                quiet_hours=QuietHours.read(self.quiet),
            ),
            settle=timedelta(seconds=self.settle),
            clock=lambda: self.now,
        )

    def _send(self, url: str, message: Message) -> None:
        del url
        if self.refuses:
            raise NoticeError("it is away")
        self.sent.append(message)


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    return Desk(told=ToldStore(engine))


def test_what_stands_is_told_once_and_its_end_is_told(desk: Desk) -> None:
    desk.matters = (DISK, DOWN)
    teller = desk.teller()
    assert [teller.look() for _ in range(3)] == [1, 0, 0]
    (first,) = desk.sent
    assert first.title == "NODE: degraded: 1.2 GB free (and 1 more)"
    assert "What to do: make room" in first.text
    assert "https://ai.example.org/overview" in first.text
    desk.matters = (DOWN,)
    assert teller.look() == 1
    assert desk.sent[-1].title == "NODE: well again: 1.2 GB free"


def test_a_restart_neither_repeats_nor_loses(desk: Desk) -> None:
    desk.matters = (DISK,)
    desk.teller().look()
    desk.matters = (DISK, DOWN)
    desk.teller().look()
    assert [each.title for each in desk.sent] == [
        "NODE: degraded: 1.2 GB free",
        "NODE: degraded: PACS is down",
    ]
    desk.matters = ()
    desk.teller().look()
    assert desk.sent[-1].title == "NODE: well again"
    assert desk.teller().look() == 0


def test_a_matter_that_gets_worse_or_more_is_told_again_but_not_new_words_alone(desk: Desk) -> None:
    desk.matters = (DISK,)
    teller = desk.teller()
    teller.look()
    desk.matters = (replace(DISK, words="1.1 GB free"),)
    assert teller.look() == 0
    desk.matters = (REFUSES,)
    assert teller.look() == 1
    assert "failing" in desk.sent[-1].title
    desk.matters = (replace(REFUSES, state="2"),)
    assert teller.look() == 1


def test_a_channel_that_is_away_is_told_later_and_asked_less_and_less_often(desk: Desk) -> None:
    desk.matters, desk.refuses = (DISK,), True
    teller = desk.teller()
    for _ in range(3):
        assert teller.look() == 0
    trouble = teller.troubles["it"]
    assert (trouble.reason, trouble.tries) == ("it is away", 1)
    desk.now += timedelta(minutes=1)
    teller.look()
    assert teller.troubles["it"].again_at == desk.now + timedelta(minutes=2)
    desk.now += timedelta(minutes=2)
    desk.refuses = False
    assert teller.look() == 1
    assert teller.troubles == {}


def test_what_flickers_is_not_told(desk: Desk) -> None:
    desk.settle = 60
    teller = desk.teller()
    desk.matters = (DOWN,)
    assert teller.look() == 0
    desk.now += timedelta(seconds=59)
    desk.matters = ()
    assert teller.look() == 0
    desk.matters = (DOWN,)
    assert teller.look() == 0
    desk.now += timedelta(seconds=60)
    assert teller.look() == 1
    desk.matters = ()
    assert teller.look() == 0
    desk.matters = (DOWN,)
    desk.now += timedelta(seconds=30)
    assert teller.look() == 0
    desk.matters = ()
    teller.look()
    desk.now += timedelta(seconds=60)
    assert teller.look() == 1
    assert "well again" in desk.sent[-1].title


def test_in_quiet_hours_only_what_weighs_most_is_told_and_the_rest_when_they_end(
    desk: Desk,
) -> None:
    local = desk.now.astimezone()
    desk.quiet = f"{local - timedelta(hours=1):%H:%M}-{local + timedelta(hours=1):%H:%M}"
    desk.matters = (DOWN, FOUND)
    teller = desk.teller()
    teller.look()
    assert desk.sent[-1].title == "NODE: finding: Pneumothorax found"
    assert "PACS" not in desk.sent[-1].text
    desk.matters = (DOWN, FOUND, REFUSES)
    teller.look()
    assert "failing" in desk.sent[-1].title
    desk.now += timedelta(hours=2)
    teller.look()
    assert desk.sent[-1].title == "NODE: degraded: PACS is down"


def test_a_finding_is_told_once_and_never_over(desk: Desk) -> None:
    desk.settle = 60
    desk.matters = (FOUND,)
    assert desk.teller().look() == 1
    desk.matters = ()
    teller = desk.teller()
    assert teller.look() == 0
    desk.now += timedelta(hours=1)
    assert teller.look() == 0
    desk.now += FINDINGS_KEPT
    teller.look()
    assert desk.told.of("it") == {}


def test_each_channel_is_told_of_what_it_wants(desk: Desk) -> None:
    desk.channels = (
        Channel(name="on call", url="json://x", weights=frozenset({Weight.FAILING})),
        Channel(name="readers", url="json://y", weights=frozenset({Weight.FINDING})),
    )
    desk.matters = (DISK, FOUND, REFUSES)
    assert desk.teller().look() == 2
    assert sorted(each.title for each in desk.sent) == [
        "NODE: failing: 0.2 GB free: studies are refused",
        "NODE: finding: Pneumothorax found",
    ]


def test_a_long_list_is_cut_and_counted() -> None:
    many = tuple(replace(DOWN, key=str(number), words=f"trouble {number}") for number in range(25))
    message = message_of(News(matters=many), node="NODE", address="")
    assert message.text.count("trouble") == 20
    assert "… and 5 more." in message.text


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("22:00-06:00", time(23), True),
        ("22:00-06:00", time(5, 59), True),
        ("22:00-06:00", time(6), False),
        ("12:00-13:00", time(12, 30), True),
        ("12:00-13:00", time(11), False),
    ],
)
def test_quiet_hours_may_pass_midnight(hours: str, at: time, quiet: bool) -> None:
    found = QuietHours.read(hours)
    assert found is not None
    assert found.hold(at) is quiet


@pytest.mark.parametrize("text", ["22-06", "25:00-06:00", "22:00 to 06:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="22:00-06:00"):
        QuietHours.read(text)


def test_a_rule_is_read() -> None:
    assert UrgentRule.read("Pneumothorax >= 0.8") == UrgentRule(label="Pneumothorax", least=0.8)
    with pytest.raises(ValueError, match="Pneumothorax"):
        UrgentRule.read("Pneumothorax")


def test_channels_are_kept_in_a_file_for_the_node_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "channels.json"
    book = ChannelFile(path)
    assert book.all() == ()
    book.add(ALL)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ChannelFile(path).all() == (ALL,)
    with pytest.raises(ConflictError, match="another name"):
        book.add(replace(ALL, name="IT"))
    assert book.remove("it") == ALL
    with pytest.raises(NotFoundError):
        book.get("it")


@pytest.mark.parametrize("text", ["{", '[{"name": "x", "url": "secret"}]', "[1]", "\xff"])
def test_a_damaged_file_is_said_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "channels.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigurationError) as caught:
        ChannelFile(path).all()
    assert "secret" not in str(caught.value)


def test_an_address_is_shown_nowhere() -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        Channel(name="", url="hunter2", weights=frozenset())
    assert set(caught.value.fields) == {"name", "url", "weights"}
    assert "hunter2" not in str(caught.value) + str(caught.value.fields)
    assert "hunter2" not in repr(Channel(name="x", url="json://hunter2"))


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("mailtos://ann:hun%20ter2@mail.example.org?to=a@b.org", ["hun ter2", "hun%20ter2"]),
        ("slack://TokenA123/TokenB123/TokenC123", ["TokenA123", "tokena123", "TokenC123"]),
        ("jsons://host.example.org/path/s3cret?token=hush-hush", ["s3cret", "hush-hush"]),
    ],
)
def test_reasons_hold_no_part_of_an_address_that_may_be_a_secret(
    url: str, secrets: list[str]
) -> None:
    said = without_secrets(f"refused by {' '.join(secrets)} of {url}", url)
    assert said.startswith("refused by")
    assert not [each for each in secrets if each in said]
