-- Sends prepared requests one after the other and counts what comes back.
-- Arguments: file of requests (each: 4 bytes of length, little endian, then the whole request),
-- expected status, least length of a body.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   file = assert(io.open(args[1], "rb"))
   file:setvbuf("full", 262144)
   expected, least = tonumber(args[2]), tonumber(args[3])
   sent, answered, short, exhausted, statuses = 0, 0, 0, false, {}
end

function request()
   local head = file:read(4)
   if head == nil then
      exhausted = true
      wrk.thread:stop()
      return "GET /api/v2/edgedevice/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
   end
   sent = sent + 1
   local a, b, c, d = head:byte(1, 4)
   return file:read(a + b * 256 + c * 65536 + d * 16777216)
end

function response(status, headers, body)
   if exhausted then return end
   answered = answered + 1
   statuses[status] = (statuses[status] or 0) + 1
   if status == expected and #body < least then short = short + 1 end
end

function done(summary, latency, requests)
   local thread, parts = threads[1], {}
   for status, count in pairs(thread:get("statuses")) do
      table.insert(parts, string.format('"%d": %d', status, count))
   end
   local errors = summary.errors
   io.write(string.format(
      '{"sent": %d, "answered": %d, "short": %d, "exhausted": %s, "statuses": {%s}, ' ..
      '"seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "mean_ms": %.3f, ' ..
      '"connect_errors": %d, "read_errors": %d, "write_errors": %d, "timeouts": %d}\n',
      thread:get("sent"), thread:get("answered"), thread:get("short"),
      tostring(thread:get("exhausted")), table.concat(parts, ", "),
      summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.mean / 1e3, errors.connect, errors.read, errors.write, errors.timeout))
end
