"""The colour profile of rendered images (PS3.18 Section 8.3.5.1.5).

Nothing asked for, nothing said. A profile is one of RGB: grey images become such where one is
asked for, their values being those of sRGB.
"""

import io

from PIL import Image, ImageCms
from pydicom import Dataset

from dicom_node.dicomweb.errors import BadSearchError, NotAcceptableError

_NONE, _ANY, _SRGB = "no", "yes", "srgb"


def read_profile(text: str) -> str:
    """Read ``iccprofile``; empty where nothing is asked for.

    Raises
    ------
    BadSearchError
        It is a colour space that is not made here.
    """
    wanted = text.lower()
    if wanted not in ("", _NONE, _ANY, _SRGB):
        raise BadSearchError(f"iccprofile is {_NONE}, {_ANY} or {_SRGB}: no other one is made here")
    return wanted


def in_colors(
    image: Image.Image, dataset: Dataset, wanted: str
) -> tuple[Image.Image, bytes | None]:
    """Return an image as it was asked for, and the profile that is to be written into it.

    Raises
    ------
    NotAcceptableError
        The object's own profile (0028,2000) cannot be used.
    """
    if wanted in ("", _NONE):
        return image, None
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    own = dataset.get("ICCProfile") if image.mode == "RGB" else None
    if not own:
        return image.convert("RGB"), srgb.tobytes()
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(bytes(own)))
        if wanted == _ANY:
            return image, bytes(own)
        converted = ImageCms.profileToProfile(image, profile, srgb)
    except (OSError, ImageCms.PyCMSError) as error:
        raise NotAcceptableError("the image's own ICC profile cannot be used") from error
    return converted or image, srgb.tobytes()
