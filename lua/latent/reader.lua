-- What the commands that read the store share: opening it, the columns that
-- describe runs, times for people.
local core = require "latent.core.store"
local fetch = require "latent.core.fetch"
local json = require "latent.core.json"
local sys = require "latent.core.sys"
local tables = require "latent.table"

local reader = {}

-- ---- files that a store names ----

-- Where the file is that an artifact's path means; it must be in the folder of
-- the store, whatever the store says.
function reader.file(path, db)
  local folder = db:match("^(.*)/[^/]*$") or "."
  local place = path:find("^/") and path or folder .. "/" .. path
  local real, home = sys.real(place), sys.real(folder)
  if not real then error({ status = 4, message = place .. ": no such file" }, 0) end
  if not home or real:sub(1, #home + 1) ~= home .. "/" then
    error({ status = 4, message = ("%s: outside of the store's folder (%s), not opened"):format(place, folder) }, 0)
  end
  return place
end

-- The bytes of an artifact that lies in the store itself (latent export), or nil.
-- (Of a run that was imported the same table says that they lie beside it.)
local function packed_file(store, artifact)
  local is_inside = "SELECT 1 FROM packed WHERE run = ? AND path = '' AND CAST(body AS TEXT) = 'files inside'"
  if #store:sql("SELECT 1 FROM sqlite_schema WHERE name = 'packed'") == 0
    or #store:sql(is_inside, artifact.run) == 0 then
    return nil
  end
  local parts, size = {}, 0
  while size < artifact.bytes do
    local rows = store:sql("SELECT body FROM packed WHERE run = ? AND path = ? AND part = ?", artifact.run,
      artifact.path, #parts)
    if #rows == 0 then break end
    parts[#parts + 1] = rows[1].body
    size = size + math.max(1, #rows[1].body)
  end
  local text = table.concat(parts)
  if #text ~= artifact.bytes or sys.sha256(text) ~= artifact.sha256 then
    error({ status = 4, message = ("%s: damaged in the store (latent verify)"):format(artifact.path) }, 0)
  end
  return text
end

-- What use(path) gives for the file of an artifact (run, path, bytes, sha256).
function reader.with_file(store, artifact, db, use)
  local text = packed_file(store, artifact)
  if not text then return use(reader.file(artifact.path, db)) end
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  local ok, result = pcall(function()
    local fine, why = file:write(text)
    if fine then fine, why = file:flush() end
    if not fine then error({ status = 4, message = why }, 0) end
    return use(path)
  end)
  os.remove(path)
  if not ok then error(result, 0) end
  return result
end

local FILES <const> = { "path", "images", "labels", "train", "test" }

-- The first file of a set's recipe that is not there, or is none (a device, a
-- pipe: nothing that a store says is read for ever); or nil.
function reader.missing_file(recipe)
  if type(recipe) ~= "table" then return nil end
  for _, name in ipairs(FILES) do
    local path = recipe[name]
    if type(path) == "string" and not fetch.size(path) then return path end
  end
  return reader.missing_file(recipe.of) or reader.missing_file(recipe.fitted_on)
end

-- ---- runs ----

local MAX_KNOBS <const> = 12

-- The store for reading; runs whose process is gone are marked lost first,
-- when the store can be written. Only then is it opened for writing: closing
-- that keeps others from opening it for a moment.
function reader.open(context)
  local store = reader.open_only(context)
  if store:reap() > 0 then
    local ok, writer = pcall(core.open, context.db, "write")
    if ok then
      pcall(writer.reap, writer)
      writer:close()
    end
  end
  return store
end

-- The store for reading, as it is.
function reader.open_only(context)
  local ok, result, notice = pcall(core.open, context.db, "read")
  if not ok then error({ status = 4, message = tostring(result) }, 0) end
  if notice then io.stderr:write(notice, "\n") end
  return result
end

-- The store for writing; runs whose process is gone are lost.
function reader.open_writer(context)
  local ok, result, notice = pcall(core.open, context.db, "write")
  if not ok then error({ status = 4, message = tostring(result) }, 0) end
  if notice then io.stderr:write(notice, "\n") end
  result:reap()
  return result
end

-- Days from 1970-01-01 to a date (Howard Hinnant's algorithm).
local function days(y, m, d)
  if m <= 2 then y = y - 1 end
  local era = y // 400
  local yoe = y - era * 400
  local doy = (153 * (m > 2 and m - 3 or m + 9) + 2) // 5 + d - 1
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468
end

-- Seconds since 1970 of "2026-01-31T12:00:00.000Z", or nil.
function reader.seconds_of(iso)
  local y, m, d, h, min, s = tostring(iso):match("^(%d+)%-(%d+)%-(%d+)T(%d+):(%d+):([%d.]+)Z$")
  if not y then return nil end
  return days(tonumber(y), tonumber(m), tonumber(d)) * 86400 + h * 3600 + min * 60 + tonumber(s)
end

-- "12s", "3h07m": how long ago that time was.
function reader.age(iso)
  local at = reader.seconds_of(iso)
  return at and tables.duration(math.max(0, os.time() - at)) or ""
end

-- The targets that sweeps declare, the latest winning: metric -> {value,
-- better, ...}. Those of one sweep, or of all.
function reader.targets(store, sweep)
  local found = {}
  local query = [[SELECT targets, max(id) FROM sweeps WHERE targets <> '{}'
    AND (?1 IS NULL OR id = ?1) GROUP BY targets ORDER BY max(id)]]
  for _, row in ipairs(store:sql(query, sweep)) do
    for name, target in pairs(json.decode(row.targets)) do found[name] = target end
  end
  return found
end

-- The keys of a table, in order.
function reader.sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- True when `name` stands in the text of a filter or a sort key.
local function is_named(name, text)
  local at = 1
  while text do
    local first, last = text:find(name, at, true)
    if not first then return false end
    if not text:sub(first - 1, first - 1):find("[%w_.]") and not text:sub(last + 1, last + 1):find("[%w_.]") then
      return true
    end
    at = last + 1
  end
  return false
end

-- The metrics that say how runs did: those that `text` names, targets, the
-- usual test losses; when there are none of these, the first few.
local function usual_metrics(store, text)
  local names, known, seen = {}, {}, {}
  for i, row in ipairs(store:sql("SELECT name FROM metric_name ORDER BY name")) do known[i] = row.name end
  local is_known = {}
  for _, name in ipairs(known) do is_known[name] = true end
  local function add(name)
    if is_known[name] and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  for _, name in ipairs(known) do
    if is_named(name, text) then add(name) end
  end
  for _, name in ipairs(reader.sorted(reader.targets(store))) do add(name) end
  add("test.sse")
  add("test.loss")
  if #names == 0 then table.move(known, 1, 3, 1, names) end
  return names
end

-- A knob's or a metric's name in the filter language, whatever is in it.
local function quoted(name)
  if name:find("^[%w_.+/:@%%*\x80-\xff-]+$") then return name end
  return "'" .. name:gsub("'", "''") .. "'"
end

-- Columns for the knobs that differ among the runs that match.
function reader.knob_columns(store, filter)
  local columns = {}
  for _, row in ipairs(store:keys(filter)) do
    if row.differs and row.key ~= "seed" and #columns < MAX_KNOBS then
      columns[#columns + 1] = { row.key, name = quoted("config." .. row.key), exact = 6 }
    end
  end
  return columns
end

-- Columns for the usual metrics and those that `text` (a filter, a sort key)
-- names; those without a value are for pruning.
function reader.metric_columns(store, text)
  local columns = {}
  for i, name in ipairs(usual_metrics(store, text)) do
    columns[i] = { name, name = quoted("metric." .. name), digits = 4, sparse = true }
  end
  return columns
end

-- The usual columns of a list of runs; for those that `text` names see
-- metric_columns.
function reader.list_columns(store, filter, text)
  local columns = {
    { "id" }, { "name", spare = 1 }, { "experiment", spare = 4 }, { "status" }, { "seed" },
  }
  table.move(reader.knob_columns(store, filter), 1, 100, #columns + 1, columns)
  table.move(reader.metric_columns(store, text), 1, 100, #columns + 1, columns)
  columns[#columns + 1] = reader.seconds_column()
  columns[#columns + 1] = reader.age_column()
  return columns
end

-- Gives rows of removed runs (with ids) the time when they were; the column.
function reader.add_removal(store, rows)
  local at = {}
  for _, row in ipairs(store:sql("SELECT id, removed_at FROM removed_runs")) do at[row.id] = row.removed_at end
  for _, row in ipairs(rows) do row.removed_at = at[row.id] end
  return { "removed_at", title = "removed", align = "right", show = reader.age }
end

-- " --db PATH", fit for a shell, where that store is not the usual one.
function reader.db_option(context)
  local usual = sys.env "LATENT_DB"
  if context.db == (usual and usual ~= "" and usual or "results/latent.db") then return "" end
  return " --db " .. reader.quote(context.db)
end

-- As one would type it for a shell.
function reader.quote(text)
  if text:find("^[%w_%-./=,+:@%%]+$") then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- { "started_at", title = "age" }: a time in JSON, its age for people.
function reader.age_column()
  return { "started_at", name = "started_at", title = "age", align = "right", spare = 2, show = reader.age }
end

function reader.seconds_column()
  return { "seconds", name = "seconds", align = "right", spare = 3, show = tables.duration }
end

-- "a,min(b),c" as { "a", "min(b)", "c" }.
function reader.split_columns(text)
  local names = {}
  for name in text:gmatch("[^,]+") do
    name = name:match("^%s*(.-)%s*$")
    if name ~= "" then names[#names + 1] = name end
  end
  return names
end

-- Rows over the runs that match: columns have a `name` in the filter language
-- and their key, columns[i][1], in the rows that come back.
function reader.rows(store, filter, columns, order, limit)
  local names = {}
  for i, column in ipairs(columns) do names[i] = column.name or column[1] end
  local rows = store:table(filter, { columns = names, order = order, limit = limit })
  for _, row in ipairs(rows) do
    for i, column in ipairs(columns) do
      local key = column[1]
      if key ~= names[i] then
        row[key], row[names[i]] = row[names[i]], nil
      end
    end
  end
  return rows
end

-- How many runs match.
function reader.count(store, filter)
  return store:count(filter)
end

-- A user's SELECT: rows by number, names of the columns.
function reader.query(store, text, seconds)
  return store:query(text, seconds)
end

-- Columns that say the same for people in every row are dropped when they are
-- marked `dull`; those without any value when marked `sparse`.
function reader.prune(columns, rows)
  local kept = {}
  for _, column in ipairs(columns) do
    local found, first, differs = false, nil, false
    for i, row in ipairs(rows) do
      local value = row[column[1]]
      found = found or value ~= nil
      if i == 1 then first = value else differs = differs or value ~= first end
    end
    if (found or not column.sparse) and (differs or not column.dull) then kept[#kept + 1] = column end
  end
  return kept
end

-- Ends a command that found nothing: the exit status.
function reader.nothing(opt, text)
  if opt.format == "json" then io.stdout:write("[]\n") end
  io.stderr:write(text, "\n")
  return 3
end

return reader
