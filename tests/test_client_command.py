"""The `artstore` command, against the running system."""

import os
import re
import signal
import stat
import subprocess
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest
from artstore_command import Command, endpoints, environment_of
from artstore_user import eventually
from cutting_proxy import CuttingProxy

from artstore_client import ArtStore
from stack import Stack

MIB = 1024 * 1024
SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture
def stranger(tmp_path: Path) -> Command:
    """The command of somebody of whom nothing is known."""
    return Command(tmp_path)


def addresses(known: dict[str, str]) -> list[str]:
    """How `login` is told where the services are."""
    names = ("admin", "ingester", "query")
    return [f"--{name}-url={known[f'ARTSTORE_{name.upper()}_URL']}" for name in names]


def settled(text: str) -> str:
    """Replace what is different every time by something of the same width."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "I" * 36, text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "YYYY-MM-DD HH:MM", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "TIME", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://SERVICE", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "KEY", text)
    text = re.sub(r'"rank": [\d.e-]+', '"rank": RANK', text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_login_keeps_a_secret_for_its_owner_alone(stack: Stack, stranger: Command) -> None:
    known = environment_of(stack)
    urls = addresses(known)

    assert stranger.run("whoami").code == 4
    done = stranger.ok(
        "login",
        *urls,
        "--client-id",
        "admin",
        "--secret-stdin",
        stdin=known["ARTSTORE_CLIENT_SECRET"],
    )

    config = stranger.home / ".config" / "artstore" / "config.toml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    profile = tomllib.loads(config.read_text())["profiles"]["default"]
    assert profile["client_secret"] == known["ARTSTORE_CLIENT_SECRET"]
    assert known["ARTSTORE_CLIENT_SECRET"] not in done.out + done.err
    assert stranger.ok("whoami", "--plain").out == "admin\n"

    config.chmod(0o644)
    refused = stranger.run("whoami")
    assert refused.code == 4
    assert "chmod 600" in refused.err


def test_a_login_that_fails_keeps_nothing(stack: Stack, stranger: Command) -> None:
    known = environment_of(stack)
    urls = addresses(known)

    done = stranger.run(
        "login", *urls, "--client-id", "admin", "--secret-stdin", stdin="no such secret"
    )

    assert done.code == 4
    assert "invalid_client" in done.err
    assert "no such secret" not in done.out + done.err
    assert not list(stranger.home.rglob("*.toml"))


def test_profiles_are_told_apart_and_forgotten(stack: Stack, stranger: Command) -> None:
    known = environment_of(stack)
    urls = addresses(known)
    for name in ("one", "two"):
        stranger.ok(
            "login",
            *urls,
            "--client-id=admin",
            "--secret-stdin",
            "--profile",
            name,
            stdin=known["ARTSTORE_CLIENT_SECRET"],
        )

    assert stranger.ok("whoami", "--plain", "--profile", "two").out == "admin\n"
    assert stranger.run("whoami", "--profile", "three").code == 4
    stranger.ok("logout", "--profile", "one")
    assert stranger.run("whoami", "--profile", "one").code == 4
    assert stranger.run("logout", "--profile", "one").code == 3
    assert stranger.ok("whoami", "--plain").out == "admin\n"


def test_no_option_takes_a_secret(artstore: Command) -> None:
    for words in (["login"], ["accounts", "create"], ["accounts", "rotate"], ["keys", "rotate"]):
        options = set(re.findall(r"--[a-z-]+", artstore.ok(*words, "--help").out))
        assert not options & {"--secret", "--client-secret", "--password", "--private-key"}


def test_nothing_that_is_printed_shows_the_secret(artstore: Command) -> None:
    secret = artstore.environment["ARTSTORE_CLIENT_SECRET"]
    for words in (["whoami"], ["status", "-v"], ["ls", "-v"], ["info", str(uuid4())], ["accounts"]):
        done = artstore.run(*words)
        assert secret not in done.out + done.err
        assert "Bearer" not in done.out + done.err


@pytest.mark.slow
def test_a_folder_goes_in_once(artstore: Command, store: ArtStore) -> None:
    folder = artstore.home / "папка"
    word = uuid4().hex
    for number in range(500):
        path = folder / f"{number % 7}" / f"{word} файл {number} 😀.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{word} {number}")
    (folder / "0" / "link.txt").symlink_to(folder / "1")

    first = artstore.ok("put", folder, "--tag", word, "--parallel", "8", "--json").json()
    assert len(first) == 500
    assert {entry["result"] for entry in first} == {"stored"}
    eventually(lambda: len(list(store.search(word))) == 500)
    entry = next(one for one in first if one["filename"].endswith(" файл 12 😀.txt"))
    assert entry["metadata"] == {"path": f"папка/5/{word} файл 12 😀.txt"}
    assert entry["tags"] == [word]

    (folder / "new.txt").write_text(f"{word} new")
    again = artstore.ok("put", folder, "--json").json()
    results = [one["result"] for one in again]
    assert (results.count("skipped"), results.count("stored")) == (500, 1)
    assert {one["file_id"] for one in first} < {one["file_id"] for one in again}


def test_what_cannot_be_stored_is_told_and_the_rest_is_stored(artstore: Command) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (artstore.home / name).write_text(name + uuid4().hex)
    (artstore.home / "b.txt").chmod(0)
    if os.geteuid() == 0:
        # For root nothing is unreadable: a name the server refuses does as well.
        (artstore.home / "b.txt").rename(artstore.home / "b\n.txt")

    done = artstore.run("put", *sorted(artstore.home.glob("*.txt")), "--plain")

    assert done.code != 0
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["stored", "stored"]
    assert "b" in done.err


def test_bytes_come_in_by_a_pipe_and_go_out_by_one(artstore: Command) -> None:
    content = os.urandom(3 * MIB)

    file_id = artstore.ok("put", "-", "--name", "pipe.bin", "--plain", stdin=content).out.strip()
    fetched = subprocess.run(
        artstore.arguments("get", file_id, "--output", "-"),
        env=artstore.environ(),
        capture_output=True,
        check=True,
    )

    assert fetched.stdout == content


def test_get_fetches_what_a_search_finds(artstore: Command, store: ArtStore) -> None:
    word = f"слово{uuid4().hex}"
    for name in ("один", "два"):
        store.upload(name.encode(), name=f"{word} {name}.txt")
    eventually(lambda: len(list(store.search(word))) == 2)

    assert artstore.run("get", "--query", word).code == 2
    assert artstore.run("get", "--query", uuid4().hex).code == 3
    artstore.ok("get", "--query", word, "--all")

    assert (artstore.home / f"{word} один.txt").read_text() == "один"
    assert (artstore.home / f"{word} два.txt").read_text() == "два"


def test_a_download_that_is_interrupted_goes_on(
    stack: Stack, tmp_path: Path, store: ArtStore
) -> None:
    content = os.urandom(64 * MIB)
    stored = store.upload(content, name="large.bin")
    with CuttingProxy(stack.url("query")) as proxy:
        artstore = Command(tmp_path, environment_of(stack, query=proxy.url))
        proxy.pause_after(36 * MIB)
        arguments = artstore.arguments("get", stored.file_id, "--parallel", "1")
        process = subprocess.Popen(
            arguments, env=artstore.environ(), cwd=tmp_path, stderr=subprocess.PIPE
        )
        eventually(lambda: proxy.is_paused)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"goes on where it was" in errors
        assert not (tmp_path / "large.bin").exists()

        proxy.resume()
        before = proxy.passed
        artstore.ok("get", stored.file_id)
        assert proxy.passed - before < 40 * MIB
    assert (tmp_path / "large.bin").read_bytes() == content


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["info", "01a21410-d693-715a-a696-924cad40ab9d"], 3),
        (["get", "01a21410-d693-715a-a696-924cad40ab9d"], 3),
        (["info", "no-uuid"], 2),
        (["put", "/no/such/file"], 1),
        (["find", "--size-min", "huge"], 2),
        (["elements", "priority", "se-01", "99999999"], 6),
        (["accounts", "delete", "admin"], 5),
        (["find", "--mode", "guess"], 6),
    ],
)
def test_the_exit_code_says_what_went_wrong(artstore: Command, words: list[str], code: int) -> None:
    done = artstore.run(*words)

    assert done.code == code, done
    assert done.err
    assert "Traceback" not in done.err


def test_a_service_that_is_away_has_its_own_exit_code(stack: Stack, tmp_path: Path) -> None:
    artstore = Command(tmp_path, environment_of(stack, query="http://127.0.0.1:9"))

    done = artstore.run("status")

    assert done.code == 7
    assert re.search(r"query +unreachable", done.out)


def test_a_name_cannot_steer_the_terminal(artstore: Command, store: ArtStore) -> None:
    word = uuid4().hex
    store.upload(b"x", name=f"{word} \u009b31m\u202egnp.exe [red]x[/red].txt")
    eventually(lambda: list(store.search(word)))

    for style in ([], ["--plain"]):
        out = artstore.ok("find", word, *style).out
        assert "\u009b" not in out
        assert "\u202e" not in out
        assert "[red]x[/red]" in out


@pytest.mark.parametrize("style", ["people", "plain", "json"])
def test_the_output_looks_as_it_is_meant_to(
    stack: Stack, artstore: Command, store: ArtStore, style: str
) -> None:
    account = store.accounts.create(f"snapshot-{style}", "USER")
    own = Command(
        artstore.home,
        {
            **artstore.environment,
            "ARTSTORE_CLIENT_ID": account.client_id,
            "ARTSTORE_CLIENT_SECRET": account.client_secret,
        },
    )
    (artstore.home / "Договор №17.txt").write_text(f"договор {style}")
    (artstore.home / "invoice.txt").write_text(f"invoice {style}")
    option = [] if style == "people" else [f"--{style}"]
    said = ["--tag", "2026", "--meta", "number=17", "--description", "Договор аренды склада"]
    put = own.ok("put", "Договор №17.txt", *said, *option)
    file_id = store_id(put.out)
    own.ok("put", "invoice.txt", "--plain")
    with ArtStore(endpoints(stack), account.client_id, account.client_secret) as mine:
        eventually(lambda: len(list(mine.search())) == 2)
    shown = {
        "put": put,
        "put again": own.ok("put", "Договор №17.txt", *option),
        "ls": own.ok("ls", *option),
        "find договор": own.ok("find", "договор", *option),
        "info": own.ok("info", file_id, *option),
        "whoami": own.ok("whoami", *option),
        "info of nothing": own.run("info", "01a21410-d693-715a-a696-924cad40ab9d", *option),
    }
    text = "".join(
        f"$ artstore {name}\n{settled(done.out)}{settled(done.err)}\n"
        for name, done in shown.items()
    )
    compare(f"{style}.txt", text)
    store.accounts.delete(account.client_id)


def store_id(out: str) -> str:
    [found] = set(re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", out))
    return str(found)


def test_the_help_looks_as_it_is_meant_to(artstore: Command) -> None:
    pages: tuple[list[str], ...] = (
        [],
        ["put"],
        ["get"],
        ["find"],
        ["login"],
        ["elements"],
        ["accounts", "create"],
    )
    compare("help.txt", "".join(settled(artstore.ok(*page, "--help").out) for page in pages))


def compare(name: str, text: str) -> None:
    """Compare with the snapshot; `UPDATE_SNAPSHOTS=1` keeps the text as the new one."""
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
