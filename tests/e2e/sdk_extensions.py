"""What the tests of sdk_extensions/ share: the plugin, in either language, in a proxy, and asking it for things."""

import json

import sdk
from proxy import SOURCE, cluster, listener, run


def build(language, folder):
    """To be called while a sdk.prefix is there."""
    return sdk.build_copy(SOURCE / "tests/e2e/sdk_extensions" / language, language, folder / "extensions", "extensions")


def config(plugin, origin, names=("one",), **settings):
    """Instances of these names, each with a listener of its name; /h/ goes to the first as its handler."""
    routes = [{"match": {"prefix": "/h/"}, "handler": names[0]}, {"match": {"prefix": "/"}, "reply": {"status": 404}}]
    return {"workers": 1, "plugins": [{"name": name, "use": str(plugin), "config": settings} for name in names],
            "listeners": [listener(routes, name=name, chain=[name]) for name in names], "clusters": [cluster(origin)]}


def do(proxy, what, name="one", status=200):
    with proxy.client(name) as client:
        answer = client.get("/", fields=f"x-do: {what}\r\n")
        assert answer.status == status, (answer, answer.body)
        return answer.body.decode()


def refused(folder, settings):
    """Why a configuration is."""
    file = folder / "cleat.yaml"
    file.write_text(json.dumps(settings))
    done = run("validate", "-c", file)
    assert done.returncode == 2, done.stderr
    return done.stderr


def reload(proxy, number, settings):
    proxy.file.write_text(json.dumps(settings))
    proxy.signal(1)
    proxy.wait_for_line(rf"generation {number} is in force")
