-- latent sql: one SELECT, guarded.
local args = require "latent.args"
local reader = require "latent.reader"
local tables = require "latent.table"

local spec <const> = {
  command = "sql",
  summary = "ask the store in SQL (read-only)",
  positional = { { "STATEMENT", help = "one SELECT; - reads it from standard input" } },
  options = {
    { "--seconds", value = "S", type = "number", default = 60, help = "give up after S seconds; 0: never" },
  },
  formats = true,
  text = [[
Views: runs, params (run, key, value), metrics (run, name, step, epoch, value,
at, kind), finals (run, name, n, last, last_step, min, min_step, max,
max_step, nonfinite), artifacts, notes, tags, sweeps, sources, removed_runs.
Configs are JSON: config ->> 'tie'. Nothing can be changed, no file attached.]],
  examples = {
    { "latent sql \"SELECT id, status, config->>'tie' AS tie FROM runs\"" },
    { "latent sql \"SELECT step, value FROM metrics WHERE run=1 AND name='train.loss'\" --csv" },
  },
}

-- Column names as keys of JSON objects: a repeated one gets its number.
local function unique(names)
  local seen, out = {}, {}
  for i, name in ipairs(names) do
    if seen[name] then name = name .. "_" .. i end
    seen[name] = true
    out[i] = name
  end
  return out
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local text = opt.statement == "-" and io.read("a") or opt.statement
  local store <close> = reader.open_only(context)
  local rows, names = store:query(text, opt.seconds)
  local columns = {}
  local keys = unique(names)
  for i, key in ipairs(keys) do columns[i] = { key, digits = 6 } end
  for _, row in ipairs(rows) do
    for i, key in ipairs(keys) do row[key] = row[i] end
  end
  tables.write({ columns = columns, rows = rows }, opt)
  return 0
end

return { main = main, spec = spec }
