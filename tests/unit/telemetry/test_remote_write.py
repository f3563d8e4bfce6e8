"""The bytes of a remote-write request, read back by an independent reader of protobuf."""

import math
import struct
from random import Random
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.telemetry.sinks.promql import Owner, selector
from eaves.controller.telemetry.sinks.remote_write import (
    Sample,
    SeriesName,
    encode_labels,
    encode_report,
    encode_series,
    write_request,
)
from eaves.evapi.metrics_fold import KINDS
from eaves.evapi.metrics_fold import samples as metric_samples


def _write_request_class() -> Any:
    """The schema of remote write 1.0, built at run time."""
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="p", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in (
        ("Label", (("name", 1, kinds.TYPE_STRING, ""), ("value", 2, kinds.TYPE_STRING, ""))),
        ("Sample", (("value", 1, kinds.TYPE_DOUBLE, ""), ("timestamp", 2, kinds.TYPE_INT64, ""))),
        (
            "TimeSeries",
            (
                ("labels", 1, kinds.TYPE_MESSAGE, ".p.Label"),
                ("samples", 2, kinds.TYPE_MESSAGE, ".p.Sample"),
            ),
        ),
        ("WriteRequest", (("timeseries", 1, kinds.TYPE_MESSAGE, ".p.TimeSeries"),)),
    ):
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            many = kinds.LABEL_REPEATED if of else kinds.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, type=kind, label=many)
            if of:
                added.type_name = of
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("p.WriteRequest"))


WriteRequest = _write_request_class()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
SAMPLES = st.builds(
    Sample, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=True)
)


@given(st.lists(st.tuples(st.builds(SeriesName, TEXT, TEXT, TEXT, TEXT, TEXT), st.lists(SAMPLES))))
def test_another_reader_sees_the_same_samples(
    series: list[tuple[SeriesName, list[Sample]]],
) -> None:
    body = write_request(
        [encode_series(encode_labels(name.labels()), samples) for name, samples in series]
    )
    read = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    assert [
        (
            tuple((label.name, label.value) for label in found.labels),
            [Sample(sample.timestamp, sample.value) for sample in found.samples],
        )
        for found in read.timeseries
    ] == [(name.labels(), samples) for name, samples in series]


def test_labels_come_in_the_order_of_their_names() -> None:
    names = [name for name, _ in SeriesName("e", "d", "app", "a", "cpu").labels()]
    assert names == sorted(names)


def test_a_value_that_is_no_number_is_written() -> None:
    body = write_request([encode_series(b"", [Sample(0, math.nan)])])
    read = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    assert math.isnan(read.timeseries[0].samples[0].value)


KIND_LETTERS = st.sampled_from("dnkawviocy")
OBJECTS = st.lists(
    st.tuples(KIND_LETTERS, st.text(st.characters(exclude_characters="\n\0"), max_size=200)),
    max_size=5,
)


@given(OBJECTS, st.integers(0, 2**45), TEXT, TEXT, st.randoms())
def test_a_report_becomes_the_series_of_its_numbers(
    objects: list[tuple[str, str]], at_ms: int, enterprise: str, device: str, random: Random
) -> None:
    lines = "\n".join(letter + name for letter, name in objects)
    count = sum(len(KINDS[letter].fields) for letter, _ in objects)
    values = struct.pack(f"<{count}d", *(random.uniform(-1e18, 1e18) for _ in range(count)))
    assert encode_report(enterprise, device, at_ms, lines, values) == [
        encode_series(
            encode_labels(SeriesName(enterprise, device, kind, object_id, field).labels()),
            [Sample(at_ms, value)],
        )
        for kind, object_id, field, value in metric_samples(lines, values)
    ]


def test_values_that_are_missing_end_a_report() -> None:
    assert encode_report("e", "d", 1, "d\nneth0", b"\0" * 8 * 12) == encode_report(
        "e", "d", 1, "d", b"\0" * 8 * 10
    )


def test_no_text_of_a_device_ends_the_selector_of_its_enterprise() -> None:
    hostile = '"} or {enterprise="other'
    found = selector(Owner("acme", "d"), ("disk",), ("line\nend\\",), object_id=hostile)
    assert found == (
        'eaves_device_metric{enterprise="acme",device="d",kind="disk",field="line\\nend\\\\",'
        'object="\\"} or {enterprise=\\"other"}'
    )


def test_what_ids_begin_with_is_no_pattern() -> None:
    found = selector(Owner("e", "d"), ("app_port",), ("a", "b"), object_id="x.*|/", below=True)
    assert 'field=~"a|b"' in found
    assert r'object=~"x\\.\\*\\|/.*"' in found


def test_the_device_itself_is_asked_without_an_object() -> None:
    assert 'object=""' in selector(Owner("e", "d"), ("device",), ("cpu_ns",))
