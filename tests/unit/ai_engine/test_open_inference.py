"""A service of the Open Inference Protocol: asked as its text says, and not believed blindly."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import BackendError, ServiceAwayError
from ai_engine.inference import open_inference
from ai_engine.inference.open_inference import OpenInferenceClient
from ai_engine.kinds.guarding import Unguarded
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.vendor.answer import checked
from ai_engine.kinds.vendor.asking import AskedService, Turns
from ai_engine.kinds.vendor.predictor import VendorPredictor
from ai_engine.library.card import ModelCard
from ai_engine.library.service import Service
from ai_engine.library.tensors import Activation, Tensors
from tests.peers.open_inference import Said, SayingServer
from tests.unit.ai_engine.vendor_cards import some_radiograph, vendor_card

FOUND = np.array([[0.75]], np.float32)
SHOWN = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(1, 1, 64, 64)


@pytest.fixture
def server() -> Iterator[SayingServer]:
    with SayingServer() as running:
        running.outputs = {"probabilities": FOUND}
        yield running


def a_client(server: SayingServer, **fields: object) -> OpenInferenceClient:
    service = Service(endpoint=server.endpoint, model="chest", **fields)  # type: ignore[arg-type]
    return OpenInferenceClient(service, authorization="Bearer secret-token")


def ask(client: OpenInferenceClient) -> np.ndarray:
    return client.infer("image", SHOWN, "FP32", ("probabilities",)).tensors["probabilities"]


def a_predictor(card: ModelCard, tmp_path: Path) -> VendorPredictor:
    predictor = part(card, Part.PREDICTOR)(Loading(card=card, cache=tmp_path))
    assert isinstance(predictor, VendorPredictor)
    return predictor


@pytest.mark.parametrize("extensions", [[], ["binary_tensor_data"]], ids=["json", "binary"])
def test_an_image_goes_out_and_tensors_come_back(
    server: SayingServer, extensions: list[str]
) -> None:
    server.extensions = extensions
    client = a_client(server, version="3")
    answer = client.infer("image", SHOWN, "FP32", ("probabilities",))
    assert answer.tensors["probabilities"].tolist() == FOUND.tolist()
    assert answer.version == "3"
    (asked,) = server.images()
    assert asked.path == "/v2/models/chest/versions/3/infer"
    assert asked.authorization == "Bearer secret-token"
    (sent,) = asked.document["inputs"]
    assert (sent["name"], sent["shape"], sent["datatype"]) == ("image", [1, 1, 64, 64], "FP32")
    if extensions:
        assert np.array_equal(np.frombuffer(asked.binary, "<f4"), SHOWN.ravel())
    else:
        assert np.allclose(sent["data"], SHOWN.ravel())
    assert [each["name"] for each in asked.document["outputs"]] == ["probabilities"]


def test_a_service_is_asked_whether_it_would_answer(server: SayingServer) -> None:
    client = a_client(server)
    client.require_ready(input_name="image", outputs=("probabilities",))
    with pytest.raises(BackendError, match="has no output heat; it has probabilities"):
        client.require_ready(input_name="image", outputs=("heat",))
    with pytest.raises(BackendError, match="has no input picture; it has image"):
        client.require_ready(input_name="picture", outputs=("probabilities",))
    server.instead["ready"] = Said(status=400, body=b'{"error": "model is loading"}')
    with pytest.raises(ServiceAwayError, match=r"not ready .status 400: model is loading"):
        client.require_ready(input_name="image", outputs=("probabilities",))


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503, 504])
def test_a_service_that_takes_nobody_just_now_is_away(server: SayingServer, status: int) -> None:
    server.instead["infer"] = Said(status=status, body=b"no")
    with pytest.raises(ServiceAwayError, match=f"chest at {server.endpoint}: status {status}"):
        ask(a_client(server))


def test_a_service_that_is_gone_or_too_slow_is_away(server: SayingServer) -> None:
    closed = OpenInferenceClient(Service(endpoint="http://127.0.0.1:1", model="chest"))
    with pytest.raises(ServiceAwayError, match=r"cannot be reached \(ConnectError\)"):
        ask(closed)
    over = threading.Event()
    server.instead["infer"] = Said(pieces=(b"{", b"}"), between=lambda: over.wait(30))
    with pytest.raises(ServiceAwayError, match=r"took longer than 0\.2 s"):
        ask(a_client(server, timeout=0.2))
    over.set()


def test_an_answer_that_never_ends_is_cut_off(
    server: SayingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_inference, "LARGEST_ANSWER", 4096)
    server.instead["infer"] = Said(pieces=(b"x" * 1024,) * 64)
    with pytest.raises(BackendError, match="more than 4096 bytes"):
        ask(a_client(server))


def test_a_refused_image_is_its_own_fault_unless_the_model_is_gone(server: SayingServer) -> None:
    server.instead["infer"] = Said(status=400, body=b'{"error": "unexpected shape"}')
    with pytest.raises(BackendError, match="refused the image with status 400: unexpected") as told:
        ask(a_client(server))
    assert not isinstance(told.value, ServiceAwayError)
    server.instead["ready"] = Said(status=404, body=b"{}")
    with pytest.raises(ServiceAwayError, match="the model is not ready"):
        ask(a_client(server))


NONSENSE = {
    "no JSON": b"<html>",
    "no object": b"[1, 2]",
    "nothing in it": b"{}",
    "outputs of words": b'{"outputs": "all fine"}',
    "another output": b'{"outputs": [{"name": "x", "datatype": "FP32", "shape": [1], '
    b'"data": [1]}]}',
    "words": b'{"outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [1], '
    b'"data": ["high"]}]}',
    "no number's type": b'{"outputs": [{"name": "probabilities", "datatype": "BYTES", '
    b'"shape": [1], "data": ["a"]}]}',
    "more than said": b'{"outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [1], '
    b'"data": [1, 2]}]}',
    "a negative side": b'{"outputs": [{"name": "probabilities", "datatype": "FP32", '
    b'"shape": [-1], "data": []}]}',
    "bytes that are not there": b'{"outputs": [{"name": "probabilities", "datatype": "FP32", '
    b'"shape": [1], "parameters": {"binary_data_size": 4}}]}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_told_from_an_answer(server: SayingServer, body: bytes) -> None:
    server.instead["infer"] = Said(body=body)
    with pytest.raises(BackendError, match="service chest at ") as told:
        ask(a_client(server))
    assert not isinstance(told.value, ServiceAwayError)


@pytest.mark.parametrize("length", ["-1", "99999", "ten"])
def test_a_header_length_that_is_none_is_refused(server: SayingServer, length: str) -> None:
    server.instead["infer"] = Said(headers={"Inference-Header-Content-Length": length})
    with pytest.raises(BackendError, match="header length"):
        ask(a_client(server))


def test_another_version_than_the_card_names_is_refused(server: SayingServer) -> None:
    server.version = "4"
    with pytest.raises(BackendError, match="version '4' has answered instead"):
        ask(a_client(server, version="3"))


def test_no_redirect_takes_the_image_or_the_credential_elsewhere(server: SayingServer) -> None:
    with SayingServer() as other:
        place = {"Location": f"{other.endpoint}/v2/models/chest/infer"}
        server.instead["infer"] = Said(status=307, headers=place)
        with pytest.raises(BackendError, match="refused the image with status 307"):
            ask(a_client(server))
        assert other.asked == []


WRONG = {
    "two values for one label": (np.array([[0.1, 0.9]]), "2 labels|has shape .1, 2."),
    "no number": (np.array([[np.nan]]), "NaN"),
    "infinite": (np.array([[np.inf]]), "infinite"),
    "no probability": (np.array([[3.2]]), "between 0 and 1: name the activation"),
    "below zero": (np.array([[-0.4]]), "between 0 and 1"),
    "nothing": (np.zeros((0, 1)), "has shape .0, 1."),
}


@pytest.mark.parametrize(("values", "words"), WRONG.values(), ids=WRONG)
def test_tensors_that_are_no_probabilities_fail_in_words(values: np.ndarray, words: str) -> None:
    card = vendor_card()
    assert card.tensors is not None
    with pytest.raises(BackendError, match=words):
        checked(card, card.tensors, {"probabilities": values.astype(np.float32)})


def test_logits_become_probabilities_by_the_card() -> None:
    card = vendor_card(labels=("Lung Opacity", "Effusion"))
    for activation, expected in (
        (Activation.SIGMOID, [1 / (1 + np.exp(-2)), 0.5]),
        (Activation.SOFTMAX, [np.exp(2) / (np.exp(2) + 1), 1 / (np.exp(2) + 1)]),
    ):
        tensors = Tensors(input="image", probabilities="p", activation=activation)
        made = checked(card, tensors, {"p": np.array([[2.0, 0.0]], np.float32)})
        assert made.probabilities is not None
        assert made.probabilities.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_service_finds_and_says_who_it_is(server: SayingServer, tmp_path: Path) -> None:
    heat = np.zeros((1, 1, 8, 8), np.float32)
    heat[0, 0, 3, 6] = 2.0
    server.outputs = {"probabilities": FOUND, "heat": heat}
    tensors = Tensors(input="image", probabilities="probabilities", heat_maps="heat")
    card = vendor_card(endpoint=server.endpoint, tensors=tensors)
    prediction = a_predictor(card, tmp_path).predict([some_radiograph()])
    (finding,) = prediction.images[0].findings
    assert (finding.label, finding.probability) == ("Lung Opacity", pytest.approx(0.75))
    assert finding.heat_map is not None
    assert finding.heat_map.values[3, 6] == 1.0
    # 320 x 480 in a square: the square reaches beyond the image above and below.
    assert finding.heat_map.region.bottom - finding.heat_map.region.top == pytest.approx(480)
    assert prediction.parameters == (f"service brightness version 3 at {server.endpoint}",)


def test_boxes_of_a_service_lie_on_the_source_image(server: SayingServer, tmp_path: Path) -> None:
    server.outputs = {
        "boxes": np.array([[[16, 24, 32, 40], [17, 24, 32, 40], [0, 0, 8, 8]]], np.float32),
        "scores": np.array([[0.9, 0.8, 0.2]], np.float32),
    }
    tensors = Tensors(input="image", boxes="boxes", scores="scores")
    card = vendor_card(endpoint=server.endpoint, tensors=tensors)
    prediction = a_predictor(card, tmp_path).predict([some_radiograph(480, 480)])
    (finding,) = prediction.images[0].findings
    (box,) = finding.boxes
    assert (box.region.left, box.region.right) == (pytest.approx(120), pytest.approx(240))
    assert finding.probability == pytest.approx(0.9)


def test_a_segmentation_is_as_probable_as_its_most_probable_pixel(
    server: SayingServer, tmp_path: Path
) -> None:
    mask = np.full((1, 1, 64, 64), 0.1, np.float32)
    mask[0, 0, 30:40, 20:30] = 0.8
    server.outputs = {"mask": mask}
    card = vendor_card(endpoint=server.endpoint, tensors=Tensors(input="image", heat_maps="mask"))
    (image,) = a_predictor(card, tmp_path).predict([some_radiograph(480, 480)]).images
    assert image.findings[0].probability == pytest.approx(0.8)


def test_a_service_that_is_away_is_left_alone_for_a_while(
    server: SayingServer, tmp_path: Path
) -> None:
    server.instead["infer"] = Said(status=503)
    predictor = a_predictor(vendor_card(endpoint=server.endpoint), tmp_path)
    for _ in range(3):
        with pytest.raises(ServiceAwayError, match="status 503"):
            predictor.predict([some_radiograph()])
    assert len(server.images()) == 1


@pytest.mark.slow
def test_no_more_images_are_there_at_once_than_the_card_allows(
    server: SayingServer, tmp_path: Path
) -> None:
    card = vendor_card(endpoint=server.endpoint)
    assert card.service is not None
    assert card.tensors is not None
    both, most = threading.Lock(), [0, 0]

    class Counting(OpenInferenceClient):
        def infer(self, *args: object) -> open_inference.Answer:  # type: ignore[override]
            with both:
                most[0] += 1
                most[1] = max(most)
            answer = super().infer(*args)  # type: ignore[arg-type]
            with both:
                most[0] -= 1
            return answer

    asked = AskedService(Counting(card.service), card.tensors, Turns(tmp_path / "turns", 2))
    predictor = VendorPredictor(card, asked, guard=Unguarded())
    threads = [
        threading.Thread(target=predictor.predict, args=([some_radiograph(seed=number)],))
        for number in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(server.images()) == 8
    assert 1 <= most[1] <= 2


def test_a_credential_shows_nowhere(server: SayingServer, tmp_path: Path) -> None:
    card = vendor_card(endpoint=server.endpoint)
    loading = Loading(
        card=card, cache=tmp_path, authorization={server.endpoint: "Bearer secret-token"}
    )
    assert "secret-token" not in repr(loading)
    predictor = part(card, Part.PREDICTOR)(loading)
    prediction = predictor.predict([some_radiograph()])
    assert server.images()[0].authorization == "Bearer secret-token"
    assert "secret-token" not in repr(prediction)
    other = replace(card, service=replace(card.service, endpoint="http://127.0.0.1:1"))
    with pytest.raises(ServiceAwayError) as told:
        part(other, Part.READINESS)(replace(loading, card=other))
    assert "secret-token" not in str(told.value)


def test_what_a_server_logs_of_an_image_is_its_shape_and_no_patient(server: SayingServer) -> None:
    ask(a_client(server))
    document = json.dumps(server.images()[0].document)
    assert set(server.images()[0].document) == {"inputs", "outputs"}
    assert "1.2.3" not in document
