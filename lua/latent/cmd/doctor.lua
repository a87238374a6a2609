-- latent doctor: what this machine, the libraries and the store are, and what
-- is wrong with them, with the remedy.
local args = require "latent.args"
local bench = require "latent.core.bench"
local data = require "latent.core.data"
local sys = require "latent.core.sys"
local tables = require "latent.table"

local GOOD_SHARE <const> = 0.5
local spec <const> = {
  command = "doctor",
  summary = "check this machine, the BLAS and the store",
  options = {
    { "--seconds", value = "S", type = "number", default = 0.5, help = "how long to measure the speed of products" },
  },
  formats = true,
  text = [[
Peak is what one core reaches with multiply-adds in registers, measured;
products are two 768x768 matrices on one thread. A line marked "check" has its
remedy beside it. Exit status 0 whatever is found.]],
}

local function blas_rows(rows, opt)
  local blas = bench.blas()
  local speed = bench.speed(opt.seconds)
  local share = speed.gemm_gflops / speed.peak_gflops
  rows[#rows + 1] = { item = "BLAS", found = blas.library }
  rows[#rows + 1] = {
    item = "BLAS core",
    found = blas.core .. (blas.user_set and " (by OPENBLAS_CORETYPE)" or ""),
    advice = not blas.is_right and
      ("this processor can run %s: %s OPENBLAS_CORETYPE"):format(blas.wanted,
        blas.user_set and "unset" or "set") or nil,
  }
  rows[#rows + 1] = {
    item = "BLAS speed",
    found = ("%.0f GFLOP/s of %.0f on one core (%.0f %%)"):format(speed.gemm_gflops, speed.peak_gflops, 100 * share),
    advice = share < GOOD_SHARE and "slow: a wrong core, or something else keeps the processor busy" or nil,
  }
  rows[#rows + 1] = { item = "vectors", found = blas.isa }
end

local function machine_rows(rows)
  local host = sys.host()
  rows[#rows + 1] = { item = "program", found = host.build }
  rows[#rows + 1] = { item = "system", found = host.system }
  rows[#rows + 1] = { item = "processor", found = ("%s, %d usable core%s"):format(host.cpu, host.cores,
    host.cores == 1 and "" or "s") }
end

local function library_rows(rows)
  local versions = bench.versions()
  rows[#rows + 1] = { item = "Lua", found = versions.lua }
  rows[#rows + 1] = { item = "SQLite", found = versions.sqlite }
  local pipe <close> = io.popen("gnuplot --version 2>/dev/null")
  local found = pipe and pipe:read("l")
  rows[#rows + 1] = {
    item = "gnuplot",
    found = found and found:gsub("^gnuplot%s+", "") or "not found",
    advice = not found and "figures need it: apt install gnuplot-nox" or nil,
  }
end

local function data_rows(rows)
  for _, name in ipairs({ "mnist", "faces" }) do
    rows[#rows + 1] = {
      item = "data: " .. name,
      found = data.has(name) and "found" or "not found",
      status = not data.has(name) and "-" or nil,
    }
  end
end

-- "/a/b" for "x/../b" is left to the system: only the prefix matters here.
local function absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return (sys.env("PWD") or ".") .. "/" .. path
end

-- The file system that holds `path`: type and mount point, or nil.
local function file_system(path)
  local file <close> = io.open("/proc/self/mountinfo")
  local kind, point = nil, ""
  for line in file and file:lines() or function() end do
    local at, rest = line:match("^%d+ %d+ %S+ %S+ (%S+) (.*)$")
    local found = rest and rest:match(" %- (%S+)")
    local is_inside = at == "/" or (at and (path == at or path:sub(1, #at + 1) == at .. "/"))
    if found and is_inside and #at >= #point then kind, point = found, at end
  end
  return kind, point
end

-- Over a network: no write-ahead log, metrics in files of their own.
local function place_row(context)
  local kind, point = file_system(absolute(context.db))
  local place = sys.place(context.db)
  local journal = place.journal ~= "" and place.journal or place.is_network and "truncate" or "wal"
  local advice
  if place.is_network and journal == "wal" then
    advice = "a write-ahead log is not safe there: the next command that writes makes it a plain journal"
  elseif place.is_network then
    advice = "runs keep their metrics beside the store until they end; LATENT_NETWORK_STORE=0 says that it is local"
  elseif kind == "tmpfs" then
    advice = "in memory: gone after a restart"
  end
  return {
    item = "store's disk",
    found = ("%s, %s%s, journal %s"):format(kind and ("%s at %s"):format(kind, point) or "unknown",
      place.is_network and "a network's" or "local", place.is_said and " by LATENT_NETWORK_STORE" or "", journal),
    advice = advice,
  }
end

local function store_rows(rows, context)
  rows[#rows + 1] = {
    item = "store",
    found = context.db .. (sys.exists(context.db) and "" or " (not there yet)"),
  }
  rows[#rows + 1] = place_row(context)
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local rows = {}
  machine_rows(rows)
  blas_rows(rows, opt)
  library_rows(rows)
  data_rows(rows)
  store_rows(rows, context)
  for _, row in ipairs(rows) do row.status = row.status or row.advice and "check" or "ok" end
  local columns = { { "item" }, { "status" }, { "found" } }
  if opt.format ~= "table" then columns[#columns + 1] = { "advice" } end
  tables.write({ columns = columns, rows = rows }, opt)
  if opt.format == "table" then
    for _, row in ipairs(rows) do
      if row.advice then io.stdout:write("\n", row.item, ": ", row.advice, "\n") end
    end
  end
  return 0
end

return { main = main, spec = spec }
