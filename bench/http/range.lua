-- Asks for 1 MiB at chance places of a large file of BYTES; always the same places.
local prefix, auth, bytes, wanted = os.getenv("PREFIX"), os.getenv("AUTH"), tonumber(os.getenv("BYTES")), {}

function init()
  math.randomseed(42)
  for i = 1, 500 do
    local from = math.floor(math.random() * (bytes - 1048576))
    local headers = { ["Range"] = string.format("bytes=%d-%d", from, from + 1048575) }
    if auth then headers["Authorization"] = auth end
    wanted[i] = wrk.format("GET", prefix .. "large.bin", headers)
  end
end

local at = 0
function request()
  at = at % 500 + 1
  return wanted[at]
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, summary.errors.status, summary.errors.read + summary.errors.connect + summary.errors.timeout))
end
