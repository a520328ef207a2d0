-- Sends the requests a file lists, one target a line, over and over; prints one line of JSON.
--
-- wrk -s wrk.lua URL -- METHOD TARGETS [BODY [HEADER ...]]
-- TARGETS and BODY are files; BODY may be "-" for none.

local requests = {}
local next_request = 0

function init(arguments)
   local method, targets, body_file = arguments[1], arguments[2], arguments[3]
   local body = nil
   if body_file and body_file ~= "-" then
      local file = assert(io.open(body_file, "rb"))
      body = file:read("*a")
      file:close()
   end
   for number = 4, #arguments do
      local name, value = arguments[number]:match("^([^:]+): (.*)$")
      wrk.headers[name] = value
   end
   wrk.body = body
   for target in io.lines(targets) do
      requests[#requests + 1] = target
   end
   wrk.method = method
end

function request()
   next_request = next_request % #requests + 1
   return wrk.format(nil, requests[next_request])
end

function done(summary, latency, _)
   local failed = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %f, "bytes": %d, "failed": %d, "p50_ms": %f, "p95_ms": %f, "p99_ms": %f}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      failed.connect + failed.read + failed.write + failed.status + failed.timeout,
      latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
