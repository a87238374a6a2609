-- latent export: runs as one file, or their metrics for other programs.
local args = require "latent.args"
local core = require "latent.core.exchange"
local encode = require "latent.encode"
local output = require "latent.output"
local reader = require "latent.reader"
local sys = require "latent.core.sys"
local taking = require "latent.taking"

local spec <const> = {
  command = "export",
  summary = "runs with their files as one file, or as CSV",
  positional = { { "RUN|FILTER", field = "run", join = true,
    help = "an id, a unique prefix of a name, @last, @best(METRIC); or a filter: tie=tied" } },
  options = {
    { "-o", "--output", value = "FILE", help = "the file (default: the run's name, .latent); - for standard output" },
    { "--force", help = "replace the file if it is there" },
  },
  formats = true,
  json = "all points of all metrics, as an array of objects",
  text = [[
The file holds all there is of the runs: config, metrics, notes, tags, the
script and its modules, saved networks and figures. It is a store itself:
`latent --db FILE` lists, shows and plots it. `latent import FILE` takes it into
another store.

--csv and --json write the points of every metric, for other programs: run,
name, step, epoch, value, kind (finite, nan, +inf, -inf), to standard output or
to FILE.]],
  examples = {
    { "latent export 12", "then, elsewhere: latent import kq3xw8h2m.latent" },
    { "latent export tie=tied and status=finished -o tied.latent" },
    { "latent export @last --csv > metrics.csv" },
  },
}

-- Ids of the runs that the words mean: one run, or a filter.
local function find(store, text)
  if text:find("^[%w@][%w_]*$") or text:find("^@") then return { store:find(text) } end
  local ids = {}
  for i, row in ipairs(store:table(text, { columns = { "id" }, order = "id" })) do ids[i] = row.id end
  if #ids == 0 then error({ status = 3, message = "no run matches: " .. text }, 0) end
  return ids
end

-- ---- text ----

local COLUMNS <const> = { "run", "name", "step", "epoch", "value", "kind" }

-- put(row) for each point of the runs.
local function each_point(store, ids, put)
  for _, id in ipairs(ids) do
    for _, name in ipairs(reader.sorted(store:finals(id))) do
      local steps, epochs, values = store:metric(id, name)
      for i, value in ipairs(values) do
        local epoch = epochs[i]
        put { run = id, name = name, step = steps[i], epoch = epoch == epoch and epoch or nil, value = value,
          kind = encode.nonfinite(value) or "finite" }
      end
    end
  end
end

local function write_csv(store, ids, write)
  write(table.concat(COLUMNS, ","), "\n")
  each_point(store, ids, function(row)
    local cells = {}
    for i, key in ipairs(COLUMNS) do cells[i] = encode.csv(row[key]) end
    write(table.concat(cells, ","), "\n")
  end)
end

local function write_json(store, ids, write)
  local before = "[\n"
  each_point(store, ids, function(row)
    if row.kind ~= "finite" then row.value = nil end
    write(before, encode.json_row(row, COLUMNS))
    before = ",\n"
  end)
  write(before == "[\n" and "[]\n" or "\n]\n")
end

-- Refuses a file that is not to be replaced.
local function check_place(path, opt, context)
  if not sys.exists(path) then return end
  if sys.real(path) == sys.real(context.db) then
    error({ status = 2, message = path .. ": is the store itself" }, 0)
  end
  if not opt.force then
    error({ status = 2, message = path .. ": is there already (--force replaces it)" }, 0)
  end
end

-- Calls give(write), with what it writes going to the file whole or not at all.
local function to_file(path, give)
  local part = path .. ".part"
  local file, message = io.open(part, "w")
  if not file then error({ status = 4, message = message }, 0) end
  local ok, problem = pcall(give, function(...)
    local fine, why = file:write(...)
    if not fine then error({ status = 4, message = part .. ": " .. why }, 0) end
  end)
  local closed, why = file:close()
  if ok and not closed then ok, problem = false, { status = 4, message = part .. ": " .. why } end
  if ok then
    local moved
    moved, why = os.rename(part, path)
    if not moved then ok, problem = false, { status = 4, message = why } end
  end
  if not ok then
    os.remove(part)
    error(problem, 0)
  end
end

local function write_text(store, ids, opt, context)
  local give = opt.format == "csv" and write_csv or write_json
  if not opt.output or opt.output == "-" then
    local raw = not sys.isatty(1)
    give(store, ids, function(...)
      if raw then output.raw(io.stdout, ...) else io.stdout:write(...) end
    end)
    return
  end
  check_place(opt.output, opt, context)
  to_file(opt.output, function(write) give(store, ids, write) end)
end

-- ---- a file ----

local BLOCK <const> = 1 << 20

local function pour(path)
  local file <close> = assert(io.open(path, "r"))
  os.remove(path) -- by now: who reads may end early, and this process with that
  for block in function() return file:read(BLOCK) end do output.raw(io.stdout, block) end
end

-- The file for standard output, made in the folder for temporary files.
local function write_out(ids, context)
  if sys.isatty(1) then
    error({ status = 2, message = "the file is not for a terminal: wanted -o FILE, or standard output elsewhere" }, 0)
  end
  local path = os.tmpname()
  local report = core.export { from = context.db, runs = ids, path = path, replace = true }
  if not report.error then
    local ok, problem = pcall(pour, path)
    if not ok then report.error, report.status = tostring(problem), "EIO" end
  end
  os.remove(path)
  return report
end

local function write_file(store, ids, opt, context)
  local path = opt.output
  if not path and #ids > 1 then
    error({ status = 2, message = ("%d runs match: wanted -o FILE"):format(#ids) }, 0)
  end
  path = path or store:sql("SELECT name FROM runs WHERE id = ?", ids[1])[1].name:gsub("[^%w]", "_") .. ".latent"
  check_place(path, opt, context)
  local report = core.export { from = context.db, runs = ids, path = path, replace = opt.force }
  return report, path
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local store <close> = reader.open(context)
  local ids = find(store, opt.run)
  if opt.format ~= "table" then
    write_text(store, ids, opt, context)
    return 0
  end
  local report, path
  if opt.output == "-" then
    report = write_out(ids, context)
  else
    report, path = write_file(store, ids, opt, context)
  end
  taking.tell(report)
  if report.status == "ENOTFOUND" then error({ status = 3, message = report.error }, 0) end
  taking.check(report)
  local text = ("%s, %s (%s), %s"):format(taking.count(report.new, "run"), taking.count(report.files, "file"),
    taking.size(report.bytes), taking.count(report.values, "value"))
  if path then io.write(("%s: %s\n"):format(encode.line(path), text)) else io.stderr:write(text, "\n") end
  return report.refused > 0 and 4 or 0
end

return { main = main, spec = spec }
