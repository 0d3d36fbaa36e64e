"""Which files hold secrets, by name and by content, and the ordinary ones that look a little like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.files.added import select
from sandbox.files.secrets import Secrecy, secrecy_of_file, secrecy_of_folder

BY_NAME = (
    # keys
    *("id_rsa", "id_ed25519_sk", "id_ecdsa_sk", "id_rsa_work", "github_id_ed25519", "id_rsa.pub", "deploy_key", "prod-deploy-key"),
    *("server.key", "AuthKey_ABC123.p8", "cert.p12", "cert.pfx", "store.jks", "private_key.txt", "private-key.json", "privatekey"),
    *("keys.kdbx", "putty.ppk", "home.ovpn", "backup.gpg", "key.asc", "age.agekey", "master.key"),
    # environments and configurations
    *(
        ".env",
        ".ENV",
        ".env.production",
        "prod.env",
        ".envrc",
        ".dev.vars",
        "terraform.tfvars",
        "prod.auto.tfvars.json",
        "x.tfstate.backup",
    ),
    *(".npmrc", ".yarnrc.yml", ".pypirc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".htpasswd", ".terraformrc", ".git-credentials"),
    *("auth.json", "kaggle.json", "credentials", "credentials.json", "client_secret_1.apps.json", "service-account.json"),
    *(
        "my-serviceaccount-prod.json",
        "secrets.yaml",
        "secret.txt",
        "kubeconfig",
        "rclone.conf",
        "pip.conf",
        ".vault_pass.txt",
        "wallet.dat",
    ),
    *(".bash_history", "recovery-codes.txt"),
    # by the folder that they are in
    *("home/.m2/settings.xml", ".config/gh/hosts.yml", "gh/hosts.yml", ".cargo/credentials.toml", ".gradle/gradle.properties"),
    # copies
    *(".env~", ".env.bak", "server.key.bak", "server.key.old", "id_rsa.orig", "id_rsa (1)", "#.netrc#", "credentials.json.save"),
    *(".server.key.swp", "deploy_key.2024-01-31", "server.key copy", "server.pem~~", "server.key.1", "backup.tfvars.old"),
)
DOUBTFUL = (
    *("api_token.txt", "tokens.json", "passwords.csv", "my passwords.xlsx", "passwd.txt", "api-key.txt", "apikeys.yaml", "access_key.csv"),
    *("oauth.json", "bearer.txt", "aws creds.txt", "app-secret.ini", "passphrase.txt", "passwords.csv.bak"),
)
ORDINARY = (
    *("data.csv", "main.py", "README.md", "tokenizer.json", "tokenizer.py", "keyboard.csv", "keynote.pptx", "monkey.png", "secretary.txt"),
    *("password_strength.py", "secrets.py", "credentials.py", "token.ts", "secret.md", "passage.txt", "compass.txt", "authors.json"),
    *("environment.yml", "env.py", "keys.csv", "turkey.txt", "settings.xml", "hosts.yml", "config.yml", "patients.csv", "history.csv"),
    *("public_data.json", "id_mapping.csv", "envelope.txt", "auth.py", "broken.bak", "notes~", "pattern.txt", "keyword_counts.tsv"),
    *("mysecretary.csv", "tokenisation.csv", "passengers.csv", "key_findings.docx", "shadows.png", "report (1).pdf", "data.csv.old"),
)
_KEY = "-----BEGIN {}PRIVATE KEY-----\nMIIEvQ\n"
BY_CONTENT = {
    "notes.txt": _KEY.format(""),
    "a": _KEY.format("RSA "),
    "b.dat": _KEY.format("EC "),
    "c": "\n\n  " + _KEY.format("OPENSSH "),
    "d.bin": "\ufeff" + _KEY.format("ENCRYPTED "),
    "e": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    "f.txt": "PuTTY-User-Key-File-3: ssh-ed25519\n",
    "g": "AGE-SECRET-KEY-1QQ\n",
    "project-1234.json": '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nMII"}',
}
DOUBTFUL_CONTENT = {"guide.md": f"Write this:\n{_KEY.format('')}", "test_tls.py": f'KEY = """{_KEY.format("")}"""'}
ORDINARY_CONTENT = {
    "cert.txt": "-----BEGIN CERTIFICATE-----\n",
    "pub.txt": "-----BEGIN PUBLIC KEY-----\n",
    "x.md": "How to keep a private key.\n",
    "far.txt": "x" * 2000 + _KEY.format(""),
}


@pytest.mark.parametrize("path", BY_NAME)
def test_secrets_by_name(path: str) -> None:
    assert secrecy_of_file(path) is Secrecy.SECRET
    assert secrecy_of_file(f"deep/below/{path}") is Secrecy.SECRET


@pytest.mark.parametrize("path", DOUBTFUL)
def test_doubtful_names(path: str) -> None:
    assert secrecy_of_file(path) is Secrecy.DOUBTFUL


@pytest.mark.parametrize("path", ORDINARY)
def test_ordinary_names(path: str) -> None:
    assert secrecy_of_file(path) is Secrecy.NONE


@pytest.mark.parametrize(
    ("contents", "secrecy"),
    [(BY_CONTENT, Secrecy.SECRET), (DOUBTFUL_CONTENT, Secrecy.DOUBTFUL), (ORDINARY_CONTENT, Secrecy.NONE)],
    ids=["secret", "doubtful", "ordinary"],
)
def test_contents(contents: dict[str, str], secrecy: Secrecy) -> None:
    for name, text in contents.items():
        assert (name, secrecy_of_file(name, text.encode())) == (name, secrecy)


def test_a_key_in_another_encoding_is_one() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"):
        assert secrecy_of_file("x.txt", _KEY.format("").encode(encoding)) is not Secrecy.NONE


def test_folders() -> None:
    assert all(secrecy_of_folder(name) for name in (".ssh", ".aws", ".git", ".GNUPG", "gcloud", ".ssh.bak", ".kube~"))
    assert not any(secrecy_of_folder(name) for name in ("src", "git", "ssh", "docker", "awslib"))


def test_a_folder_is_copied_without_them_and_what_is_doubtful_waits_for_a_yes(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    everything = {**dict.fromkeys((*ORDINARY, *DOUBTFUL), "text"), **dict.fromkeys((n for n in BY_NAME if "/" not in n), "canary")}
    everything |= {**BY_CONTENT, **DOUBTFUL_CONTENT, **ORDINARY_CONTENT}
    for name, text in everything.items():
        (root / name).write_text(text)
    selection = select([root])
    copied = {name.removeprefix("project/") for name, _, _ in selection.files}
    assert copied == {*ORDINARY, *ORDINARY_CONTENT}
    assert {name.removeprefix("project/") for name in selection.doubtful} == {*DOUBTFUL, *DOUBTFUL_CONTENT}
    named = {left.name.removeprefix("project/") for left in selection.left_out}
    assert named == {*BY_CONTENT, *(name for name in BY_NAME if "/" not in name)}, "each of them is named"


def test_a_link_gives_a_secret_no_other_name(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text("x")
    (tmp_path / "data.txt").symlink_to("server.key")
    (tmp_path / "other.key").symlink_to("plain.txt")
    (tmp_path / "plain.txt").write_text("x")
    for paths in ([tmp_path], [tmp_path / "data.txt", tmp_path / "other.key", tmp_path / "plain.txt"]):
        assert [name.rpartition("/")[2] for name, _, _ in select(paths).files] == ["plain.txt"]
