"""The bytes of a remote-write request, read back by an independent reader of protobuf."""

import math
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from eaves.controller.telemetry.sinks.remote_write import (
    Sample,
    SeriesName,
    encode_labels,
    encode_series,
    selector,
    write_request,
)


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


def test_no_text_of_a_device_ends_the_selector_of_its_enterprise() -> None:
    name = SeriesName("acme", "d", "disk", '"} or {enterprise="other', "line\nend\\")
    assert selector(name) == (
        'eaves_device_metric{device="d",enterprise="acme",field="line\\nend\\\\",kind="disk",'
        'object="\\"} or {enterprise=\\"other"}'
    )


def test_the_device_itself_is_asked_without_an_object() -> None:
    assert 'object=""' in selector(SeriesName("e", "d", "device", "", "uptime"))
