-- usage: what a store and the files of its runs take up on the disk.
local books = require "latent.core.books"

local usage = {}

usage.KINDS = { "metrics", "weights", "figures", "checkpoints", "other" }

local DEPTH <const> = 64
local BYTES_A_VALUE <const> = 31 -- of table metric, where SQLite cannot tell

local UNITS <const> = { "kB", "MB", "GB", "TB", "PB" }

-- "812 B", "1.23 kB", "45.6 MB".
function usage.bytes(n)
  if n == nil then return "" end
  if n < 1000 then return ("%d B"):format(n) end
  local unit = 0
  repeat
    n, unit = n / 1000, unit + 1
  until n < 999.5 or unit == #UNITS
  return ("%." .. (n < 9.995 and 2 or n < 99.95 and 1 or 0) .. "f %s"):format(n, UNITS[unit])
end

local OF_ARTIFACT <const> = { network = "weights", preparation = "weights", figure = "figures", script = "figures" }
local OF_SUFFIX <const> = { safetensors = "weights", svg = "figures", png = "figures", pdf = "figures", gp = "figures" }

-- What kind of file lies at `path` below a run's folder; `artifact` is the kind
-- that the store says, or nil.
function usage.kind(path, artifact)
  if path == "checkpoint" or path:find("^checkpoint%.") or path:find("^stages/") then return "checkpoints" end
  return OF_ARTIFACT[artifact] or not artifact and OF_SUFFIX[path:match("%.(%w+)$")] or "other"
end

-- All that lies in the folder of the runs' folders, which is never left:
--   runs[id]   {files = {{path =, bytes =, changed =}, ...}, bytes =, newest =}
--   trash[name]  the same, of what a gc did not bring to its end
--   links      {id, ...} of runs whose folder is a link
--   refused    why nothing was looked at, or nil
function usage.scan(store)
  local scan = { folder = books.runs_folder(store), runs = {}, trash = {}, links = {} }
  local entries, why = books.walk(store, scan.folder, DEPTH)
  if not entries then
    scan.refused = why
    return scan
  end
  for _, e in ipairs(entries) do
    local name, rest = e.path:match("^([^/]+)/?(.*)$")
    local id = name:find("^[1-9]%d*$") and math.tointeger(tonumber(name))
    local owners = id and scan.runs or name:find("^%.deleted%-") and scan.trash
    local key = id or name
    if owners and e.kind == "folder" and rest == "" then
      owners[key] = { files = {}, bytes = 0, newest = e.changed }
    elseif id and rest == "" and e.kind == "link" then
      scan.links[#scan.links + 1] = id
    elseif owners and owners[key] and rest ~= "" then
      local owner = owners[key]
      owner.newest = math.max(owner.newest, e.changed)
      owner.bytes = owner.bytes + e.bytes
      if e.kind == "file" then
        owner.files[#owner.files + 1] = { path = rest, bytes = e.bytes, changed = e.changed }
      end
    end
  end
  return scan
end

-- Run -> bytes of its rows of metrics; the bytes of all.
function usage.metrics(store)
  local values = store:sql("SELECT coalesce(sum(n), 0) AS n FROM series")[1].n
  local all = books.table_bytes(store, "metric") or values * BYTES_A_VALUE
  local share = values > 0 and all / values or 0
  local of_run = {}
  for _, row in ipairs(store:sql("SELECT run, sum(n) AS n FROM series GROUP BY run")) do
    of_run[row.run] = math.floor(row.n * share + 0.5)
  end
  return of_run, all
end

-- Run -> files that the store itself holds (latent export), as in a scan.
function usage.packed(store)
  local runs = {}
  if #store:sql("SELECT 1 FROM sqlite_schema WHERE name = 'packed'") == 0 then return runs end
  local query = "SELECT run, path, sum(length(body)) AS bytes FROM packed WHERE path <> '' GROUP BY run, path"
  for _, row in ipairs(store:sql(query)) do
    runs[row.run] = runs[row.run] or {}
    table.insert(runs[row.run], { path = row.path:match("^[^/]+/%d+/(.+)$") or row.path, bytes = row.bytes })
  end
  return runs
end

-- Path below the store's folder -> kind of the artifact.
function usage.artifacts(store)
  local kinds = {}
  for _, row in ipairs(store:sql("SELECT path, kind FROM artifact")) do kinds[row.path] = row.kind end
  return kinds
end

-- Whether the store has removed runs: one of schema 1 has no table of them.
function usage.can_remove(store)
  return #store:sql("SELECT 1 FROM sqlite_schema WHERE name = 'removed_runs'") > 0
end

return usage
