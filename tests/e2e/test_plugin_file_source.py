"""plugins/file_source: a folder of files that is the configuration: added, changed, removed, swapped, half written, and full of junk."""
# ctest: threads
# ctest: timeout 240

import json
import os
import re

import pytest
from origin import reply
from processes import wait_until
from proxy import cluster, listener, run
from sources import get, port_of


class Files:
    """The folder, as an operator or Kubernetes fills it."""

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def put(self, name, document):
        partial = self.path / f".{name}.partial"
        partial.write_text(document if isinstance(document, str) else json.dumps(document))
        partial.rename(self.path / name)

    def drop(self, name):
        (self.path / name).unlink()


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "resources")


def configuration(files, **settings):
    return {"workers": 1, "log_level": "debug", "plugins": [{"name": "files", "use": "file_source", "config": {"path": str(files.path), "interval": "1h", "settle": "5ms", **settings}}],
            "listeners": [listener([{"match": {"prefix": "/"}, "reply": {"status": 204}}], name="fixed")], "clusters": []}


def says(text):
    return [{"match": {"prefix": "/"}, "reply": {"status": 200, "body": text}}]


def refused(port):
    try:
        get(port)
    except ConnectionRefusedError:
        return True
    return False


def in_force(proxy, times):
    wait_until(lambda: len(re.findall(r"plugin/files \d+ resources of .* are in force", proxy.log())) >= times, f"{times} commits:\n{proxy.log()}")


def test_what_is_there_at_the_start_is_served_and_then_what_comes_changes_and_goes(files, origin, start):
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "route_table": "web"})
    files.put("route_table.web.json", {"routes": says("one")})
    proxy = start(configuration(files))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    assert get(port) == (200, b"one")
    files.put("route_table.web.json", {"routes": says("two")})
    in_force(proxy, 2)
    assert get(port) == (200, b"two")
    files.put("cluster.app.yaml", cluster(origin, name="app"))
    files.put("route_table.web.json", {"routes": [{"match": {"prefix": "/"}, "cluster": "app"}]})
    wait_until(lambda: get(port) == (200, b"ok"), "the origin's answer")
    files.drop("listener.web.yaml")
    wait_until(lambda: refused(port), "the listener to be gone")


def test_junk_changes_nothing_is_told_and_its_mending_is_taken(files, start):
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "routes": says("good")})
    proxy = start(configuration(files))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    for junk, why in (("routes: [", r"refused, nothing has changed: files/listeners/web:\d+:\d+"), (json.dumps({"address": "127.0.0.1:0", "routse": []}), r'did you mean "routes"')):
        files.put("listener.web.yaml", junk)
        proxy.wait_for_line(why)
        assert get(port) == (200, b"good")
    files.put("listner.other.yaml", "{}")
    proxy.wait_for_line(r'nothing has changed: .*"listner" is no kind of resource')
    files.drop("listner.other.yaml")
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "routes": says("mended")})
    wait_until(lambda: get(port) == (200, b"mended"), f"what was mended:\n{proxy.log()}")


def test_lists_of_endpoints_change_without_a_rebuild(files, start_origin, start):
    def answering(text):
        async def handler(connection, _):
            connection.send(reply(text))

        return start_origin(handler)

    one, two = answering(b"one"), answering(b"two")
    files.put("cluster.app.yaml", {"connect_timeout": "2s"})
    files.put("endpoints.app.txt", f"{one.address}\n")
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "routes": [{"match": {"prefix": "/"}, "cluster": "app"}]})
    proxy = start(configuration(files))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    assert get(port) == (200, b"one")
    generations = proxy.log().count("is in force")
    files.put("endpoints.app.txt", f"# moved\n{two.address} weight=2\n")
    wait_until(lambda: get(port) == (200, b"two"), "the other endpoint")
    files.put("endpoints.app.txt", f"{one.address} wait=2\n")
    proxy.wait_for_line(r"endpoints\.app\.txt:1: .*neither weight=N nor unhealthy; the list before stays")
    files.put("endpoints.app.txt", "nowhere\n")
    proxy.wait_for_line(r"endpoints\.app\.txt: .*; the list before stays")
    assert get(port) == (200, b"two")
    assert proxy.log().count("is in force") == generations


