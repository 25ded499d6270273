"""The Warehouse's cases become calibrations: of all devices, and of each that has enough."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa

from ai_engine.calibration.cases import Minimum
from ai_engine.calibration.device import EVERY_DEVICE, Source
from ai_engine.calibration.objective import Objective, parse_objective
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.calibration import DRIFT, SCHEDULE, CalibrationVersion
from dicom_node.domain.device import Device
from dicom_node.errors import NotFoundError
from dicom_node.node.clock import utc_now
from dicom_node.node.device_jobs import DeviceJobs
from dicom_node.persistence.database import make_engine
from dicom_node.persistence.devices.calibrations import CalibrationStore
from dicom_node.workflow.devices.calibrate import Calibrating
from dicom_node.workflow.testing.fakes import FakeClock
from tests.schema import give_schema
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD, LABEL, Validated, cases_of
from tests.unit.workflow.test_drift import Ledger

pytestmark = pytest.mark.slow

SHIFTED = Device(calling_ae="CR1", model_name="Shifted")
RARE = Device(calling_ae="CR2", model_name="Rare")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    made = make_engine(f"sqlite:///{tmp_path_factory.mktemp('db') / 'hotbase.sqlite'}")
    give_schema(made)
    yield made
    made.dispose()


class Office:
    """Calibration over a Warehouse that the test fills; versions start anew each time."""

    def __init__(self, engine: sa.Engine) -> None:
        with engine.begin() as connection:
            for table in ("calibrations", "calibration_uses"):
                connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - names above
        self.validated = Validated()
        self.calibrations = CalibrationStore(engine)

    def calibrating(
        self, minimum: Minimum | None = None, clock: FakeClock | None = None
    ) -> Calibrating:
        return Calibrating(
            warehouse=self.validated.warehouse,
            calibrations=self.calibrations,
            card=lambda _name: CARD,
            minimum=minimum or Minimum(),
            clock=clock or FakeClock(),
        )


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


def test_a_shifted_device_gets_its_own_threshold_and_a_rare_one_its_parents(
    office: Office,
) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    cases_of(RARE, office.validated, 6, shift=0, seed=2)
    office.calibrating().calibrate(CARD.name, objective=Objective(), actor="t")
    everywhere = office.calibrations.own(EVERY_DEVICE, CARD.identity)
    shifted = office.calibrations.in_use(SHIFTED.device_id, CARD.identity)
    rare = office.calibrations.in_use(RARE.device_id, CARD.identity)
    assert everywhere is not None
    assert everywhere.calibration.labels[0].cases == 156
    assert shifted is not None
    assert shifted.calibration.labels[0].source is Source.DEVICE
    # The only device of its model: all devices together are its parent.
    assert shifted.calibration.parent == everywhere.calibration.calibration_id
    # Nothing of its own was made of six cases: the calibration of all devices decides.
    assert rare is not None
    assert rare == everywhere


def test_calibrating_again_on_the_same_cases_keeps_nothing_new(office: Office) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    calibrating = office.calibrating()
    first = calibrating.calibrate(CARD.name, objective=Objective(), actor="t")
    again = calibrating.calibrate(CARD.name, objective=Objective(), actor="t")
    assert all(each.version is not None for each in first)
    assert all(each.unchanged and each.version is None for each in again)


def test_a_dry_run_says_what_it_would_do_and_keeps_nothing(office: Office) -> None:
    cases_of(SHIFTED, office.validated, 120, shift=-4, seed=1)
    (tried,) = office.calibrating().calibrate(
        CARD.name,
        objective=parse_objective("sensitivity=0.9"),
        actor="t",
        device_id=SHIFTED.device_id,
        dry_run=True,
    )
    assert tried.version is None
    assert tried.calibration.labels[0].source is Source.DEVICE
    assert office.calibrations.in_use(SHIFTED.device_id, CARD.identity) is None


def test_cases_of_one_class_keep_the_models_threshold_and_say_so(office: Office) -> None:
    for _ in range(40):
        office.validated.add(RARE, score=0.9, truth=True)
    *_, own = office.calibrating().calibrate(CARD.name, objective=Objective(), actor="t")
    assert own.calibration.points[LABEL].score_threshold == CARD.labels[0].threshold
    assert "0 without it (at least 10 needed)" in own.calibration.labels[0].reason


def test_verdicts_that_cannot_be_used_are_counted_or_left_out(office: Office) -> None:
    office.validated.add(RARE, score=0.9, truth=None)
    office.validated.add(RARE, score=0.9, truth=True, with_score=False)
    office.validated.add(RARE, score=0.9, truth=True)
    found = office.calibrating().cases(CARD, RARE.device_id)
    assert found.without_score == 1
    assert len(found.cases[0]) == 1


def test_an_image_that_is_decided_again_is_one_case_with_the_last_word(office: Office) -> None:
    office.validated.add(RARE, score=0.9, truth=False)
    office.validated.add(RARE, score=0.1, truth=False)
    office.validated.again(0, truth=True)
    office.validated.again(1, truth=None)
    (found,) = office.calibrating().cases(CARD, RARE.device_id).cases
    assert (len(found), found.positives) == (1, 1)


def own(office: Office) -> CalibrationVersion:
    found = office.calibrations.own(SHIFTED.device_id, CARD.identity)
    assert found is not None
    return found


def go_back(office: Office) -> CalibrationVersion | None:
    return office.calibrations.roll_back(
        SHIFTED.device_id, CARD.identity, at=EPOCH, actor="ann", why="too many alarms"
    )


def test_the_clock_keeps_the_objective_that_somebody_asked_for(office: Office) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    calibrating, asked = office.calibrating(), parse_objective("sensitivity=0.95")
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    calibrating.calibrate(CARD.name, objective=asked, actor="ann", device_id=SHIFTED.device_id)
    made = own(office)
    again = calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    assert all(each.unchanged for each in again)
    assert own(office) == made
    cases_of(SHIFTED, office.validated, 40, shift=-4, seed=3)
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    assert own(office).number > made.number
    assert own(office).made_by == SCHEDULE
    assert own(office).calibration.objective == asked
    everywhere = office.calibrations.own(EVERY_DEVICE, CARD.identity)
    assert everywhere is not None
    assert everywhere.calibration.objective == Objective()


@pytest.mark.parametrize("steps", [1, 2])
def test_the_clock_leaves_a_step_back_until_somebody_calibrates_by_hand(
    office: Office, steps: int, caplog: pytest.LogCaptureFixture
) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    calibrating = office.calibrating()
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    cases_of(SHIFTED, office.validated, 40, shift=-4, seed=3)
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    assert own(office).number == 2
    for _ in range(steps):
        kept = go_back(office)
    caplog.set_level("INFO")
    found = calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    assert [each.calibration.device for each in found] == [EVERY_DEVICE, SHIFTED.family_id]
    assert office.calibrations.own(SHIFTED.device_id, CARD.identity) == kept
    assert "ann went back to version" in caplog.text
    calibrating.calibrate(CARD.name, objective=Objective(), actor="ann")
    assert own(office).number == 3
    assert len(calibrating.calibrate_by_clock(CARD.name, objective=Objective())) == 3


def test_an_objective_is_kept_as_asked_though_it_leads_to_the_same_threshold(
    office: Office,
) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    calibrating = office.calibrating()
    for target in ("0.9", "0.9001"):
        asked = parse_objective(f"sensitivity={target}")
        calibrating.calibrate(CARD.name, objective=asked, actor="ann")
        assert own(office).calibration.objective == asked


def test_a_device_without_cases_is_not_known(office: Office) -> None:
    with pytest.raises(NotFoundError, match="device nowhere has no validated cases"):
        office.calibrating().calibrate(
            CARD.name, objective=Objective(), actor="t", device_id="nowhere"
        )


TWIN = Device(calling_ae="CR7", model_name="Shifted")
NEW = Device(calling_ae="CR9", model_name="SHIFTED")


def in_use(office: Office, device: Device) -> CalibrationVersion | None:
    return office.calibrations.in_use(device.device_id, CARD.identity, family=device.family_id)


def test_a_new_device_starts_as_the_others_of_its_model_do(office: Office) -> None:
    cases_of(SHIFTED, office.validated, 300, shift=-3, seed=1)
    cases_of(RARE, office.validated, 150, shift=0, seed=2)
    office.calibrating().calibrate(CARD.name, objective=Objective(), actor="t")
    started = in_use(office, NEW)
    assert started is not None
    assert started.name.endswith("of the devices of this model")
    everywhere = in_use(office, Device(calling_ae="CR8", model_name="Other"))
    assert everywhere is not None
    assert everywhere.calibration.device == EVERY_DEVICE
    before, after = (
        each.calibration.points[LABEL].score_threshold for each in (everywhere, started)
    )
    assert after > before


def test_a_device_that_somebody_has_gone_back_on_is_not_decided_as_its_model(
    office: Office,
) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    office.calibrating().calibrate(CARD.name, objective=Objective(), actor="t")
    go_back(office)
    found = in_use(office, SHIFTED)
    assert found is not None
    assert found.calibration.device == EVERY_DEVICE


def test_devices_of_one_model_are_each_others_parent(office: Office) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    cases_of(TWIN, office.validated, 40, shift=-4, seed=2)
    cases_of(RARE, office.validated, 150, shift=0, seed=3)
    calibrating = office.calibrating()
    calibrating.calibrate(CARD.name, objective=Objective(), actor="t")
    family = office.calibrations.own(TWIN.family_id, CARD.identity)
    assert family is not None
    assert family.calibration.labels[0].cases == 190
    assert calibrating.parent(TWIN.device_id, CARD.identity) == family


def test_a_device_that_has_changed_keeps_its_calibration_until_new_cases_tell_better(
    office: Office,
) -> None:
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    clock = FakeClock()
    clock.now = EPOCH + timedelta(days=100)
    calibrating = office.calibrating(clock=clock)
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    made = own(office)
    changed = (SHIFTED.device_id, CARD.identity)
    settles = timedelta(days=104)
    assert calibrating.open_again(*changed, why="PSI 0.4", settles=settles)
    assert not calibrating.open_again(*changed, why="PSI 0.4", settles=settles), "said already"
    assert own(office) == made
    assert len(calibrating.cases(CARD, SHIFTED.device_id).cases[0]) == 0
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    assert own(office) == made
    cases_of(SHIFTED, office.validated, 150, shift=4, seed=5, start=clock.now)
    calibrating.calibrate_by_clock(CARD.name, objective=Objective())
    after = own(office).calibration
    assert after.labels[0].cases == 150
    assert after.parent == made.calibration.calibration_id
    assert after.points[LABEL].score_threshold < made.calibration.points[LABEL].score_threshold
    (*_, told) = office.calibrations.history(*changed)[:-1]
    assert (told.actor, told.why, told.number) == (DRIFT, "PSI 0.4", made.number)


def test_a_change_opens_nothing_where_somebody_has_gone_back_or_nothing_was_made(
    office: Office,
) -> None:
    calibrating = office.calibrating()
    changed = (SHIFTED.device_id, CARD.identity)
    assert not calibrating.open_again(*changed, why="x", settles=timedelta(days=1))
    cases_of(SHIFTED, office.validated, 150, shift=-4, seed=1)
    calibrating.calibrate(CARD.name, objective=Objective(), actor="t")
    go_back(office)
    assert not calibrating.open_again(*changed, why="x", settles=timedelta(days=1))


def test_the_drift_job_opens_the_calibration_of_a_device_that_has_changed(office: Office) -> None:
    rng, now = np.random.default_rng(3), utc_now()
    for index in range(240):
        recent = index >= 160
        score = float(np.clip(rng.beta(2, 5) + 0.4 * recent, 0.01, 0.99))
        at = now - timedelta(days=3 if recent else 40, minutes=index)
        office.validated.add(SHIFTED, score=score, truth=bool(rng.random() < score), at=at)
    repositories = SimpleNamespace(
        settings=NodeSettings(),
        warehouse=office.validated.warehouse,
        calibrations=office.calibrations,
        observations=Ledger(office.validated.observations),
    )
    cards = SimpleNamespace(active=lambda _name: CARD, all_active=lambda: (CARD,))
    jobs = DeviceJobs(repositories, cards)  # type: ignore[arg-type]
    asked = parse_objective("sensitivity=0.9")
    jobs.calibrating.calibrate(CARD.name, objective=asked, actor="ann")
    before = own(office)
    for _ in range(2):
        (found,) = jobs.watch_all()
        assert found.shifts
    history = office.calibrations.history(SHIFTED.device_id, CARD.identity)
    assert [(use.actor, use.number) for use in history] == [("ann", 1), (DRIFT, 1)]
    assert f"score of {LABEL} has shifted" in history[-1].why
    assert own(office) == before
