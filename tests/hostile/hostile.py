"""Configurations with hostile plugins, and how to read what they report."""

from proxy import BUILD, cluster, listener

PLUGINS = BUILD / "hostile_plugins"


def instance(name, use=None, **others):
    return {"name": name, "use": use or name, **others}


def in_chain(origin, *instances, routes=None, **listener_options):
    """Every request passes these instances, in this order, and goes to the origin unless `routes` says otherwise."""
    routes = routes or [{"match": {"prefix": "/"}, "cluster": "origin"}]
    chain = [each["name"] for each in instances]
    return {"workers": 1, "plugin_path": [str(PLUGINS)], "plugins": list(instances),
            "listeners": [listener(routes, chain=chain, **listener_options)], "clusters": [cluster(origin)]}


def closed_and_open(origin, use, routes=None, **listener_options):
    """The plugin as an instance of each failure policy, each on a listener named after it. The handlers at /handled are such
    instances too; at /local the kernel replies."""
    listeners = []
    for policy in ("closed", "open"):
        own = routes or [{"match": {"path": "/handled"}, "handler": policy},
                         {"match": {"path": "/local"}, "reply": {"status": 203, "body": "local\n"}},
                         {"match": {"prefix": "/"}, "cluster": "origin"}]
        listeners.append(listener(own, name=policy, chain=[policy], **listener_options))
    return {"workers": 1, "plugin_path": [str(PLUGINS)],
            "plugins": [instance(policy, use, on_failure=policy) for policy in ("closed", "open")],
            "listeners": listeners, "clusters": [cluster(origin)]}


def report(response):
    """{call: answer} of a reply made by report.h."""
    assert response.status == 200, response
    return dict(line.split(" ", 1) for line in response.body.decode().splitlines())


def asks(**headers):
    """Header fields from keywords: mode="a" becomes x-mode: a."""
    return "".join(f"x-{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())


def ask(proxy, target="/", listener=None, **headers):
    """One request on a connection of its own."""
    with proxy.client(listener) as client:
        return client.get(target, fields=asks(**headers))


def post(proxy, body=b"a body", target="/", listener=None, **headers):
    with proxy.client(listener) as client:
        head = f"POST {target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(body)}\r\n{asks(**headers)}\r\n"
        client.send(head.encode() + body)
        return client.response()
