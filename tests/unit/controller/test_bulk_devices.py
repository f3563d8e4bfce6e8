"""Files of device records: what a row says, and what is wrong with it."""

import pytest

from eaves.controller.domain.bulk_devices import MalformedFileError, read_rows, with_ports
from eaves.controller.domain.contract.catalogue import AdapterUsage, IoMember, SysModel

CSV = "text/csv; charset=utf-8"
YAML = "application/yaml"


def test_a_row_of_csv_becomes_a_record() -> None:
    (row,) = read_rows(
        "\ufeffname,serial,model,project,tag:site,network:eth0,ip:eth0,usage:eth1,lat_long\n"
        'edge-1,0012,box,plant,"north, hall 2",dhcp,,APP_SHARED,"52.5, 13.4"\n'.encode(),
        CSV,
    )
    assert (row.line, row.name, row.faults) == (2, "edge-1", ())
    assert row.device == {
        "name": "edge-1",
        "serialno": "0012",
        "model": "box",
        "project": "plant",
        "tags": {"site": "north, hall 2"},
        "interfaces": [
            {"intfname": "eth0", "netname": "dhcp"},
            {"intfname": "eth1", "intfUsage": "APP_SHARED"},
        ],
        "devLocation": {"loc": "52.5, 13.4"},
    }


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    rows = read_rows(b'name,title\na1,"two\nlines"\n\nb1,B\nc1,C,more\n', CSV)
    assert [(row.line, row.name) for row in rows] == [(2, "a1"), (5, "b1"), (6, "c1")]
    assert "3 cells, 2 columns" in rows[2].faults[0]


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        (b"title\nA\n", CSV, "among them name"),
        (b"name,colour\na,b\n", CSV, "no column 'colour'"),
        (b"name,name\na,b\n", CSV, "twice"),
        (b'name\n"a\n', CSV, "line"),
        (b"\xff\xfe", CSV, "not UTF-8"),
        (b"a: [", YAML, "no YAML"),
        (b"a: &x 1\nb: *x\n", YAML, "aliases"),
        (b"{", "application/json", "no JSON"),
        (b"[]", "application/json", "rows"),
        (b"x", "text/plain", "text/csv"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, kind: str, why: str) -> None:
    with pytest.raises(MalformedFileError, match=why):
        read_rows(data, kind)


def test_yaml_keeps_serials_as_they_are_written() -> None:
    rows = read_rows(b"- name: a1\n  serialno: 0012\n- name: b1\n  kind: brand\n- 7\n", YAML)
    assert rows[0].device == {"name": "a1", "serialno": "0012"}
    assert [row.line for row in rows] == [1, 3, 5]
    assert "takes devices" in rows[1].faults[0]
    assert "no object" in rows[2].faults[0]


def test_ports_come_from_the_model_unless_they_are_named() -> None:
    model = SysModel(
        io_member_list=(
            IoMember(logicallabel="eth0", usage=AdapterUsage.MANAGEMENT),
            IoMember(logicallabel="eth1", usage=AdapterUsage.APP_SHARED),
        )
    )
    assert with_ports({"name": "a"}, model)["interfaces"] == [
        {"intfname": "eth0", "intfUsage": "ADAPTER_USAGE_MANAGEMENT"}
    ]
    named = with_ports({"interfaces": [{"intfname": "eth1"}, {"intfname": "eth9"}]}, model)
    assert named["interfaces"] == [
        {"intfname": "eth1", "intfUsage": "ADAPTER_USAGE_APP_SHARED"},
        {"intfname": "eth9"},
    ]
