"""A plugin that logs and counts without end is bounded, and one that goes on after its destroy finds that it is not there any longer."""
# ctest: threads

import json
import re

from hostile import ask, in_chain, instance
from processes import wait_until
from proxy import listener


def config(origin):
    found = in_chain(origin, instance("spams"))
    found["plugins"].append(instance("numbers", "stats"))
    found["listeners"].append(listener([{"match": {"prefix": "/"}, "handler": "numbers"}], name="stats"))
    return found


def metrics(proxy):
    lines = ask(proxy, listener="stats").body.decode().splitlines()
    return {name: int(value) for name, value in (line.rsplit(" ", 1) for line in lines) if value.isdigit()}


def test_log_lines_over_the_rate_are_dropped_counted_and_told_of(proxy):
    assert ask(proxy, listener="in", lines=20_000).status == 200
    wait_until(lambda: metrics(proxy).get("cleat_log_dropped_total", 0) >= 19_000, "the dropped lines to be counted")
    assert proxy.log().count("nobody wants to know") < 1_000
    assert ask(proxy, listener="in").status == 200


def test_series_over_the_bound_share_one_and_none_is_lost(proxy):
    def counted():
        found = {name: value for name, value in metrics(proxy).items() if name.startswith("spams_total")}
        return len(found), sum(found.values())

    before = counted()[1]
    assert ask(proxy, listener="in", series=5_000).status == 200
    series, total = counted()
    assert series <= 1_001 and total - before == 5_000
    assert any("overflow" in name for name in metrics(proxy) if name.startswith("spams_total"))


def test_what_a_thread_asks_for_after_its_instance_was_destroyed_is_stale(start, origin):
    proxy = start(config(origin))
    assert ask(proxy, listener="in").status == 200
    without = config(origin)
    without["plugins"] = [each for each in without["plugins"] if each["name"] != "spams"]
    without["listeners"][0]["chain"] = []
    proxy.file.write_text(json.dumps(without))
    proxy.signal(1)
    line = proxy.wait_for_line(r"^after destroy:")
    assert re.fullmatch(r"after destroy: -1 -1 -1 -1 -1", line), line
    assert ask(proxy, listener="in").status == 200
