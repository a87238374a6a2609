-- garbage: what latent gc would delete, thing by thing, and how each goes.
--
-- A plan is an array of items {kind =, run =, what =, bytes =, ...} for people,
-- each with the fields that garbage.delete needs. Nothing here decides whether
-- it may be deleted at that moment: the store asks that again, in a transaction,
-- while it goes (store/gc.c).
local books = require "latent.core.books"
local encode = require "latent.encode"
local json = require "latent.core.json"
local reader = require "latent.reader"
local sys = require "latent.core.sys"
local usage = require "latent.usage"

local garbage = {}

local TEMPORARY_AGE <const> = 3600 -- seconds; a file of another machine's process may be in work
local BATCH <const> = 64 -- runs
local BATCH_BYTES <const> = 8e6 -- of their rows
local ENDED <const> = { finished = true, failed = true, diverged = true, pruned = true }

local UNITS <const> = { s = 1, m = 60, h = 3600, d = 86400, w = 7 * 86400 }

-- Seconds of "30d", "12h", "1d12h", "0"; nil for other texts.
function garbage.seconds(text)
  if text == "0" then return 0 end
  local total, rest = 0, text
  while rest ~= "" do
    local number, unit, after = rest:match("^(%d+)([smhdw])(.*)$")
    if not number or #number > 9 then return nil end
    total, rest = total + tonumber(number) * UNITS[unit], after
  end
  return text ~= "" and total or nil
end

-- How long ago a time was, by a clock that may have been set back since.
local function since(seconds)
  return math.max(0, sys.wall() - (seconds or 0))
end

-- ---- what is there ----

-- Runs that were removed longer ago than `age`; how many others there are.
local function add_removed(plan, store, scan, age)
  if not usage.can_remove(store) then return end
  local of_metrics = usage.metrics(store)
  for _, row in ipairs(store:sql("SELECT id, name, experiment, removed_at FROM removed_runs ORDER BY id")) do
    local folder = scan.runs[row.id]
    if since(reader.seconds_of(row.removed_at)) >= age then
      plan[#plan + 1] = {
        kind = "removed run", goes = true, run = row.id, what = ("%s of %s"):format(row.name, row.experiment),
        bytes = (folder and folder.bytes or 0) + (of_metrics[row.id] or 0), has_folder = folder ~= nil,
        row_bytes = of_metrics[row.id] or 0,
      }
      plan.goes[row.id] = true
    else
      plan.young = (plan.young or 0) + 1
    end
  end
end

local function known_runs(store)
  local status = {}
  for _, row in ipairs(store:sql("SELECT id, status FROM run")) do status[row.id] = row.status end
  return status
end

