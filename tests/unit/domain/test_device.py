"""A device is named by AE title and equipment together, the same way every time."""

from dicom_node.domain.device import Device, device_of
from tests.unit.builders import an_instance


def test_devices_that_share_an_ae_title_have_names_of_their_own() -> None:
    one = Device(calling_ae="XRAY", manufacturer="Maker", model_name="Plate", serial_number="1")
    other = Device(calling_ae="XRAY", manufacturer="Maker", model_name="Plate", serial_number="2")
    assert one.device_id != other.device_id
    assert one.device_id.startswith("xray-plate-")


def test_a_name_is_fit_for_folders_and_urls_whatever_the_header_says() -> None:
    device = Device(calling_ae="..", manufacturer="", model_name="../../Größe \\ 3000 " * 5)
    assert set(device.device_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 8 <= len(device.device_id) <= 33
    assert len(Device(calling_ae="  ", manufacturer="製").device_id) == 8


def test_an_image_comes_from_the_equipment_that_its_header_names() -> None:
    instance = an_instance(
        manufacturer=" Maker  Ltd ", manufacturer_model_name="Plate", device_serial_number="7 "
    )
    assert device_of(instance) == Device(
        calling_ae=instance.calling_ae,
        manufacturer="Maker Ltd",
        model_name="Plate",
        serial_number="7",
    )
