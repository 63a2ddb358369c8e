"""The requests and the plugins with which Cleat's own cost is looked at: by the count of instructions, flame graphs, and the training of a build."""

FIELDS = [("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"),
          ("accept", "application/json, text/plain, */*"), ("accept-encoding", "gzip, deflate, br"), ("accept-language", "en-GB,en;q=0.9"),
          ("x-correlation-id", "6f1c9d3e-8a52-4b1e-9c77-2d0f5e3a4b6c"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
          ("authorization", "Bearer " + "eyJhbGciOiJFUzI1NiJ9" * 8), ("cookie", "session=" + "a1b2c3d4" * 8)]

ROUTE = {"match": {"prefix": "/"}, "cluster": "origin"}


def configuration(listeners, origin):
    """One worker; every listener's requests go to one origin. Of the plugins those are used that a listener's chain names."""
    config = {"workers": 1, "listeners": listeners, "clusters": [{"name": "origin", "endpoints": [origin]}]}
    if any("chain" in listener for listener in listeners):
        config["plugins"] = [
            {"name": "log", "use": "access_log", "config": {"path": "/dev/null"}}, {"name": "metrics", "use": "prometheus"},
            {"name": "heads", "use": "header_rewrite", "config": {"request": {"set": {"x-request": "1"}}, "response": {"set": {"x-response": "1"}}}},
            {"name": "keys", "use": "api_key", "config": {"keys": "keys.txt", "optional": True}}, {"name": "again", "use": "retry"}]
    return config


def origin(port, **others):
    """A Cleat that answers 128 bytes; others: by path, what more of them it answers there."""
    routes = [{"match": {"path": f"/{path}"}, "reply": {"status": 200, "body": "a" * size}} for path, size in others.items()]
    routes.append({"match": {"prefix": "/"}, "reply": {"status": 200, "body": "a" * 128}})
    return {"workers": 1, "clusters": [], "listeners": [{"name": "in", "address": f"127.0.0.1:{port}", "routes": routes}]}


def listener(address, name="in", five=False, folder=None):
    """five: with the plugins, of which api_key reads a file in the folder of the configuration."""
    if not five:
        return {"name": name, "address": address, "routes": [ROUTE]}
    (folder / "keys.txt").write_text("")
    return {"name": name, "address": address, "chain": ["log", "keys", "heads", "again"],
            "routes": [{"match": {"path": "/metrics"}, "handler": "metrics"}, ROUTE]}
