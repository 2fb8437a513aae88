"""The invented company and its asset register."""

import csv
import io
import ipaddress

from backend.sources.demo.world import World


def test_size_and_shape() -> None:
    world = World(7)
    assert 55 <= len(world.hosts) <= 65
    assert len(world.users) == 80
    assert len({user.name for user in world.users}) == 80
    assert (
        len({host.ip for host in world.hosts}) == len({host.name for host in world.hosts}) == len(world.hosts)
    )
    assert len(world.admins()) == 3
    assert all(ipaddress.ip_address(host.ip).is_private for host in world.hosts)


def test_equal_seeds_give_equal_worlds() -> None:
    assert World(7).hosts == World(7).hosts
    assert World(7).users != World(8).users


def test_assets_csv_names_every_host() -> None:
    world = World(7)
    rows = list(csv.DictReader(io.StringIO(world.assets_csv())))
    assert list(rows[0]) == ["hostname", "ip", "owner", "criticality", "role", "environment", "notes"]
    assert {row["hostname"] for row in rows} == {host.fqdn for host in world.hosts}
    assert {row["criticality"] for row in rows} == {"crown_jewel", "high", "medium", "low"}
    assert all(row["owner"].endswith("@demo.example") for row in rows)
    by_name = {row["hostname"]: row for row in rows}
    assert "AUTHORISED ASSESSMENT" in by_name["rt-01.demo.example"]["notes"]
    assert by_name["db-01.demo.example"]["criticality"] == "crown_jewel"
