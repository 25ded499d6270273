"""How many images of other sets are said to be unlike a model's training images.

    python -m bench.likeness ../shared/data/cxr/images ../shared/data/more/*/images --most 60

Every folder's images, or ``--most`` of them at even steps.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from ai_engine.kinds.likeness import read_likeness
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folders", type=Path, nargs="+")
    asked.add_argument("--most", type=int, default=60)
    chosen = asked.parse_args()
    cv2.setNumThreads(1)
    card = ModelRegistry().active(read_active_versions(Path("config/models.toml")), CHEST_MODEL)
    likeness = read_likeness(card.folder)
    if likeness is None:
        raise SystemExit("the active chest model has no reference: dicom-node models reference")
    for folder in chosen.folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        distances = []
        for path in files[:: max(len(files) // chosen.most, 1)]:
            image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if image is not None:
                pixels = np.asarray(image / 255, dtype=np.float32)
                shown = Radiograph(
                    sop_instance_uid="1", pixels=pixels, content=content_region(pixels)
                )
                distances.append(likeness.distance(shown))
        unlike = np.array(distances) > likeness.limit
        print(
            f"{folder.parent.name}: {len(distances)} images, unlike {unlike.mean():.2f}, "
            f"median distance {np.median(distances):.1f} (limit {likeness.limit:.1f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
