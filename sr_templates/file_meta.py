"""The file meta information of the objects that are made here (PS3.10 7.1)."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian


def file_meta(sop_class_uid: str, sop_instance_uid: str) -> FileMetaDataset:
    """What an uncompressed object's file begins with."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def give_uid(dataset: Dataset, sop_instance_uid: str) -> None:
    """Make a copy of an object one of its own, with the file meta information that goes with it."""
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.file_meta = file_meta(dataset.SOPClassUID, sop_instance_uid)
