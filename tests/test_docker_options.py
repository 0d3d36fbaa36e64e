"""What the storage of an image and of its engine means for the limits of a container."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.container import SandboxContainer
from tests.engine_proxy import EngineProxy
from utils.docker_options import refuse_volumes, size_option
from utils.docker_utils import ContainerRequest, Limits, unique_name
from utils.errors import EngineError


def overlay(upper: str) -> dict[str, Any]:
    return {"GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": upper}}}


def test_the_engine_bounds_the_container_itself_where_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw,relatime 0 0\n/dev/b /var/lib/docker xfs rw,relatime,prjquota 0 0\n/dev/c /srv xfs rw,noquota 0 0\nodd\n"
    )
    monkeypatch.setattr("utils.docker_options._MOUNTS", mounts)
    assert size_option(overlay("/var/lib/docker/overlay2/1/diff"), 5) == {"size": "5"}
    assert size_option(overlay("/srv/docker/overlay2/1/diff"), 5) == {}
    assert size_option(overlay("/opt/docker/overlay2/1/diff"), 5) == {}
    assert size_option({"GraphDriver": {"Name": "btrfs", "Data": None}}, 5) == {"size": "5"}
    assert size_option({"GraphDriver": None}, 5) == size_option({}, 5) == {}
    mounts.unlink()
    assert size_option(overlay("/var/lib/docker/overlay2/1/diff"), 5) == {}


def test_an_image_with_volumes_is_refused() -> None:
    refuse_volumes("plain", {"Config": {"Volumes": None}})
    refuse_volumes("plain", {})
    with pytest.raises(EngineError, match="the image odd has volumes") as error:
        refuse_volumes("odd", {"Config": {"Volumes": {"/data": {}}}})
    assert error.value.kind == "image"


@pytest.mark.engine
def test_an_engine_that_cannot_bound_it_after_all_is_asked_again_without(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utils.docker_utils.size_option", lambda image, limit: {"size": str(limit)})
    asked: list[object] = []
    with EngineProxy() as proxy, closing(proxy.client()) as client:
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=lambda body: asked.append(body["HostConfig"].get("StorageOpt")), times=9)
        container = SandboxContainer(client, ContainerRequest(image, unique_name(), Limits()))
        container.remove()
    assert asked[0] == {"size": str(Limits().disk)}
    assert asked[1:] in ([], [None]), "an engine that can do it is asked once"
