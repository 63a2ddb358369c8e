"""Balancing plugins: honest ones are followed, others are passed over, and the requests go out all the same."""

import pytest
from hostile import PLUGINS, instance
from origin import reply
from proxy import listener


def config(endpoints, balancer, unhealthy=None):
    settings = {"config": {"unhealthy": unhealthy.address}} if unhealthy else {}
    return {"workers": 1, "plugin_path": [str(PLUGINS)],
            "plugins": [instance("choose", "balance", **settings)],
            "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "app"}])],
            "clusters": [{"name": "app", "endpoints": [each.address for each in endpoints],
                          "balancer": {"use": "choose", "config": balancer}}]}


@pytest.fixture
def three(start_origin):
    def named(name):
        async def answer(connection, request):
            connection.send(reply(name))

        return answer

    return [start_origin(named(name)) for name in (b"a", b"b", b"c")]


def test_one_key_goes_to_one_endpoint_and_many_keys_to_all(start, three):
    proxy = start(config(three, {"header": "x-user"}))
    with proxy.client() as client:
        seen = {}
        for user in list(range(40)) * 2:
            body = client.get(fields=f"x-user: {user}\r\n").body
            assert seen.setdefault(user, body) == body
        assert set(seen.values()) == {b"a", b"b", b"c"}


@pytest.mark.parametrize("how", ["out_of_range", "fail", "throw"])
def test_a_balancer_that_cannot_choose_is_passed_over_and_told_of(how, start, three):
    proxy = start(config(three, {"pick": how}))
    with proxy.client() as client:
        assert {client.get().body for _ in range(12)} == {b"a", b"b", b"c"}
    proxy.wait_for_line("plugin/choose pick:")  # the log tells of some of them


def test_health_that_a_plugin_sets_is_seen_by_its_own_choice_and_the_kernels(start, three):
    for how in ("last_healthy", "fail"):  # its own; the kernel's fallback
        proxy = start(config(three, {"pick": how}, unhealthy=three[2]))
        with proxy.client() as client:
            bodies = {client.get().body for _ in range(12)}
        assert bodies == ({b"b"} if how == "last_healthy" else {b"a", b"b"})
