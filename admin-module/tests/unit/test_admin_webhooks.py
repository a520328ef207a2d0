import pytest

from admin_module.domain.webhooks import Endpoint, pause_after, read_key

# From the examples of the Standard Webhooks specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVERY = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT, BODY = 1614265330, '{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_delivery_is_signed_as_the_specification_has_it() -> None:
    endpoint = Endpoint("https://receiver.test", (read_key(SECRET),))
    headers = endpoint.headers(DELIVERY, at=AT, body=BODY)
    assert headers["webhook-signature"] == SIGNATURE
    assert headers["webhook-id"] == DELIVERY
    assert headers["webhook-timestamp"] == str(AT)
    assert "MfKQ" not in repr(endpoint)


def test_each_of_two_secrets_signs() -> None:
    second = read_key("whsec_" + "QUJD" * 8)
    endpoint = Endpoint("https://receiver.test", (second, read_key(SECRET)))
    signatures = endpoint.headers(DELIVERY, at=AT, body=BODY)["webhook-signature"].split()
    assert len(signatures) == 2
    assert signatures[0] != signatures[1]


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_QUJD", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?!" * 10]
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and"):
        read_key(secret)


def test_attempts_are_made_ever_less_often_and_not_for_ever() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 12)]
    assert pauses[9:] == [None, None]
    known = [pause for pause in pauses if pause is not None]
    assert 4 <= known[0] <= 6
    assert sum(known) > 24 * 3600
