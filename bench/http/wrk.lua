-- Asks for 200 small files in turn, or with BYTES for 1 MiB at chance places of a large file of that size: always the same places.
local prefix, auth, bytes, wanted = os.getenv("PREFIX"), os.getenv("AUTH"), tonumber(os.getenv("BYTES")), {}

local function ask(name, range)
  local headers = { ["Range"] = range, ["Authorization"] = auth }
  wanted[#wanted + 1] = wrk.format("GET", prefix .. name, headers)
end

function init()
  math.randomseed(42)
  for i = 1, bytes and 500 or 200 do
    local from = bytes and math.floor(math.random() * (bytes - 1048576))
    ask(bytes and "large.bin" or "small/" .. i .. ".bin", bytes and string.format("bytes=%d-%d", from, from + 1048575))
  end
end

local at = 0
function request()
  at = at % #wanted + 1
  return wanted[at]
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, summary.errors.status, summary.errors.read + summary.errors.connect + summary.errors.timeout))
end
