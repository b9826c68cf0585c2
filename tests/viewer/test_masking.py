"""What is kept of a post while secrets are masked: no secret, and everything else."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

from tests.viewer.test_api import PAYLOAD, STEP, Service, problem, service as service
from viewer.bodies import BodyTooLarge

SECRET, OTHER_SECRET = (f"sk-proj-{letter * 20}T3BlbkFJ" for letter in "aZ")


def test_post_with_a_secret_keeps_numbers_that_json_has_not(service: Service) -> None:
    """A number too large for a double beside a secret costs the post nothing."""
    told = PAYLOAD | {"prompt": SECRET, "steps": [STEP | {"attributes": {"x": 1234.5}}]}
    answer = service.post(json.dumps(told).replace("1234.5", "1e400").encode())

    shown = service.page(answer, ".json").json()
    assert shown["prompt"] == "[masked: OpenAI key]"
    assert shown["steps"][0]["attributes"] == {"x": "Infinity"}


def test_post_whose_times_look_like_cards_is_kept(service: Service) -> None:
    """Digits that nobody wrote are no secret, whatever number they make."""
    card, seconds = 36_000_000_000_008, "4111111111111111"
    step = STEP | {
        "id": "a",
        "latency_ns": card,
        "input_tokens": card,
        "start_time_unix_nano": seconds,
        "input": SECRET,
        "masked": 2,
        "events": [{"name": "e", "time_unix_nano": seconds, "attributes": {"card": card}}],
    }
    answer = service.post(PAYLOAD | {"latency_ns": card, "steps": [step], "masked": 2})

    shown = service.page(answer, ".json").json()
    (kept,) = shown["steps"]
    assert (shown["latency_ns"], kept["latency_ns"], kept["input_tokens"]) == (card, card, card)
    assert (kept["start_time_unix_nano"], kept["events"][0]["time_unix_nano"]) == (seconds, seconds)
    assert (kept["input"], kept["events"][0]["attributes"]["card"]) == (
        "[masked: OpenAI key]",
        "[masked: card number]",
    )
    assert (kept["masked"], shown["masked"]) == (4, 4)


def test_post_with_another_secret_is_another_body(service: Service) -> None:
    """One Idempotency-Key is for one body as it came, though of two the same is kept."""
    first = service.post(PAYLOAD | {"prompt": SECRET}, idempotency_key="k")
    again = service.post(PAYLOAD | {"prompt": SECRET}, idempotency_key="k")

    assert again.json() == first.json()
    problem(service.post(PAYLOAD | {"prompt": OTHER_SECRET}, idempotency_key="k"), 422)


def test_secret_under_a_name_that_comes_twice_is_not_kept(service: Service, tmp_path: Path) -> None:
    """Of an object with a name twice the value that nobody reads is not stored either."""
    body = json.dumps(PAYLOAD).encode()

    assert service.post(b'{"x":[{"y":"' + SECRET.encode() + b'","y":1}],' + body[1:]).status_code == 200
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.glob("**/*") if path.is_file())


def test_post_that_grows_without_end_is_413(service: Service) -> None:
    """Words that stand for many short secrets are longer than those; twice the limit is kept, no more."""
    cards = ",".join(["4111111111111111"] * 5_500)
    numbers = ",".join(["1e15"] * 19_000)

    assert service.post(PAYLOAD | {"prompt": cards}).status_code == 200
    body = json.dumps(PAYLOAD | {"prompt": SECRET, "x": 0}).replace('"x": 0', f'"x": [{numbers}]').encode()
    detail = problem(service.post(body), 413)["detail"]
    assert detail == "the body is larger than 200000 bytes once its secrets are masked"


def test_refusal_shows_no_secret(service: Service) -> None:
    """What is said of a wrong field may be logged by whoever is refused."""
    refused = service.post(PAYLOAD | {"status": SECRET})

    (error,) = problem(refused, 422)["errors"]
    assert error["message"].endswith('got "[masked: OpenAI key]"')


def test_idempotency_key_is_kept_as_a_hash(service: Service, tmp_path: Path) -> None:
    """It holds whatever a client puts there."""
    assert service.post(idempotency_key=SECRET).json() == service.post(idempotency_key=SECRET).json()
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.glob("**/*") if path.is_file())


def test_refusal_of_a_large_body_comes_whole_from_another_process() -> None:
    """Where large bodies are read, errors are sent back by value."""
    refused = BodyTooLarge(5, masked=True)

    assert str(pickle.loads(pickle.dumps(refused))) == str(refused)  # noqa: S301 - our own
