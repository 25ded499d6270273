"""What went out and what stayed, by device and label."""

from collections import Counter
from dataclasses import dataclass, field

from dicom_node.export.validated_images import ValidatedImage


@dataclass(slots=True)
class ExportSummary:
    """Counts of one export, filled while it runs.

    ``labels`` counts images by (device, label, whether the label holds); ``skipped`` counts what
    was left out by its reason.
    """

    images: Counter[str] = field(default_factory=Counter)
    labels: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    reports: int = 0
    boxes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def add_image(self, validated: ValidatedImage) -> None:
        """Count an image that went out, with its labels."""
        device = validated.device.device_id
        self.images[device] += 1
        for labels, value in ((validated.present, True), (validated.absent, False)):
            self.labels.update((device, label, value) for label in labels)

    def skip(self, reason: str) -> None:
        """Count an image that was left out."""
        self.skipped[reason] += 1

    def rows(self) -> tuple[tuple[str, str, int, int], ...]:
        """Device, label, images with it and without it, in that order."""
        pairs = sorted({(device, label) for device, label, _ in self.labels})
        return tuple(
            (device, label, self.labels[device, label, True], self.labels[device, label, False])
            for device, label in pairs
        )
