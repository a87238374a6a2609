-- What `latent run` and `latent resume` print when sweeps have ended: their
-- runs and their files. Not a command of its own.
local encode = require "latent.encode"
local reader = require "latent.reader"
local tables = require "latent.table"

local SHOWN_RUNS <const> = 40
local SHOWN_FIGURES <const> = 12

local function folder_of(path)
  return path:match("^(.*)/[^/]*$") or "."
end

local function write_runs(store, sweep)
  local filter = "sweep=" .. sweep
  local columns = { { "id" }, { "status" }, { "seed", dull = true } }
  table.move(reader.knob_columns(store, filter), 1, 100, #columns + 1, columns)
  table.move(reader.metric_columns(store), 1, 100, #columns + 1, columns)
  columns[#columns + 1] = reader.seconds_column()
  local rows = reader.rows(store, filter, columns, "id", SHOWN_RUNS)
  tables.write({ columns = reader.prune(columns, rows), rows = rows })
  if #rows == SHOWN_RUNS then
    local n = store:count(filter)
    if n > #rows then print(("%d more: latent ls sweep=%d --all"):format(n - #rows, sweep)) end
  end
end

local function write_targets(store, sweep)
  local targets = reader.targets(store, sweep)
  for _, name in ipairs(reader.sorted(targets)) do
    local target = targets[name]
    if type(target.value) == "number" then
      print(("target  %s %s %s%s"):format(encode.line(name), target.better == "higher" and ">=" or "<=",
        tables.exact(target.value), target.source and "   (" .. encode.line(target.source) .. ")" or ""))
    end
  end
end

local function write_files(store, sweep, db)
  local rows = store:sql([[SELECT a.path AS path FROM artifacts a JOIN runs r ON r.id = a.run
    WHERE r.sweep = ? AND a.kind = 'figure' ORDER BY a.run, a.name]], sweep)
  for i, row in ipairs(rows) do
    if i > SHOWN_FIGURES then
      print(("figure  %d more: latent sql \"SELECT path FROM artifacts\""):format(#rows - SHOWN_FIGURES))
      break
    end
    print("figure  " .. encode.line(row.path:sub(1, 1) == "/" and row.path or folder_of(db) .. "/" .. row.path))
  end
end

-- The first note: a figure that was not drawn, or the script's own words; not
-- what the store notes of runs that go on.
local function write_notes(store, sweep)
  local rows = store:sql([[SELECT n.run AS run, n.text AS text FROM notes n JOIN runs r ON r.id = n.run
    WHERE r.sweep = ? AND n.text NOT LIKE '%; queued again' AND n.text NOT LIKE 'resumed at %'
    ORDER BY n.run, n.at]], sweep)
  if #rows == 0 then return end
  print(("note    run %d: %s"):format(rows[1].run, encode.line(rows[1].text)))
  if #rows > 1 then print(("note    %d more: latent sql \"SELECT run, text FROM notes\""):format(#rows - 1)) end
end

local function main(argv, context)
  local store <close> = reader.open_only(context)
  for i, text in ipairs(argv) do
    local sweep = math.tointeger(tonumber(text))
    if #argv > 1 then print(("%ssweep %d"):format(i > 1 and "\n" or "", sweep)) end
    write_runs(store, sweep)
    print()
    write_targets(store, sweep)
    write_files(store, sweep, context.db)
    write_notes(store, sweep)
  end
  print("store   " .. context.db)
  return 0
end

return { main = main }
