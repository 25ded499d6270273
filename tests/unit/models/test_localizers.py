"""A localizer of CT is no radiograph, whatever it is sent as."""

from dataclasses import replace
from pathlib import Path

import pytest

from ai_engine.errors import ImageRefusedError
from ai_engine.kinds.testing import chest_card
from ai_engine.prediction import RefusalReason
from dicom_node.domain.instance import InstanceHeader
from dicom_node.models.localizers import is_localizer, refuse_localizer

_LOCALIZER = ("ORIGINAL", "PRIMARY", "LOCALIZER")


@pytest.mark.parametrize(
    "header",
    [
        InstanceHeader(modality="CT", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")),
        InstanceHeader(modality="CR", image_type=("DERIVED", "SECONDARY", "localizer ")),
        InstanceHeader(modality="DX", series_description="Topogram  0.6  T20f"),
        InstanceHeader(modality="OT", series_description="CHEST_SCOUT"),
        InstanceHeader(modality="DX", protocol_name="Surview"),
        InstanceHeader(modality="CR", series_description="Topo 0.6 T80s"),
        InstanceHeader(modality="CR", series_description="Localizador"),
        InstanceHeader(modality="DX", series_description="Топограмма"),
        InstanceHeader(modality="DX", series_description="Scano 2.0"),
        InstanceHeader(modality="DX", image_type=_LOCALIZER, body_part_examined="CHEST"),
        InstanceHeader(modality="OT", image_type=_LOCALIZER, body_part_examined="KNEE"),
        InstanceHeader(modality="DX", series_description="Topogram", body_part_examined="KNEE"),
    ],
    ids=str,
)
def test_a_topogram_scout_or_surview_is_refused_under_its_name(header: InstanceHeader) -> None:
    with pytest.raises(ImageRefusedError) as refused:
        refuse_localizer(header, chest_card(Path()))
    assert refused.value.reason is RefusalReason.LOCALIZER


@pytest.mark.parametrize(
    "header",
    [
        InstanceHeader(modality="DX", image_type=("ORIGINAL", "PRIMARY")),
        InstanceHeader(modality="DX", series_description="Boy scouting camp: chest PA"),
        InstanceHeader(modality="DX", series_description="Pilot medical, chest PA"),
        InstanceHeader(modality="DX", protocol_name="AI pilot"),
        InstanceHeader(modality="DX", image_type=_LOCALIZER, body_part_examined="HAND"),
        InstanceHeader(modality="CR", image_type=_LOCALIZER, body_part_examined="Knie li"),
        InstanceHeader(modality="CR", series_description="Scout film", body_part_examined="KUB"),
        InstanceHeader(modality="MG", protocol_name="Localizer", body_part_examined="BREAST"),
        InstanceHeader(),
    ],
    ids=str,
)
def test_a_radiograph_is_none(header: InstanceHeader) -> None:
    assert not is_localizer(header)
    refuse_localizer(header, chest_card(Path()))


def test_a_model_for_localizers_may_see_them() -> None:
    card = replace(chest_card(Path()), modalities=("CT",))
    refuse_localizer(InstanceHeader(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), card)
