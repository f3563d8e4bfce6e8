"""Events as they are written, told to whoever stays: one stream for each tab of a console.

`GET /api/v1/ext/stream` answers `Accept: text/event-stream` with a stream that does not end by
itself, and anything else with what there is now, as JSON: the way for whoever sits behind a proxy
that holds streams back.  Both name a place in the table of events (`id`), from which any controller
on the same database goes on.

What was told may be told again after a break, and is never left out: an event has an `id` of its
own, by which the second one is known.  Where too much came since the place that is named, `missed`
says so; whoever hears that reads anew what it shows.

`sight` decides what somebody sees, `tail` reads the table once for all streams of a process,
`places` bounds how many there are, `frames` writes what is sent, `endpoint` holds the connection.
"""
