"""Whom the command talks to, and as whom."""

import stat
from pathlib import Path

import pytest

from artstore_client.endpoints import Endpoints
from artstore_client.profiles import Profile, ProfileError, Profiles, current, state_path

THREE = Endpoints("http://a:1", "http://b:2/", "http://c:3")
ONE = Endpoints.behind("https://docs.example.org/")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}


def save(environment: dict[str, str], name: str, profile: Profile | None) -> Path:
    profiles = Profiles.load(environment)
    profiles.save(name, profile)
    return profiles.path


def test_a_profile_comes_back_as_it_was_kept(environment: dict[str, str]) -> None:
    path = save(environment, "default", Profile(THREE, "me", 'se"cret\\'))
    save(environment, "behind", Profile(ONE, "me", "other"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert current(environment) == Profile(THREE, "me", 'se"cret\\')
    assert current(environment, "behind") == Profile(ONE, "me", "other")
    assert current({**environment, "ARTSTORE_PROFILE": "behind"}).client_secret == "other"
    assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]


def test_the_environment_comes_before_the_profile(
    environment: dict[str, str], tmp_path: Path
) -> None:
    save(environment, "default", Profile(THREE, "me", "kept"))
    (secret := tmp_path / "secret").write_text("from a file\n")

    environment |= {"ARTSTORE_URL": "http://other", "ARTSTORE_CLIENT_SECRET_FILE": str(secret)}

    assert current(environment) == Profile(Endpoints.behind("http://other"), "me", "from a file")


def test_a_secret_is_not_shown_by_accident(environment: dict[str, str]) -> None:
    save(environment, "default", Profile(THREE, "me", "hidden"))

    assert "hidden" not in repr(current(environment)) + repr(Profiles.load(environment))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_what_others_can_read_is_not_read(environment: dict[str, str], mode: int) -> None:
    save(environment, "default", Profile(THREE, "me", "kept")).chmod(mode)

    with pytest.raises(ProfileError, match="chmod 600"):
        current(environment)


def test_nothing_known_says_what_to_do(environment: dict[str, str]) -> None:
    with pytest.raises(ProfileError, match="artstore login"):
        current(environment)
    with pytest.raises(ProfileError, match="no profile 'x'"):
        current(environment, "x")


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("profiles = [", "no TOML"),
        ('[profiles.default]\nurl = "http://a"\nclient_id = "x"', "client_secret"),
        ('[profiles.default]\nurl = "a"\nclient_id = "x"\nclient_secret = "y"', "no address"),
    ],
)
def test_a_file_that_is_broken_is_told_of(
    environment: dict[str, str], tmp_path: Path, document: str, fault: str
) -> None:
    path = tmp_path / "artstore" / "config.toml"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(document)

    with pytest.raises(ProfileError, match=fault):
        current(environment)


def test_another_profile_is_the_default_when_the_default_is_forgotten(
    environment: dict[str, str],
) -> None:
    save(environment, "default", Profile(THREE, "me", "one"))
    save(environment, "other", Profile(THREE, "me", "two"))
    save(environment, "default", None)

    assert current(environment).client_secret == "two"


def test_state_lies_where_state_lies(environment: dict[str, str], tmp_path: Path) -> None:
    assert state_path(environment) == tmp_path / "state" / "artstore" / "uploads"
