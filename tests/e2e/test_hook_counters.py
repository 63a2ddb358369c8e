"""What the dispatch site counts of every plugin and hook, as cleat.metrics/1 shows it."""
from proxy import BUILD, listener


def test_calls_and_failures_of_each_hook_are_exact(start, tmp_path):
    routes = [{"match": {"path": "/stats"}, "handler": "numbers"}, {"match": {"prefix": "/"}, "reply": {"status": 200, "body": "hello"}}]
    proxy = start({"workers": 1, "plugin_path": [str(BUILD / "hostile_plugins")],
                   "plugins": [{"name": "log", "use": "access_log", "config": {"path": str(tmp_path / "log")}}, {"name": "numbers", "use": "stats"}],
                   "listeners": [listener(routes, chain=["log"])]})
    with proxy.client() as client:
        for _ in range(7):
            assert client.get("/").status == 200
        text = client.get("/stats").body.decode()
    assert 'cleat_plugin_calls_total{instance="log",hook="on_end"} 7' in text
    assert 'cleat_plugin_failures_total{instance="log",hook="on_end"} 0' in text
    assert 'cleat_plugin_calls_total{instance="numbers",hook="on_handle"} 1' in text
    # The first call and every 128th after it is timed.
    assert 'cleat_plugin_hook_nanoseconds_count{instance="log",hook="on_end"} 1' in text
    assert 'cleat_plugin_hook_nanoseconds_bucket{instance="log",hook="on_end",le="+Inf"} 1' in text
