"""The AI engine: models, preprocessing, inference, explanation, training and evaluation.

It knows pixels and models, and nothing of DICOM networking or databases.
"""

import sys

# OpenVINO tells its maker of every import, over the internet, unless this package of its is absent.
# A node in a hospital tells nobody.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
