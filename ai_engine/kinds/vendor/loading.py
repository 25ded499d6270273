"""Networks of somebody else, loaded to be served."""

from pathlib import Path

from ai_engine.errors import ModelFolderError
from ai_engine.inference.open_inference import OpenInferenceClient
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import unpacked_network
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.vendor.asking import AskedNetwork, AskedService, Turns
from ai_engine.kinds.vendor.predictor import VendorPredictor, required_tensors
from ai_engine.library.card import CARD_NAME, ModelCard
from ai_engine.library.service import Service


def load_service(loading: Loading) -> VendorPredictor:
    """Load a model that a service runs, and its guard; the service is asked with the first image.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If its guard isn't there, or its card lacks what a service needs.
    """
    card = loading.card
    service, tensors = required_service(card), required_tensors(card)
    turns = Turns(loading.cache / f"service-{card.weights_digest[:32]}", service.concurrency)
    asked = AskedService(_client(loading, service), tensors, turns)
    return VendorPredictor(card, asked, guard=loading.guard())


def require_ready(loading: Loading) -> None:
    """Ask a service whether it is there, and has the model with the card's tensors.

    Raises
    ------
    ServiceAwayError
        If it isn't there, or hasn't the model ready.
    BackendError
        If the model has other tensors.
    """
    service, tensors = required_service(loading.card), required_tensors(loading.card)
    _client(loading, service).require_ready(input_name=tensors.input, outputs=tensors.outputs)


def require_described(card: ModelCard, cache: Path) -> None:
    """Make sure that a card says all that asking a service needs; it isn't asked."""
    del cache
    required_service(card)
    required_tensors(card)


def load_network(loading: Loading) -> VendorPredictor:
    """Load a network that runs here, and its guard.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If its guard isn't there, it is damaged, or has other tensors than its card names.
    """
    card = loading.card
    tensors = required_tensors(card)
    network = OpenVinoNetwork(unpacked_network(card, loading.cache), threads=loading.threads)
    return VendorPredictor(card, AskedNetwork(network, tensors), guard=loading.guard())


def prepare_network(card: ModelCard, cache: Path) -> None:
    """Unpack a network and make sure that it has its card's tensors; raises as loading does."""
    tensors = required_tensors(card)
    AskedNetwork(OpenVinoNetwork(unpacked_network(card, cache), threads=1), tensors)


def required_service(card: ModelCard) -> Service:
    """Where a card says that its model is asked.

    Raises
    ------
    ModelFolderError
        If it doesn't say.
    """
    if card.service is None:
        raise ModelFolderError(
            f"{card.folder / CARD_NAME}: a {card.kind} needs a table [service]; correct the card"
        )
    return card.service


def _client(loading: Loading, service: Service) -> OpenInferenceClient:
    told = loading.authorization.get(service.endpoint, "")
    return OpenInferenceClient(service, authorization=told)
