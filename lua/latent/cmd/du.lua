-- latent du: what runs and the store take up on the disk.
local args = require "latent.args"
local books = require "latent.core.books"
local encode = require "latent.encode"
local fetch = require "latent.core.fetch"
local garbage = require "latent.garbage"
local reader = require "latent.reader"
local tables = require "latent.table"
local usage = require "latent.usage"

local spec <const> = {
  command = "du",
  summary = "disk usage: bytes by run and kind, the store, leftovers",
  positional = { { "FILTER", optional = true, join = true, help = "which runs, e.g. experiment=tied" } },
  options = {
    { "--by", value = "KEY", default = "experiment", choices = { "experiment", "sweep" }, help = "totals by this" },
    { "--limit", value = "N", type = "integer", min = 0, help = "at most N runs (a table: 20), 0: all" },
  },
  formats = true,
  json = "one object: runs, totals, store, leftovers; bytes as numbers",
  text = [[
The largest run comes first. metrics is its share of the store's table of points,
weights what run:save wrote, figures with their scripts. The last lines are about
the store's file and what latent gc would delete. --csv gives the runs.]],
  examples = { { "latent du" }, { "latent du experiment=tied --by sweep" }, { "latent du --json | jq .store" } },
}

local TABLE_LIMIT <const> = 20

local function add_kinds(into, row)
  for _, kind in ipairs(usage.KINDS) do into[kind] = (into[kind] or 0) + row[kind] end
  into.total = (into.total or 0) + row.total
end

local function measure(rows, scan, packed, of_metrics, kinds)
  for _, row in ipairs(rows) do
    for _, kind in ipairs(usage.KINDS) do row[kind] = 0 end
    row.metrics = of_metrics[row.id] or 0
    row.total = row.metrics
    local function add(file, folder)
      local kind = usage.kind(file.path, kinds[("%s/%d/%s"):format(folder, row.id, file.path)])
      row[kind] = row[kind] + file.bytes
      row.total = row.total + file.bytes
    end
    for _, file in ipairs(scan.runs[row.id] and scan.runs[row.id].files or {}) do add(file, scan.folder) end
    for _, file in ipairs(packed[row.id] or {}) do add(file, "runs") end
  end
  table.sort(rows, function(a, b)
    if a.total ~= b.total then return a.total > b.total end
    return a.id < b.id
  end)
end

local function totals(rows, key)
  local groups, order = {}, {}
  for _, row in ipairs(rows) do
    local group = groups[row[key]]
    if not group then
      group = { [key] = row[key], runs = 0 }
      if key == "sweep" then group.experiment = row.experiment end
      groups[row[key]] = group
      order[#order + 1] = group
    end
    group.runs = group.runs + 1
    add_kinds(group, row)
  end
  table.sort(order, function(a, b)
    if a.total ~= b.total then return a.total > b.total end
    return a[key] < b[key]
  end)
  return order
end

local function measure_store(store, context, metrics)
  local pages = books.pages(store)
  local free, all = books.space(context.db)
  return {
    path = context.db, bytes = pages.all * pages.page_bytes, free = pages.free * pages.page_bytes,
    metrics = metrics, log = fetch.size(context.db .. "-wal") or 0, disk_free = free, disk = all,
  }
end

-- Bytes and number by kind of what gc would delete, were it told any age.
local function measure_leftovers(store, scan)
  local found, order = {}, {}
  for _, item in ipairs(garbage.plan(store, scan, { age = 0 })) do
    local group = found[item.kind]
    if not group then
      group = { kind = item.kind, things = 0, bytes = 0 }
      found[item.kind] = group
      order[#order + 1] = group
    end
    group.things = group.things + 1
    group.bytes = group.bytes + item.bytes
  end
  return order
end

local SPARE <const> = { checkpoints = 4, other = 5 } -- on a narrow terminal

local function show_some(n)
  return n and n > 0 and usage.bytes(n) or ""
end

-- With the kinds that there are; with all where rows are for programs.
local function kind_columns(columns, rows)
  for _, kind in ipairs(usage.KINDS) do
    local is_there = not rows
    for _, row in ipairs(rows or {}) do is_there = is_there or row[kind] > 0 end
    if is_there then
      columns[#columns + 1] = { kind, align = "right", show = show_some, spare = SPARE[kind] }
    end
  end
  columns[#columns + 1] = { "total", align = "right", show = usage.bytes }
  return columns
end

local function write_store(s, leftovers)
  print(("store   %s: %s, of it %s metrics, %s free%s"):format(encode.line(s.path), usage.bytes(s.bytes),
    usage.bytes(s.metrics), usage.bytes(s.free), s.log > 0 and "; its log " .. usage.bytes(s.log) or ""))
  print(("disk    %s free of %s"):format(usage.bytes(s.disk_free), usage.bytes(s.disk)))
  for _, group in ipairs(leftovers) do
    print(("gc      %s: %d, %s"):format(group.kind, group.things, usage.bytes(group.bytes)))
  end
end

local function write_tables(rows, opt, store, leftovers)
  local limit = opt.limit or TABLE_LIMIT
  local shown = limit == 0 and rows or table.move(rows, 1, limit, 1, {})
  local columns = kind_columns({
    { "id" }, { "name", spare = 1 }, { "experiment", spare = 3 }, { "status", spare = 2 },
  }, rows)
  tables.write({ columns = columns, rows = shown }, opt)
  if #rows > #shown then print(("%d more (--limit 0)"):format(#rows - #shown)) end
  columns = opt.by == "sweep" and { { "sweep" }, { "experiment", spare = 3 } } or { { "experiment" } }
  columns[#columns + 1] = { "runs" }
  print()
  tables.write({ columns = kind_columns(columns, rows), rows = totals(rows, opt.by) }, opt)
  print()
  write_store(store, leftovers)
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local store <close> = reader.open(context)
  local columns = { { "id" }, { "name" }, { "experiment" }, { "sweep" }, { "status" } }
  local rows = reader.rows(store, opt.filter, columns)
  local is_none = #rows == 0 and opt.filter ~= nil
  if is_none then io.stderr:write("no run matches: ", opt.filter, "\n") end
  if is_none and opt.format ~= "json" then return 3 end
  local scan = usage.scan(store)
  if scan.refused then io.stderr:write(encode.line(scan.refused), "; what lies there is not counted\n") end
  local of_metrics, all_metrics = usage.metrics(store)
  measure(rows, scan, usage.packed(store), of_metrics, usage.artifacts(store))
  local whole = measure_store(store, context, all_metrics)
  local leftovers = measure_leftovers(store, scan)
  local limit = opt.limit or 0
  local shown = limit == 0 and rows or table.move(rows, 1, limit, 1, {})
  if opt.format == "json" then
    io.write(encode.json({
      runs = encode.array(shown), totals = encode.array(totals(rows, opt.by)), store = whole,
      leftovers = encode.array(leftovers),
    }, true), "\n")
  elseif opt.format == "csv" then
    tables.write({ columns = kind_columns(columns), rows = shown }, opt)
  else
    write_tables(rows, opt, whole, leftovers)
  end
  return is_none and 3 or 0
end

return { main = main, spec = spec }
