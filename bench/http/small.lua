-- Asks for 200 small files in turn; PREFIX and AUTH come from the environment.
local prefix, auth, paths = os.getenv("PREFIX"), os.getenv("AUTH"), {}

function init()
  local headers = auth and { ["Authorization"] = auth } or {}
  for i = 1, 200 do paths[i] = wrk.format("GET", prefix .. "small/" .. i .. ".bin", headers) end
end

local at = 0
function request()
  at = at % 200 + 1
  return paths[at]
end

function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration, summary.errors.status, summary.errors.read + summary.errors.connect + summary.errors.timeout))
end