def test_a_list_that_came_with_a_refused_change_comes_again_with_its_mending(files, origin, start):
    """It did not: the cluster was then there without endpoints."""
    files.put("cluster.app.yaml", {"connect_timeout": "2s"})
    files.put("endpoints.app.txt", f"{origin.address}\n")
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "routes": [{"match": {"prefix": "/"}, "cluster": "no_such"}]})
    proxy = start(configuration(files))
    proxy.wait_for_line(r"plugin/files refused, nothing has changed")
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "routes": [{"match": {"prefix": "/"}, "cluster": "app"}]})
    in_force(proxy, 1)
    assert get(port_of(proxy, "web")) == (200, b"ok")


def test_a_folder_that_is_swapped_by_its_link_is_taken_whole(tmp_path, start):
    """The way of Kubernetes: the names are links into ..data, which is a link that is replaced."""
    files = Files(tmp_path / "resources")

    def version(number, text):
        folder = files.path / f"..{number}"
        folder.mkdir()
        (folder / "listener.web.yaml").write_text(json.dumps({"address": "127.0.0.1:0", "route_table": "web"}))
        (folder / "route_table.web.yaml").write_text(json.dumps({"routes": says(text)}))
        link = files.path / "..data_tmp"
        link.symlink_to(folder.name)
        os.rename(link, files.path / "..data")

    version(1, "one")
    for name in ("listener.web.yaml", "route_table.web.yaml"):
        (files.path / name).symlink_to(f"..data/{name}")
    proxy = start(configuration(files))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    version(2, "two")
    wait_until(lambda: get(port) == (200, b"two"), "the second version")


def test_a_storm_of_changes_is_few_commits(files, start):
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "route_table": "web"})
    files.put("route_table.web.yaml", {"routes": says("0")})
    proxy = start(configuration(files, settle="100ms"))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    for i in range(1, 501):
        files.put("route_table.web.yaml", {"routes": says(str(i))})
    wait_until(lambda: get(port) == (200, b"500"), "the last change")
    assert len(re.findall(r"resources of .* are in force", proxy.log())) < 100


def test_without_notice_the_interval_finds_what_has_changed(files, start):
    """A folder that is replaced as a whole, which notices do not tell of."""
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "route_table": "web"})
    files.put("route_table.web.yaml", {"routes": says("one")})
    proxy = start(configuration(files, interval="50ms"))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    other = Files(files.path.with_name("other"))
    other.put("listener.web.yaml", {"address": "127.0.0.1:0", "route_table": "web"})
    other.put("route_table.web.yaml", {"routes": says("two")})
    files.path.rename(files.path.with_name("gone"))
    other.path.rename(files.path)
    wait_until(lambda: get(port) == (200, b"two"), f"the other folder:\n{proxy.log()}")


def test_a_reload_of_the_file_keeps_what_the_folder_brought(files, start):
    files.put("listener.web.yaml", {"address": "127.0.0.1:0", "routes": says("here")})
    proxy = start(configuration(files))
    in_force(proxy, 1)
    port = port_of(proxy, "web")
    proxy.file.write_text(json.dumps({**configuration(files), "log_level": "info"}))
    proxy.signal(1)
    proxy.wait_for_line(r"reloaded: generation \d+ is in force")
    assert get(port) == (200, b"here")


@pytest.mark.parametrize("settings, why", [({"path": "/nowhere/at/all"}, r"No such file"), ({"interval": "1ms"}, r"between 10ms and 1h"), ({"settle": "1m"}, r"at most 10s")])
def test_mistakes_are_told_at_their_place(files, tmp_path, settings, why):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(configuration(files, **settings)))
    done = run("validate", "-c", file)
    assert done.returncode == 2 and re.search(why, done.stderr) and re.search(r"cleat\.yaml:\d+:\d+: ", done.stderr), done.stderr
