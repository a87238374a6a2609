-- latent best: the best runs by a metric.
local args = require "latent.args"
local encode = require "latent.encode"
local reader = require "latent.reader"
local tables = require "latent.table"

local spec <const> = {
  command = "best",
  summary = "the best runs by a metric",
  positional = {
    { "METRIC", dashed = true, help = "its last value, or min(METRIC), max(..); -METRIC: higher is better" },
    { "FILTER", optional = true, join = true, help = "among these runs (finished ones, unless it names a status)" },
  },
  options = {
    { "--limit", value = "N", type = "integer", min = 0, default = 10, help = "at most N runs; 0: all" },
  },
  formats = true,
  text = [[
Lower is better, unless the script's target for the metric says otherwise.
Values that are not finite (nan, inf) are no results and not among the best.
With a target, the column "target" holds the value aimed at.]],
  examples = {
    { "latent best test.sse" },
    { "latent best \"min(test.sse)\" tie=tied --limit 3" },
    { "latent best -probe.accuracy" },
  },
}

local function with_status(filter)
  if not filter then return "status=finished" end
  if filter:find("%f[%w_]status%f[^%w_]") then return filter end
  return "(" .. filter .. ") and status=finished"
end

-- "-x" -> "x", true; a target's "better" decides when there is no sign.
local function direction(text, targets)
  local unsigned = text:match("^%-(.+)$")
  local metric = unsigned or text
  local target = targets[metric:match("^%a+%((.+)%)$") or metric]
  return metric, unsigned ~= nil or (target ~= nil and target.better == "higher"), target
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local store <close> = reader.open(context)
  local metric, is_higher, target = direction(opt.metric, reader.targets(store))
  local filter = with_status(opt.filter)
  local columns = {
    { "id" }, { "name" }, { "experiment", dull = opt.format == "table" }, { metric, digits = 5 },
  }
  table.move(reader.knob_columns(store, filter), 1, 100, #columns + 1, columns)
  columns[#columns + 1] = { "seed" }
  columns[#columns + 1] = reader.seconds_column()
  local rows = {}
  for _, row in ipairs(reader.rows(store, filter, columns, (is_higher and "-" or "") .. metric)) do
    if row[metric] ~= nil and not encode.nonfinite(row[metric]) and (opt.limit == 0 or #rows < opt.limit) then
      row.target = target and target.value
      rows[#rows + 1] = row
    end
  end
  if #rows == 0 then
    return reader.nothing(opt, ("no run with a value of %s matches: %s"):format(metric, filter))
  end
  if target then table.insert(columns, 5, { "target", exact = true }) end
  if opt.format == "table" then columns = reader.prune(columns, rows) end
  tables.write({ columns = columns, rows = rows }, opt)
  return 0
end

return { main = main, spec = spec }
