-- latent ls: list runs.
local args = require "latent.args"
local books = require "latent.core.books"
local encode = require "latent.encode"
local json = require "latent.core.json"
local reader = require "latent.reader"
local tables = require "latent.table"

local spec <const> = {
  command = "ls",
  summary = "list runs, the latest first",
  positional = { { "FILTER", optional = true, join = true, help = "which runs, e.g. \"tie=tied and test.sse<2\"" } },
  options = {
    { "--sort", value = "KEY", default = "-id", help = "order by a column, a knob or a metric; -KEY: largest first" },
    { "--limit", value = "N", type = "integer", min = 0, help = "at most N runs (a table: 30), 0: all" },
    { "--all", help = "all runs (as --limit 0)" },
    { "--columns", value = "A,B,...", help = "these columns instead: columns of runs, knobs, metrics" },
    { "--removed", help = "the runs that latent rm removed, instead of the others" },
  },
  formats = true,
  text = [[
Shown are the knobs that differ among the runs, the metrics that FILTER or
--sort name or a script sets targets for, and test losses (last values).

Filters: = != < <= > >=, in (a, b), ~ (contains), and, or, not, parentheses.
A name is a column of runs (id, name, experiment, sweep, status, seed, host,
tag, ...), a knob, or a metric: its last value, or min(..), max(..), first(..).]],
  examples = {
    { "latent ls" },
    { "latent ls \"tie=tied and code>=6\" --sort test.sse" },
    { "latent ls status=failed --columns id,message" },
    { "latent ls --json | jq '.[].id'" },
    { "latent ls --removed" },
  },
}

local TABLE_LIMIT <const> = 30 -- what fits on a screen; programs get all

-- Runs that were cut off: how to go on, on stderr.
local function write_hint(store, filter, context)
  local cut = "status in (lost, interrupted)"
  local rows = reader.rows(store, filter and ("(%s) and %s"):format(filter, cut) or cut, { { "sweep" } })
  if #rows == 0 then return end
  local sweep = rows[1].sweep
  for _, row in ipairs(rows) do sweep = row.sweep == sweep and sweep or nil end
  io.stderr:write(("%d run%s cut off (lost or interrupted): latent resume%s%s\n"):format(#rows,
    #rows == 1 and " was" or "s were", sweep and " " .. sweep or "", encode.line(reader.db_option(context))))
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local store <close> = reader.open(context)
  books.show_removed(store, opt.removed)
  local columns
  if opt.columns then
    columns = {}
    for i, name in ipairs(reader.split_columns(opt.columns)) do columns[i] = { name } end
  else
    columns = reader.list_columns(store, opt.filter, (opt.filter or "") .. " " .. opt.sort)
  end
  -- For programs the whole config: which knobs differ depends on the others.
  local has_config = opt.format == "json" and not opt.columns
  if has_config then columns[#columns + 1] = { "config" } end
  local limit = opt.all and 0 or opt.limit or (opt.format == "table" and TABLE_LIMIT or 0)
  local rows = reader.rows(store, opt.filter, columns, opt.sort, limit)
  if #rows == 0 then
    local what = opt.removed and "removed run" or "run"
    return reader.nothing(opt, opt.filter and ("no %s matches: %s"):format(what, opt.filter) or
      ("no %ss in %s"):format(what, context.db))
  end
  if opt.removed and not opt.columns then columns[#columns + 1] = reader.add_removal(store, rows) end
  for _, row in ipairs(has_config and rows or {}) do row.config = json.decode(row.config) end
  if opt.format == "table" then columns = reader.prune(columns, rows) end
  tables.write({ columns = columns, rows = rows }, opt)
  if limit > 0 and #rows == limit then
    local more = store:count(opt.filter) - #rows
    if more > 0 then io.stderr:write(("%d more (--all, or --limit N)\n"):format(more)) end
  end
  if opt.format == "table" and not opt.columns and not opt.removed then write_hint(store, opt.filter, context) end
  return 0
end

return { main = main, spec = spec }
