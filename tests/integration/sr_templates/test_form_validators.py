"""Reports in other forms pass the validators that users have."""

from pathlib import Path

import pytest

from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.forms.form import FORMS, PDF, ReportForm
from sr_templates.forms.report import in_form
from sr_templates.measurement_report import build_measurement_report
from tests.integration.sr_templates.validators import dciodvfy_errors, dsrdump_complaints
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)
from tests.unit.sr_templates_ct.builders import a_study

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("form", FORMS[1:], ids=lambda form: form.name)
def test_every_form_of_every_kind_of_report_is_valid(form: ReportForm, tmp_path: Path) -> None:
    study = a_study(slices=24)
    prediction = a_prediction(an_image(a_finding(), a_negative()))
    reports = [
        build_measurement_report(prediction, [a_source()], a_context()),
        build_ct_report(study.prediction, study.datasets, a_context(), segmented=True),
        build_ct_report(study.prediction, study.datasets, a_context(), segmented=False),
    ]
    for number, report in enumerate(reports):
        path = tmp_path / f"{number}.dcm"
        in_form(report, form, {}).dataset.save_as(path, enforce_file_format=True)
        assert dciodvfy_errors(path) == []
        assert form is PDF or dsrdump_complaints(path) == []
