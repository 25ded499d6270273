"""The models that are programs, run on copies of the archive's files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ai_engine.errors import AiEngineError, ImageRefusedError
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.guarding import Unguarded
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.program.predictor import FolderImage, FolderPredictor
from ai_engine.kinds.registry import Part, part
from ai_engine.prediction import Prediction, Refusal
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.archive.objects import DicomObjects
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.models.cards import ModelUnavailableError


class ProgramModels:
    """Runs programs on the files of a study, past the guard that their cards name."""

    def __init__(
        self, objects: DicomObjects, *, read: Callable[[ReceivedInstance], Radiograph]
    ) -> None:
        """Keep the archive; ``read`` decodes a radiograph for a guard."""
        self._objects = objects
        self._read = read

    def load(self, loading: Loading) -> FolderPredictor:
        """Take the program of a card, with its guard.

        Raises
        ------
        ModelUnavailableError
            When the card lacks something, or the guard cannot be loaded.
        """
        try:
            predictor: FolderPredictor = part(loading.card, Part.PREDICTOR)(loading)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        return predictor

    def predict(
        self,
        loading: Loading,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration],
        priors: Sequence[ReceivedInstance] = (),
    ) -> Prediction:
        """Run the program of a card on a study, with images of the patient's earlier ones.

        Raises
        ------
        ModelUnavailableError
            When it cannot be run, or leaves what is no result.
        """
        predictor = self.load(loading)
        passed, refused = self._passed(predictor, instances)
        images = [
            FolderImage(
                sop_instance_uid=each.sop_instance_uid,
                path=self._objects.source_path(each.path),
                rows=each.header.rows or 0,
                columns=each.header.columns or 0,
            )
            for each in passed
        ]
        if not images:
            return Prediction(model=loading.card.identity, images=(), refusals=refused)
        try:
            earlier = [self._objects.source_path(each.path) for each in priors]
            prediction = predictor.predict(images, calibrations, earlier)
        except AiEngineError as error:
            raise ModelUnavailableError(f"model {loading.card.identity.key}: {error}") from error
        except OSError as error:
            raise ModelUnavailableError(
                f"model {loading.card.identity.key}: a file cannot be copied ({error.strerror})"
            ) from error
        return replace(prediction, refusals=(*refused, *prediction.refusals))

    def _passed(
        self, predictor: FolderPredictor, instances: Sequence[ReceivedInstance]
    ) -> tuple[list[ReceivedInstance], tuple[Refusal, ...]]:
        """What the program may see; without a guard it is given whatever the route sends."""
        if isinstance(predictor.guard, Unguarded):
            return list(instances), ()
        passed, refused = [], []
        for each in instances:
            try:
                predictor.guard.check(self._read(each))
            except ImageRefusedError as error:
                refused.append(error.as_refusal(each.sop_instance_uid))
            else:
                passed.append(each)
        return passed, tuple(refused)
