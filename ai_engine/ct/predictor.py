"""From a CT study's objects to a prediction: choice of the series, analysis, refusals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pydicom import Dataset

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.high_attenuation import HighAttenuation
from ai_engine.ct.mask_source import MaskSource
from ai_engine.ct.prediction import CtPrediction, SeriesRefusal
from ai_engine.ct.refusal import CtRefusedError
from ai_engine.ct.repeats import without_repeats
from ai_engine.ct.results import CtAnalysis
from ai_engine.ct.series import CtSeries, LeftOut, list_series, why_chosen, why_left_out
from ai_engine.ct.unusual_series import series_remarks
from ai_engine.ct.volume import CtVolume, read_volume
from ai_engine.errors import ModelFolderError
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity

MOST_TRIES = 3
"""Series that are tried one after the other, until one can be measured."""

Load = Callable[[str], Dataset]
"""Gives the whole data set of a SOP Instance UID, pixel data included."""


class CtPredictor:
    """Measures lung inhomogeneity on chest CT. Safe to call from many threads."""

    def __init__(self, card: ModelCard, source: MaskSource, *, threads: int = 2) -> None:
        """Put the parts together.

        Parameters
        ----------
        card
            The model's card.
        source
            Where the inhomogeneity mask comes from.
        threads
            How many threads decode and draw slices.

        Raises
        ------
        ModelFolderError
            If the card describes another method or other settings than ``source`` has.
        """
        made_by, stated = source.identity, card.identity
        if (made_by.name, made_by.version, made_by.weights_digest) != (
            stated.name,
            stated.version,
            stated.weights_digest,
        ):
            raise ModelFolderError(
                f"{card.folder}: the card is of {stated.key}, the method is {made_by.key}; "
                "correct the card or restore the method"
            )
        self._card = card
        self._source = source
        self._threads = threads

    @property
    def identity(self) -> ModelIdentity:
        """The model's identity."""
        return self._card.identity

    @property
    def source(self) -> MaskSource:
        """Where the inhomogeneity mask comes from."""
        return self._source

    def predict(self, headers: Sequence[Dataset], load: Load) -> CtPrediction:
        """Analyse one study.

        Parameters
        ----------
        headers
            The objects of the study, of one or more series, in any order; pixels aren't needed.
        load
            Reads an object whole; called for the chosen series only.
        """
        series, others = list_series(headers)
        refusals: list[SeriesRefusal] = []
        for number, one in enumerate(series[:MOST_TRIES]):
            try:
                analysis, repeats = self._analyse(one, load)
            except CtRefusedError as error:
                refusals.append(_refusal(one, error))
                continue
            rest = (*series[:number], *series[number + 1 :])
            later = (_left_out(each, one) for each in series[number + 1 :])
            again = (_repeated(one, repeats),) if repeats else ()
            choice = why_chosen(one, rest)
            remarks = tuple(series_remarks(self._card, one.headers[0], one.kernel))
            found = self._prediction(analysis, choice, refusals, (*others, *again, *later))
            return replace(found, remarks=remarks)
        tried = {one.series_instance_uid for one in series[:MOST_TRIES]}
        untried = (one for one in series[MOST_TRIES:] if one.series_instance_uid not in tried)
        left_out = (*others, *(_untried(each) for each in untried))
        words = "No series could be analysed." if series else "There are no slices to analyse."
        return self._prediction(None, words, refusals, left_out)

    def _analyse(self, series: CtSeries, load: Load) -> tuple[CtAnalysis, tuple[str, ...]]:
        """The analysis, and the UIDs of objects that repeat a slice."""
        if series.problem is not None:
            raise series.problem
        volume, repeats = self._volume(series, load)
        return analyse_volume(volume, source=self._source, threads=self._threads), repeats

    def _volume(self, series: CtSeries, load: Load) -> tuple[CtVolume, tuple[str, ...]]:
        """Read a series; what its objects hold besides is let go of before it is analysed."""
        datasets, repeats = without_repeats([load(uid) for uid in series.sop_instance_uids])
        return read_volume(datasets, threads=self._threads), repeats

    def _prediction(
        self,
        analysis: CtAnalysis | None,
        choice: str,
        refusals: Sequence[SeriesRefusal],
        left_out: Sequence[LeftOut],
    ) -> CtPrediction:
        return CtPrediction(
            model=self.identity,
            analysis=analysis,
            choice=choice,
            refusals=tuple(refusals),
            left_out=tuple(left_out),
            parameters=self._source.parameters,
            limitations=self._card.limitations,
        )


def load_classical(card: ModelCard, *, threads: int = 2) -> CtPredictor:
    """The classical method of a card.

    Raises
    ------
    ModelFolderError
        If the card names another method, or other settings.
    """
    return CtPredictor(card, HighAttenuation(), threads=threads)


def load_segmenter(card: ModelCard, *, cache: Path, threads: int = 2) -> CtPredictor:
    """A trained XNet of a card, on OpenVINO; converted into ``cache`` first where needed.

    Raises
    ------
    ModelFolderError, BackendError
        If the weights aren't those of the card, or can't be converted.
    """
    # A node that measures classically needs no inference engine for it.
    from ai_engine.ct.xnet_source import SIZE, OnNetwork, XNetSource  # noqa: PLC0415
    from ai_engine.inference.conversion import converted_model  # noqa: PLC0415
    from ai_engine.inference.openvino_network import OpenVinoNetwork  # noqa: PLC0415

    if card.input_size != SIZE or len(card.labels) != 1:
        raise ModelFolderError(
            f"{card.folder}: XNet has {SIZE} x {SIZE} pixels and one label; correct the card"
        )
    network = OnNetwork(OpenVinoNetwork(converted_model(card, cache), threads=threads))
    source = XNetSource(identity=card.identity, network=network, threshold=card.labels[0].threshold)
    return CtPredictor(card, source, threads=threads)


def _refusal(series: CtSeries, error: CtRefusedError) -> SeriesRefusal:
    return SeriesRefusal(
        series_instance_uid=series.series_instance_uid,
        sop_instance_uids=series.sop_instance_uids,
        reason=error.reason,
        detail=error.detail,
    )


def _left_out(series: CtSeries, chosen: CtSeries) -> LeftOut:
    return LeftOut(
        series_instance_uid=series.series_instance_uid,
        sop_instance_uids=series.sop_instance_uids,
        reason=why_left_out(series, chosen),
    )


def _repeated(series: CtSeries, uids: tuple[str, ...]) -> LeftOut:
    return LeftOut(
        series_instance_uid=series.series_instance_uid,
        sop_instance_uids=uids,
        reason="the same slice was sent as another object, too, which was analysed",
    )


def _untried(series: CtSeries) -> LeftOut:
    return LeftOut(
        series_instance_uid=series.series_instance_uid,
        sop_instance_uids=series.sop_instance_uids,
        reason=f"other series were tried before ({series.words})",
    )