-- Folders of runs that the store does not have, and what an earlier gc left.
local function add_folders(plan, store, scan, status, age)
  for _, id in ipairs(reader.sorted(scan.runs)) do
    local folder = scan.runs[id]
    if not status[id] and since(folder.newest) >= age then
      local ok, why = books.check_folder(store, id)
      if ok then
        plan[#plan + 1] = { kind = "folder", folder = id, what = scan.folder .. "/" .. id, bytes = folder.bytes }
      else
        plan.left[#plan.left + 1] = why
      end
    elseif not status[id] then
      plan.young_folders = (plan.young_folders or 0) + 1
    end
  end
  for _, name in ipairs(reader.sorted(scan.trash)) do
    plan[#plan + 1] = {
      kind = "folder", trash = name, what = scan.folder .. "/" .. name, bytes = scan.trash[name].bytes,
    }
  end
  for _, id in ipairs(scan.links) do
    plan.left[#plan.left + 1] = ("%s/%d: a link, not followed"):format(scan.folder, id)
  end
end

local function is_dead_temporary(file)
  local name = file.path:match("[^/]+$")
  local pid = name:match("%.(%d+)%-%d+%.tmp$") or name:match("^lock%.(%d+)%.now$")
  return pid and since(file.changed) > TEMPORARY_AGE and not sys.exists("/proc/" .. pid)
end

-- In the folders of runs that have ended: checkpoints, which nothing reads any
-- more, and temporary files of processes that are gone.
local function add_files(plan, scan, status)
  for _, id in ipairs(reader.sorted(scan.runs)) do
    local sizes = { checkpoint = 0, stages = 0 }
    local found = {}
    local is_idle = ENDED[status[id]] and not plan.goes[id]
    for _, file in ipairs(is_idle and scan.runs[id].files or {}) do
      local name = file.path:match("^[^/]+")
      if sizes[name] and file.path ~= "stages" then
        sizes[name], found[name] = sizes[name] + file.bytes, true
      elseif is_dead_temporary(file) then
        plan[#plan + 1] = {
          kind = "temporary file", run = id, file = file.path, bytes = file.bytes,
          what = ("%s/%d/%s"):format(scan.folder, id, file.path),
        }
      end
    end
    for _, name in ipairs(reader.sorted(found)) do
      plan[#plan + 1] = {
        kind = "checkpoint", run = id, file = name, bytes = sizes[name],
        what = ("%s/%d/%s"):format(scan.folder, id, name),
      }
    end
  end
end

-- ---- weights of all but the best ----

local function experiment_targets(store, experiment)
  local targets = {}
  for _, row in ipairs(store:sql("SELECT targets FROM sweeps WHERE experiment = ? ORDER BY id", experiment)) do
    for name, target in pairs(json.decode(row.targets)) do targets[name] = target end
  end
  return targets
end

-- "-x" -> "x", true; a target's "better" decides when there is no sign.
function garbage.direction(text, targets)
  local unsigned = text:match("^%-(.+)$")
  local metric = unsigned or text
  local target = targets[metric:match("^%a+%((.+)%)$") or metric]
  return metric, unsigned ~= nil or (target ~= nil and target.better == "higher")
end

local function quoted(text)
  return "'" .. text:gsub("'", "''") .. "'"
end

-- The ended runs of an experiment that have the metric, and are not among the
-- best `keep` of all that have it.
local function not_best(store, experiment, text, keep)
  local metric, is_higher = garbage.direction(text, experiment_targets(store, experiment))
  local name = metric:find("%(") and metric or "metric." .. metric
  local columns = { { "id" }, { "status" }, { "ended_at" }, { metric, name = name } }
  local rows = reader.rows(store, "experiment=" .. quoted(experiment), columns, (is_higher and "-" or "") .. name)
  local rest, n_kept, has = {}, 0, false
  for _, row in ipairs(rows) do
    local value = row[metric]
    local is_number = value ~= nil and not encode.nonfinite(value)
    has = has or value ~= nil
    if is_number and row.status == "finished" and n_kept < keep then
      n_kept = n_kept + 1
    elseif value ~= nil and ENDED[row.status] then
      rest[#rest + 1] = row
    end
  end
  table.sort(rest, function(a, b) return a.id < b.id end)
  return rest, has and { experiment = experiment, metric = metric, is_higher = is_higher, kept = n_kept } or nil
end

-- Only what the scan has seen: a plain file in the run's own folder.
local function add_weights(plan, store, scan, row)
  local query = [[SELECT name, path FROM artifacts WHERE run = ? AND kind IN ('network', 'preparation') ORDER BY name]]
  local seen = {}
  for _, file in ipairs(scan.runs[row.id] and scan.runs[row.id].files or {}) do
    seen[("%s/%d/%s"):format(scan.folder, row.id, file.path)] = file
  end
  for _, artifact in ipairs(store:sql(query, row.id)) do
    local file = seen[artifact.path]
    if file then
      plan[#plan + 1] = {
        kind = "weights", run = row.id, artifact = artifact.name, file = file.path, what = artifact.path,
        bytes = file.bytes,
      }
    else
      plan.left[#plan.left + 1] = ("run %d: %s: no plain file in the run's folder"):format(row.id, artifact.path)
    end
  end
end

-- Files that were freed, but for a gc that did not come to its end.
local function add_freed(plan, store, scan, status)
  local is_kept = usage.artifacts(store)
  for _, row in ipairs(store:sql("SELECT run, text FROM notes WHERE text LIKE 'gc freed %' ORDER BY run")) do
    local path = row.text:match("^gc freed .-: (.+), %d+ bytes, SHA%-256 %x+$")
    local prefix = ("%s/%d/"):format(scan.folder, row.run)
    for _, file in ipairs(path and ENDED[status[row.run]] and scan.runs[row.run] and scan.runs[row.run].files or {}) do
      if prefix .. file.path == path and not is_kept[path] then
        plan[#plan + 1] = { kind = "weights", run = row.run, file = file.path, what = path, bytes = file.bytes }
      end
    end
  end
end

local function add_not_best(plan, store, scan, opt)
  plan.kept = {}
  for _, e in ipairs(store:sql("SELECT DISTINCT experiment FROM runs ORDER BY experiment")) do
    local rest, kept = not_best(store, e.experiment, opt.keep_best, opt.keep or 1)
    plan.kept[#plan.kept + 1] = kept
    for _, row in ipairs(rest) do
      local ended = reader.seconds_of(row.ended_at)
      if ended and since(ended) >= (opt.age or 0) then add_weights(plan, store, scan, row) end
    end
  end
end

-- ---- the whole ----

local function add_loose(plan, store)
  local loose = books.delete_loose(store, true)
  if loose.sweeps > 0 then
    plan[#plan + 1] = { kind = "rows", loose = true, what = ("%d sweeps without runs"):format(loose.sweeps), bytes = 0 }
  end
  if loose.sources > 0 then
    plan[#plan + 1] = {
      kind = "rows", loose = true, what = ("%d sources of no sweep"):format(loose.sources), bytes = loose.source_bytes,
    }
  end
end

-- opt.age: seconds, or nil for the default of each kind; opt.keep_best, opt.keep.
-- Beside the items: `left`, what is left alone and why; `young`, how many
-- removed runs are too young; `kept`, how many best runs of which experiments.
function garbage.plan(store, scan, opt)
  local plan = { left = {}, goes = {} }
  local age = opt.age or garbage.seconds "30d"
  local status = known_runs(store)
  if scan.refused then plan.left[1] = scan.refused end
  add_removed(plan, store, scan, age)
  add_folders(plan, store, scan, status, age)
  add_files(plan, scan, status)
  add_freed(plan, store, scan, status)
  if opt.keep_best then add_not_best(plan, store, scan, opt) end
  add_loose(plan, store)
  return plan
end

-- True, or nil, why not, and whether that is a fault.
local function delete(store, item)
  if item.goes then return not item.has_folder or books.delete_folder(store, item.run, true) end
  if item.folder then return books.delete_folder(store, item.folder, false) end
  if item.trash then return books.delete_trash(store, item.trash) end
  if item.loose then
    books.delete_loose(store, false)
    return true
  end
  if item.artifact then
    local ok, why, is_fault = books.free_artifact(store, item.run, item.artifact)
    if not ok then return nil, why, is_fault end
  end
  return books.delete_file(store, item.run, item.file)
end

-- Rows of removed runs, many at a time, as each time waits for the disk; but
-- not too many, as all who write wait for it.
local function delete_rows(store, plan)
  local ids, bytes = {}, 0
  for i, item in ipairs(plan) do
    if item.goes then
      ids[#ids + 1] = item.run
      bytes = bytes + item.row_bytes
    end
    if #ids == BATCH or bytes > BATCH_BYTES or #ids > 0 and i == #plan then
      books.delete_removed(store, ids)
      ids, bytes = {}, 0
    end
  end
end

-- Deletes what is planned: the items that are gone; what is not, and why; how
-- many of these are faults.
function garbage.delete(store, plan)
  local gone, left, faults = {}, {}, 0
  delete_rows(store, plan)
  for _, item in ipairs(plan) do
    local ok, why, is_fault = delete(store, item)
    if ok then gone[#gone + 1] = item else left[#left + 1] = why end
    if is_fault then faults = faults + 1 end
  end
  return gone, left, faults
end

return garbage
